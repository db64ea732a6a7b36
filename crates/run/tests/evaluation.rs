//! The evaluation of runs, their checkpoints and imported models, and comparisons of them. What a card holds is tested in
//! `seqjepa-evaluation`.

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use seqjepa_evaluation::{
    ComparedRun, Comparison, EvaluationRequest, ModelOrigin, ModelSource, ProtocolKind, ResultCard, evaluate,
};
use seqjepa_model::DynMethod;
use seqjepa_nn::StateDict;
use seqjepa_run::{
    Config, LoadedModel, PretrainedSource, Registry, Run, RunCheckpoint, RunData, code_version,
};
use seqjepa_train::observer::Observers;
use seqjepa_train::storage::Folder;

/// A model of a few thousand parameters on a few small images.
const TINY: &str = "
run: {name: tiny, seed: 7, device: flex, epochs: 1}
dataset: {name: synthetic, seq_len: 2, batch_size: 8, synthetic_train: 48, synthetic_val: 20, num_workers: 1}
model: {img_size: 16, width: 4, pred_hidden: 16, num_heads: 2, num_enc_layers: 1, act_projdim: 8}
eval: {seq_len: 2, max_seq_len: 3, candidates: 3, other_candidates: 8, batch_size: 8, bootstrap: 20, num_workers: 1}
";

fn config(overrides: &[&str]) -> Config {
    Config::parse(TINY, "tiny", overrides).unwrap()
}

struct Subject {
    config: Config,
    data: RunData,
    device: Device,
    method: Box<dyn DynMethod>,
}

impl Subject {
    fn new(overrides: &[&str]) -> Self {
        let config = config(overrides);
        let data = RunData::open(&config, &mut Observers::new()).unwrap();
        let device = Device::flex();
        let method = Registry::standard().method(&config).unwrap();
        // Any model other than the random one that it is held against.
        let method = method.init(config.run.seed + 1, &device).unwrap();
        Self { config, data, device, method }
    }

    fn evaluate(&self) -> ResultCard {
        let origin = ModelOrigin {
            source: ModelSource::Run,
            path: None,
            file_sha256: None,
            epochs: Some(1),
            steps: None,
            target_encoder: true,
        };
        measure(&self.config, &self.data, &self.device, &*self.method, origin, None)
    }
}

fn measure(
    config: &Config,
    data: &RunData,
    device: &Device,
    method: &dyn DynMethod,
    origin: ModelOrigin,
    cache_folder: Option<&Folder>,
) -> ResultCard {
    let request = EvaluationRequest {
        settings: &config.eval,
        method,
        seed: config.run.seed,
        data: data.for_evaluation(config),
        device,
        origin,
        observed_views: config.dataset.seq_len,
        batch_size: config.dataset.batch_size,
        code: code_version(),
        config: config.to_json(),
        cache_folder,
    };
    evaluate(&request, &mut Observers::new()).unwrap()
}

#[test]
fn the_papers_figures_are_for_orientation_on_other_data_or_protocols() {
    let card = Subject::new(&[]).evaluate();
    let paper = |name: &str| card.figure(name).unwrap().published.clone();
    // M_train 2 has a row of its own in the paper's grid.
    let top1 = paper("top1_z_agg_m2").unwrap();
    assert_eq!((top1.value, top1.comparable), (58.0, false));
    let told = top1.differences.join("; ");
    for words in ["synthetic", "48 + 20 images", "protocol exact", "width 4", "2000"] {
        assert!(told.contains(words), "{words} in {told}");
    }
    assert_eq!(paper("r2_crop").unwrap().value, 0.79);
    assert_eq!(paper("r2_hue"), None);
    assert_eq!(paper("top5_z_agg_m2"), None);
}

#[test]
fn a_constant_target_has_no_figure() {
    let card = Subject::new(&["dataset.no_blur=true"]).evaluate();
    for name in ["r2_sigma", "r2_blur", "leakage_r2_blur", "absolute_r2_sigma"] {
        let figure = card.figure(name).unwrap();
        assert!(figure.trained.value.is_none(), "{figure:?}");
        assert!(figure.trained.note.as_ref().unwrap().contains("the same in all test images"), "{figure:?}");
    }
    assert!(card.figure("r2_mean").unwrap().trained.note.as_ref().unwrap().contains("sigma"));
}

fn train(folder: &Path, overrides: &[&str]) -> Run {
    let output = format!("run.output_dir={}", folder.display());
    let mut overrides = overrides.to_vec();
    overrides.push(&output);
    let mut run = Run::start(config(&overrides), &mut Observers::new()).unwrap();
    run.train(&mut Observers::new()).unwrap();
    run
}

#[test]
fn a_run_and_its_checkpoint_give_the_same_card() {
    let scratch = tempfile::tempdir().unwrap();
    let kept = scratch.path().join("kept");
    let run = train(&scratch.path().join("run"), &[&format!("eval.cache_dir={}", kept.display())]);
    let from_run = run.evaluate(&mut Observers::new()).unwrap();
    assert!(run.folder().evaluation().exists());

    let source = PretrainedSource {
        overrides: vec![format!("eval.cache_dir={}", kept.display())],
        ..PretrainedSource::from(run.folder().root())
    };
    let loaded = LoadedModel::read(&source).unwrap();
    assert_eq!(loaded.card_path(), run.folder().evaluation());
    let card =
        measure(&loaded.config, run.data(), &loaded.device, &*loaded.method, loaded.origin.clone(), None);
    assert_eq!(card.cache.extracted, 0, "the run's features are kept in `eval.cache_dir` and read");
    assert_eq!(card.figures, from_run.figures);
    assert_eq!(card.model.model_sha256, from_run.model.model_sha256);
    assert_eq!(card.model.origin.file_sha256, from_run.model.origin.file_sha256);

    let row = run.rows().last().unwrap();
    for name in
        ["z_rankme", "z_lidar", "z_std_ratio", "z_alignment", "z_uniformity", "z_drift_cosine", "z_collapse"]
    {
        assert!(row.get(name).is_some_and(f64::is_finite), "{name}");
    }
    for name in ["z_agg_rankme", "z_agg_std_ratio", "z_agg_uniformity", "z_agg_collapse"] {
        assert!(row.get(name).is_some_and(f64::is_finite), "{name}");
    }
}

#[test]
fn an_imported_model_may_lack_its_target_encoder() {
    let scratch = tempfile::tempdir().unwrap();
    let subject = Subject::new(&[]);
    let path = scratch.path().join("model.safetensors");
    let online: StateDict = subject
        .method
        .state_dict()
        .into_iter()
        .filter(|(name, _)| !name.starts_with("target_encoder."))
        .collect();
    seqjepa_model::export_tensors(&online, &path).unwrap();
    let yaml = scratch.path().join("config.yaml");
    fs::write(&yaml, TINY).unwrap();
    let source =
        PretrainedSource { checkpoint: path.clone(), config: Some(yaml), ..PretrainedSource::default() };
    let loaded = LoadedModel::read(&source).unwrap();
    assert!(!loaded.origin.target_encoder);
    assert_eq!(loaded.card_path(), scratch.path().join("model.evaluation.json"));
    let card =
        measure(&loaded.config, &subject.data, &loaded.device, &*loaded.method, loaded.origin.clone(), None);
    assert!(card.figure("mrr_same").unwrap().trained.note.as_ref().unwrap().contains("no target encoder"));
    assert!(card.figure("mrr_same").unwrap().random.value.is_some());
    assert!(card.figure("top1_z1").unwrap().trained.value.is_some());
    assert!(card.diagnostics.trained.drift_absent.is_some());

    let message = LoadedModel::read(&path.as_path().into()).unwrap_err().to_string();
    assert!(
        message.contains("or a config beside it, found a SafeTensors file of another program"),
        "{message}"
    );
    let without: StateDict = online.into_iter().filter(|(name, _)| name != "agg_token").collect();
    seqjepa_model::export_tensors(&without, &path).unwrap();
    let message = LoadedModel::read(&source).unwrap_err().to_string();
    assert!(message.contains("agg_token"), "{message}");
}

#[test]
fn checkpoints_of_the_older_config_still_read() {
    let scratch = tempfile::tempdir().unwrap();
    let run = train(&scratch.path().join("run"), &["eval.regressors=linear"]);
    let checkpoint = RunCheckpoint::load(&run.folder().last_checkpoint()).unwrap();
    assert_eq!(
        checkpoint.record.config.eval.protocols(),
        [ProtocolKind::Exact, ProtocolKind::Linear],
        "the older key adds its protocol"
    );
}

#[test]
fn a_comparison_marks_what_differs() {
    let scratch = tempfile::tempdir().unwrap();
    let cards = [
        ("a", Subject::new(&[]).evaluate()),
        ("b", Subject::new(&["dataset.seq_len=3", "eval.exact_passes=2"]).evaluate()),
        ("c", Subject::new(&["run.name=same"]).evaluate()),
    ];
    let runs = cards.map(|(name, card)| {
        let path = scratch.path().join(format!("{name}.json"));
        card.save(&path).unwrap();
        ComparedRun::from_card(&path).unwrap()
    });
    let comparison = Comparison::new(runs.into());
    let markdown = comparison.markdown();
    assert!(
        markdown.contains("b is not comparable with a: training rows 96, not 48; passes 2, not 1"),
        "{markdown}"
    );
    assert!(!markdown.contains("c is not comparable"), "{markdown}");
    assert!(!markdown.contains("paper"), "no published figures beside other data: {markdown}");

    let csv = comparison.csv();
    let columns = |line: &str| {
        let mut quoted = false;
        1 + line
            .chars()
            .filter(|c| {
                quoted ^= *c == '"';
                *c == ',' && !quoted
            })
            .count()
    };
    let expected = columns(csv.lines().next().unwrap());
    assert!(csv.lines().all(|line| columns(line) == expected), "{csv}");
    assert!(csv.lines().any(|line| line.starts_with("a,top1_z_agg_m2,exact,")), "{csv}");

    let grid = comparison.grid();
    let titles: Vec<&str> = grid.rows.iter().map(|(title, _)| title.as_str()).collect();
    assert_eq!(
        titles,
        // None was measured as the published ones, which stand nowhere beside them.
        ["M_train 2 a", "M_train 3 b", "M_train 2 c"]
    );
    assert!(grid.rows[0].1[2].is_some() && grid.rows[0].1.get(3).is_none_or(Option::is_none));
}

//! The evaluation of tiny models: what a card holds, that frozen is frozen, the cache, odd data, and comparisons.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use seqjepa_data::{
    DataError, Fingerprint, SequenceKey, SequenceLayout, SequenceScratch, SequenceSlot, SequenceSource,
};
use seqjepa_evaluation::{
    ComparedRun, Comparison, EvaluationError, EvaluationRequest, Fit, ModelOrigin, ModelSource, ProtocolKind,
    ResultCard, evaluate,
};
use seqjepa_model::DynMethod;
use seqjepa_nn::StateDict;
use seqjepa_run::registry::DataSet;
use seqjepa_run::{Config, LoadedModel, PretrainedSource, Registry, Run, RunCheckpoint, RunData, code_version};
use seqjepa_train::observer::Observers;

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
        let method = other_model(&config, &device);
        Self { config, data, device, method }
    }

    fn origin() -> ModelOrigin {
        ModelOrigin {
            source: ModelSource::Run,
            path: None,
            file_sha256: None,
            epochs: Some(1),
            steps: None,
            target_encoder: true,
        }
    }

    fn evaluate(&self, cache: Option<&Path>) -> Result<ResultCard, RunError> {
        let request = EvaluationRequest {
            config: &self.config,
            data: &self.data,
            device: &self.device,
            model: &self.model,
            origin: Self::origin(),
            cache_folder: cache,
        };
        evaluate(&request, &mut Observers::new())
    }
}

/// Any model other than the random one that it is held against.
fn other_model(config: &Config, device: &Device) -> Box<dyn DynMethod> {
    let method = Registry::standard().method(config).unwrap();
    method.init(config.run.seed + 1, device).unwrap()
}

fn measure(
    config: &Config,
    data: &RunData,
    device: &Device,
    method: &dyn DynMethod,
    origin: ModelOrigin,
    cache_folder: Option<&Path>,
) -> Result<ResultCard, EvaluationError> {
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
    evaluate(&request, &mut Observers::new())
}

/// Everything but how the features were come by.
fn json(card: &ResultCard) -> String {
    serde_json::to_string(card).unwrap()
}

fn bits(tensors: StateDict) -> Vec<(String, Vec<u8>)> {
    tensors.into_iter().map(|(name, data)| (name, data.as_bytes().to_vec())).collect()
}

#[test]
fn frozen_is_frozen_and_a_second_evaluation_reads_the_cache() {
    let scratch = tempfile::tempdir().unwrap();
    let subject =
        Subject::new(&["eval.protocols=[exact, linear]", "eval.probe_epochs=2", "eval.probe_lr=0.001"]);
    let before = bits(subject.method.state_dict());
    let first = subject.evaluate(Some(scratch.path())).unwrap();
    assert!(before.iter().any(|(name, _)| name.ends_with("running_var")));
    assert!(bits(subject.method.state_dict()) == before, "a parameter or running statistic has moved");

    // Two models: two training passes, the test pass and the candidates of each.
    assert_eq!(
        (first.cache.read, first.cache.extracted),
        (2, 8),
        "the protocol by descent reads the first pass again"
    );
    let second = subject.evaluate(Some(scratch.path())).unwrap();
    assert_eq!((second.cache.read, second.cache.extracted), (10, 0));
    assert_eq!(json(&second), json(&first));

    // Another seed is another set of views.
    let other = Subject { config: config(&["run.seed=9"]), ..subject };
    assert_eq!(other.evaluate(Some(scratch.path())).unwrap().cache.read, 0);
}

#[test]
fn a_model_on_an_autodiff_device_does_not_move_either() {
    let mut subject = Subject::new(&[]);
    let plain = subject.evaluate(None).unwrap();
    subject.device = Device::flex().autodiff();
    subject.method = other_model(&subject.config, &subject.device);
    let before = bits(subject.method.state_dict());
    let card = subject.evaluate(None).unwrap();
    assert!(bits(subject.method.state_dict()) == before, "a parameter or running statistic has moved");
    assert_eq!(card.figures, plain.figures);
}

#[test]
fn damaged_features_are_extracted_anew_with_the_same_figures() {
    let scratch = tempfile::tempdir().unwrap();
    let subject = Subject::new(&[]);
    let first = subject.evaluate(Some(scratch.path())).unwrap();
    let files: Vec<_> = fs::read_dir(scratch.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 6);
    let mut bytes = fs::read(&files[0]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&files[0], bytes).unwrap();
    let whole = fs::read(&files[1]).unwrap();
    fs::write(&files[1], &whole[..whole.len() - 3]).unwrap();
    let second = subject.evaluate(Some(scratch.path())).unwrap();
    assert_eq!((second.cache.damaged, second.cache.extracted, second.cache.read), (2, 2, 4));
    assert_eq!(json(&second), json(&first));
    assert_eq!(subject.evaluate(Some(scratch.path())).unwrap().cache.extracted, 0);
}

#[test]
fn without_a_cache_nothing_is_kept_and_the_figures_are_the_same() {
    let scratch = tempfile::tempdir().unwrap();
    let kept = Subject::new(&[]).evaluate(Some(scratch.path())).unwrap();
    let folder = scratch.path().join("none");
    let subject = Subject::new(&["eval.cache=false"]);
    let card = subject.evaluate(Some(&folder)).unwrap();
    assert!(!folder.exists());
    assert_eq!(card.figures, kept.figures);
}

#[test]
fn a_card_holds_every_figure_with_its_protocol() {
    let scratch = tempfile::tempdir().unwrap();
    let card = Subject::new(&[]).evaluate(None).unwrap();
    let path = scratch.path().join("card.json");
    card.save(&path).unwrap();
    let read = ResultCard::load(&path).unwrap();
    assert_eq!(read.figures.len(), card.figures.len());
    for (read, written) in read.figures.iter().zip(&card.figures) {
        assert_eq!((&read.name, &read.protocol), (&written.name, &written.protocol));
        // The JSON reader may be off by the last bit.
        let [read, written] = [read, written].map(|figure| figure.trained.value.unwrap_or(0.0));
        assert!((read - written).abs() <= 1e-15 * written.abs(), "{read} {written}");
    }
    assert_eq!((&read.config, &read.model, &read.code), (&card.config, &card.model, &card.code));

    let mut expected: Vec<String> =
        ["top1_z1", "top5_z1", "knn20_z_agg", "knn200_z_agg", "knn20_z1", "knn200_z1"]
            .map(str::to_owned)
            .into();
    for views in 1..=3 {
        expected.extend([format!("top1_z_agg_m{views}"), format!("top5_z_agg_m{views}")]);
    }
    let parameters =
        ["top", "left", "height", "width", "brightness", "contrast", "saturation", "hue", "sigma"];
    for prefix in ["r2", "leakage_r2", "absolute_r2"] {
        for part in ["crop", "jitter", "blur", "mean"].iter().chain(&parameters) {
            expected.push(format!("{prefix}_{part}"));
        }
    }
    for suffix in ["same", "other"] {
        expected.extend(["mrr", "hit1", "hit5"].map(|figure| format!("{figure}_{suffix}")));
    }
    let mut found: Vec<String> = card.figures.iter().map(|figure| figure.name.clone()).collect();
    assert_eq!(found.len(), expected.len());
    found.sort();
    expected.sort();
    assert_eq!(found, expected);

    for figure in &card.figures {
        let protocol = &figure.protocol;
        for measured in [&figure.trained, &figure.random] {
            match (measured.value, measured.interval) {
                (Some(value), Some([low, high])) => {
                    assert!(value.is_finite() && low <= high, "{figure:?}");
                }
                (None, None) => assert!(measured.note.is_some(), "{figure:?}"),
                _ => panic!("{figure:?}"),
            }
        }
        assert_eq!((protocol.seed, protocol.test_samples <= 20), (7, true), "{figure:?}");
        assert!(protocol.augmentation.contains("blur p 1"), "{figure:?}");
        let rows = if protocol.name == "retrieval" { 0 } else { 48 };
        assert_eq!(protocol.train_samples, rows, "{figure:?}");
        if protocol.name == "exact" {
            assert!(matches!(protocol.fit, Fit::Exact { .. }), "{figure:?}");
        }
    }
    let headline = card.figure("top1_z_agg_m2").unwrap();
    assert_eq!((headline.protocol.observed_views, headline.protocol.representation.as_str()), (2, "z_AGG"));
    assert!(headline.trained.penalty.is_some());
    assert_eq!((card.data.train_images, card.data.test_images), (48, 20));
    // Three candidates of the same image leave no figure among five; eight of other images do.
    assert!(card.figure("hit5_same").unwrap().trained.value.is_none());
    assert_eq!(card.figure("hit5_other").unwrap().protocol.test_samples, 16);
    assert!(card.diagnostics.trained.drift.is_some());
    assert!(card.diagnostics.trained.encoder.figures.as_ref().unwrap().lidar.is_some());
}

#[test]
fn the_papers_figures_are_for_orientation_on_other_data_or_protocols() {
    let card = Subject::new(&[]).evaluate(None).unwrap();
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
fn the_published_protocols_say_what_they_are() {
    let subject = Subject::new(&[
        "eval.protocols=[paper]",
        "eval.probe_epochs=2",
        "eval.feature_passes=2",
        "eval.probe_lr=0.001",
    ]);
    let card = subject.evaluate(None).unwrap();
    assert!(card.figure_by("top1_z_agg_m2", ProtocolKind::Exact).is_none());
    assert!(card.figure("top1_z_agg_m3").is_none(), "the published probes read M_val views");
    let crop = card.figure_by("r2_crop", ProtocolKind::Paper).unwrap();
    assert!(crop.protocol.probe.contains("MLP") && crop.trained.interval.is_some(), "{crop:?}");
    let Fit::Descent { epochs, lr, standardized, .. } = &crop.protocol.fit else { panic!("{crop:?}") };
    assert_eq!((*epochs, *lr, *standardized), (2, 0.001, false));
    assert_eq!((crop.protocol.passes, crop.protocol.train_samples), (2, 96));
    assert!(!card.figure("r2_blur").unwrap().protocol.probe.contains("MLP"));
    assert!(card.figure("r2_mean").unwrap().trained.value.is_some());

    // A probe that diverges has no figure and says so.
    let wild = Subject {
        config: config(&["eval.protocols=[linear]", "eval.probe_lr=1e30", "eval.probe_epochs=2"]),
        ..subject
    };
    let card = wild.evaluate(None).unwrap();
    let crop = card.figure("r2_crop").unwrap();
    assert!(crop.trained.note.as_ref().unwrap().contains("diverged"), "{crop:?}");
    assert!(crop.trained.value.is_none());
}

#[test]
fn the_target_encoder_can_be_evaluated_where_there_is_one() {
    let subject = Subject::new(&["eval.encoder=target"]);
    let card = subject.evaluate(None).unwrap();
    assert!(card.figures.iter().all(|figure| figure.protocol.encoder.name() == "target"));
    assert!(
        card.figure("top1_z_agg_m2")
            .unwrap()
            .published
            .as_ref()
            .unwrap()
            .differences
            .iter()
            .any(|d| d.contains("target"))
    );

    let without = Subject::new(&["eval.encoder=target", "model.ema=false"]);
    let message = without.evaluate(None).unwrap_err().to_string();
    assert!(message.contains("target encoder") && message.contains("eval.encoder"), "{message}");
    let stop_gradient = Subject::new(&["model.ema=false"]).evaluate(None).unwrap();
    assert!(stop_gradient.diagnostics.trained.drift_absent.is_some());
    assert!(stop_gradient.figure("mrr_same").unwrap().trained.value.is_some());
}

/// The same sequences under other labels.
#[derive(Debug)]
struct Relabelled {
    inner: Arc<dyn SequenceSource>,
    names: Vec<String>,
    /// The label of a sample is its index modulo this.
    modulus: u32,
}

impl SequenceSource for Relabelled {
    fn len(&self) -> usize {
        self.inner.len()
    }

    fn label(&self, index: usize) -> Option<u32> {
        Some(index as u32 % self.modulus)
    }

    fn class_names(&self) -> &[String] {
        &self.names
    }

    fn layout(&self) -> &SequenceLayout {
        self.inner.layout()
    }

    fn fingerprint(&self) -> Fingerprint {
        self.inner.fingerprint()
    }

    fn settings(&self) -> String {
        self.inner.settings()
    }

    fn description(&self) -> String {
        self.inner.description()
    }

    fn fill(
        &self,
        key: SequenceKey,
        scratch: &mut SequenceScratch,
        slot: SequenceSlot<'_>,
    ) -> Result<(), DataError> {
        self.inner.fill(key, scratch, slot)
    }

    fn with_observed_views(&self, views: usize) -> Result<Arc<dyn SequenceSource>, DataError> {
        Ok(Arc::new(Self {
            inner: self.inner.with_observed_views(views)?,
            names: self.names.clone(),
            modulus: self.modulus,
        }))
    }

    fn candidates(&self, views: usize) -> Option<Result<Arc<dyn SequenceSource>, DataError>> {
        self.inner.candidates(views)
    }
}

/// The data of a subject with `classes` classes, of which training and test samples have the first so many.
fn relabelled(subject: &Subject, classes: usize, used: [u32; 2]) -> RunData {
    let names: Vec<String> = (0..classes).map(|class| format!("class {class}")).collect();
    let set = subject.data.set();
    let relabel = |inner: &Arc<dyn SequenceSource>, modulus| -> Arc<dyn SequenceSource> {
        Arc::new(Relabelled { inner: Arc::clone(inner), names: names.clone(), modulus })
    };
    let set = DataSet { train: relabel(&set.train, used[0]), test: relabel(&set.test, used[1]) };
    RunData::new(&subject.config, set).unwrap()
}

#[test]
fn unlabelled_images_leave_class_figures_absent() {
    let mut subject =
        Subject::new(&["eval.protocols=[exact, linear]", "eval.probe_epochs=1", "eval.probe_lr=0.001"]);
    subject.data = relabelled(&subject, 1, [1, 1]);
    let card = subject.evaluate(None).unwrap();
    for figure in &card.figures {
        if ["top1", "top5", "knn"].iter().any(|prefix| figure.name.starts_with(prefix)) {
            assert!(figure.trained.value.is_none(), "{figure:?}");
            assert!(figure.trained.note.as_ref().unwrap().contains("unlabelled"), "{figure:?}");
        }
    }
    assert!(card.figure("r2_crop").unwrap().trained.value.is_some());
}

#[test]
fn missing_classes_are_counted_and_few_classes_have_no_top5() {
    let mut subject = Subject::new(&[]);
    subject.data = relabelled(&subject, 5, [2, 3]);
    let card = subject.evaluate(None).unwrap();
    assert_eq!(card.data.missing_classes, [3, 2]);
    let top1 = card.figure("top1_z_agg_m2").unwrap();
    assert!(top1.trained.value.is_some());
    assert!(top1.trained.note.as_ref().unwrap().contains("no training image"), "{top1:?}");
    let top5 = card.figure("top5_z_agg_m2").unwrap();
    assert!(top5.trained.note.as_ref().unwrap().contains("more than five classes"), "{top5:?}");
}

#[test]
fn a_constant_target_has_no_figure() {
    let card = Subject::new(&["dataset.no_blur=true"]).evaluate(None).unwrap();
    for name in ["r2_sigma", "r2_blur", "leakage_r2_blur", "absolute_r2_sigma"] {
        let figure = card.figure(name).unwrap();
        assert!(figure.trained.value.is_none(), "{figure:?}");
        assert!(figure.trained.note.as_ref().unwrap().contains("the same in all test images"), "{figure:?}");
    }
    assert!(card.figure("r2_mean").unwrap().trained.note.as_ref().unwrap().contains("sigma"));
}

#[test]
fn features_that_are_not_finite_leave_figures_absent() {
    let mut subject = Subject::new(&["eval.protocols=[exact, linear]", "eval.probe_epochs=1"]);
    // Overflow in the first convolution.
    let tensors = subject.method.state_dict().into_iter().map(|(name, data)| {
        let broken = name == "encoder.conv1.weight" || name == "encoder.bn1.weight";
        let values = data.convert::<f32>();
        let shape = values.shape().to_vec();
        let scale = if broken { f32::MAX } else { 1.0 };
        let is_counter = name.ends_with("num_batches_tracked");
        if is_counter {
            (name, data_of_counter(values))
        } else {
            let scaled: Vec<f32> =
                values.as_slice::<f32>().unwrap().iter().map(|value| value * scale).collect();
            (name, burn::tensor::TensorData::new(scaled, shape))
        }
    });
    let tensors: Vec<_> = tensors.collect();
    subject.model = seqjepa_nn::load_state_dict(subject.model.clone(), tensors).unwrap();
    let card = subject.evaluate(None).unwrap();
    for name in ["top1_z1", "top1_z_agg_m2", "r2_crop", "knn20_z1", "mrr_other"] {
        let figure = card.figure(name).unwrap();
        assert!(figure.trained.value.is_none() && figure.trained.note.is_some(), "{figure:?}");
        assert!(figure.random.value.is_some(), "{figure:?}");
    }
    assert!(card.diagnostics.trained.encoder.absent.is_some());
}

fn data_of_counter(values: burn::tensor::TensorData) -> burn::tensor::TensorData {
    values.convert::<i64>()
}

#[test]
fn one_test_image_is_enough_for_a_card() {
    let card =
        Subject::new(&["dataset.synthetic_val=1", "dataset.synthetic_train=3"]).evaluate(None).unwrap();
    assert!(card.figure("r2_crop").unwrap().trained.value.is_none());
    for figure in &card.figures {
        assert!(figure.trained.value.is_some() || figure.trained.note.is_some(), "{figure:?}");
    }
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
    let run = train(&scratch.path().join("run"), &[]);
    let from_run = run.evaluate(&mut Observers::new()).unwrap();
    assert!(run.folder().evaluation().exists());

    let loaded = LoadedModel::read(&PretrainedSource::from(run.folder().root())).unwrap();
    assert_eq!(loaded.card_path(), run.folder().evaluation());
    let card = measure(
        &loaded.config,
        run.data(),
        &loaded.device,
        &*loaded.method,
        loaded.origin.clone(),
        Some(&loaded.cache_folder()),
    )
    .unwrap();
    assert_eq!(card.cache.extracted, 0, "the run's features are read");
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
    let online: StateDict = subject.method.state_dict()
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
    let card = measure(
        &loaded.config,
        &subject.data,
        &loaded.device,
        &*loaded.method,
        loaded.origin.clone(),
        None,
    )
    .unwrap();
    assert!(card.figure("mrr_same").unwrap().trained.note.as_ref().unwrap().contains("no target encoder"));
    assert!(card.figure("mrr_same").unwrap().random.value.is_some());
    assert!(card.figure("top1_z1").unwrap().trained.value.is_some());
    assert!(card.diagnostics.trained.drift_absent.is_some());

    let message = LoadedModel::read(&path.as_path().into()).unwrap_err().to_string();
    assert!(message.contains("needs a config"), "{message}");
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
        ("a", Subject::new(&[]).evaluate(None).unwrap()),
        ("b", Subject::new(&["dataset.seq_len=3", "eval.exact_passes=2"]).evaluate(None).unwrap()),
        ("c", Subject::new(&["run.name=same"]).evaluate(None).unwrap()),
    ];
    let runs = cards.map(|(name, card)| {
        let path = scratch.path().join(format!("{name}.json"));
        card.save(&path).unwrap();
        ComparedRun::read(&path).unwrap()
    });
    let comparison = Comparison::new(runs.into());
    let markdown = comparison.markdown();
    assert!(
        markdown.contains("b is not comparable with a: training rows 96, not 48; passes 2, not 1"),
        "{markdown}"
    );
    assert!(!markdown.contains("c is not comparable"), "{markdown}");
    assert!(markdown.contains("the paper's figure is for orientation"), "{markdown}");

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
    assert_eq!(grid.columns.len(), 8);
    let titles: Vec<&str> = grid.rows.iter().map(|(title, _)| title.as_str()).collect();
    assert_eq!(
        titles,
        ["M_train 2 paper", "M_train 3 paper", "M_train 2 a *", "M_train 3 b *", "M_train 2 c *"]
    );
    assert_eq!(grid.rows[1].1[4], Some(58.3));
    assert!(grid.rows[2].1[2].is_some() && grid.rows[2].1[3].is_none());
}

#[test]
fn what_cannot_be_compared_says_why() {
    let scratch = tempfile::tempdir().unwrap();
    let empty = ComparedRun::read(scratch.path()).unwrap_err().to_string();
    assert!(empty.contains("found neither"), "{empty}");
    let path = scratch.path().join("evaluation.json");
    fs::write(&path, r#"{"dataset": "synthetic"}"#).unwrap();
    let message = ComparedRun::read(&path).unwrap_err().to_string();
    assert!(message.contains("expected a result card") && message.contains("evaluation.json"), "{message}");
    fs::write(&path, r#"{"format": 99}"#).unwrap();
    assert!(ComparedRun::read(&path).unwrap_err().to_string().contains("found 99"));

    // A folder that was trained but not evaluated has its online figures.
    let run = train(&scratch.path().join("run"), &[]);
    let read = ComparedRun::read(run.folder().root()).unwrap();
    let markdown = Comparison::new(vec![read]).markdown();
    assert!(markdown.contains("online_linacc_test") && markdown.contains("57.84"), "{markdown}");
}

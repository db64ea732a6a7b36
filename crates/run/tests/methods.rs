//! Every registered method through the run layer: a YAML file names it, it trains, resumes to the same bits, is evaluated, embeds a
//! picture, and learns.

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use seqjepa_data::ImageView;
use seqjepa_run::embed::{EmbeddedViews, Embedder};
use seqjepa_run::{Config, ConfigError, PretrainedSource, Registry, ResumeOptions, Run, RunCheckpoint};
use seqjepa_train::observer::{Event, Observers};

/// A few thousand parameters on a few small images; three observed views, as `vicreg_traj` looks at.
const TINY: &str = "
run: {name: tiny, seed: 7, device: flex, epochs: 2}
dataset: {name: synthetic, seq_len: 3, batch_size: 8, synthetic_train: 24, synthetic_val: 12, num_workers: 1}
model: {img_size: 16, width: 4, pred_hidden: 16, num_heads: 2, num_enc_layers: 1, act_projdim: 8}
optim: {name: adam, lr: 0.001, probe_hidden: 16}
eval: {protocols: [exact], seq_len: 2, max_seq_len: 2, feature_passes: 1, batch_size: 8, candidates: 4, other_candidates: 4, bootstrap: 10}
";

/// Small heads for each method; what is not named here has no section.
fn section(method: &str) -> &'static str {
    match method {
        "seqjepa" => "",
        "simclr" | "vicreg" | "vicreg_traj" | "sie" => "{projector: [16, 16, 8]}",
        "byol" => "{projector: [16, 8], predictor_hidden: 16, ema_decay: 0.9}",
        "conditional_byol" | "conv_ijepa" => {
            "{projector: [16, 8], predictor_hidden: 16, action_embedding: 4, ema_decay: 0.9, ema_schedule: cosine}"
        }
        "simclr_equimod" | "sen" => "{projector: [16, 16, 8], action_embedding: 4}",
        other => panic!("a method without a test: {other}"),
    }
}

fn config(method: &str, folder: &Path, overrides: &[&str]) -> Result<Config, ConfigError> {
    let mut text = format!("method: {method}\n{TINY}");
    if !section(method).is_empty() {
        text += &format!("{method}: {}\n", section(method));
    }
    let output = format!("run.output_dir={}", folder.display());
    let mut all = vec![output.as_str()];
    all.extend(overrides);
    Config::parse(&text, "tiny", &all)
}

fn methods() -> Vec<String> {
    Registry::standard().methods().map(str::to_owned).collect()
}

/// Names and bytes of every tensor that a run's checkpoint holds.
fn tensors(run: &Run) -> Vec<(String, Vec<u8>)> {
    let checkpoint = RunCheckpoint::load(&run.folder().last_checkpoint()).unwrap();
    let sections = [checkpoint.model, checkpoint.optimizer, checkpoint.probes];
    sections.into_iter().flatten().map(|(name, data)| (name, data.as_bytes().to_vec())).collect()
}

#[test]
fn every_method_trains_resumes_is_evaluated_and_embeds() {
    let scratch = tempfile::tempdir().unwrap();
    for method in methods() {
        let start = |name: &str| {
            let folder = scratch.path().join(format!("{method}-{name}"));
            Run::start(config(&method, &folder, &[]).unwrap(), &mut Observers::new()).unwrap()
        };
        let mut whole = start("whole");
        whole.train(&mut Observers::new()).unwrap();

        let mut stopped = start("stopped");
        let root = stopped.folder().root().to_owned();
        let mut seen = 0;
        let stop = |event: &Event| {
            seen += usize::from(matches!(event, Event::StepFinished { .. }));
            // In the middle of the second epoch.
            if seen == 4 { Err("stopped by the test".into()) } else { Ok(()) }
        };
        stopped.train(&mut { stop }).unwrap_err();
        drop(stopped);
        let mut resumed = Run::resume(&root, &mut Observers::new()).unwrap();
        resumed.train(&mut Observers::new()).unwrap();
        assert_eq!(tensors(&resumed), tensors(&whole), "{method}");

        let card = whole.evaluate(&mut Observers::new()).unwrap();
        assert_eq!(card.method.name, method);
        let headline = if method == "seqjepa" { "top1_z_agg_m2" } else { "top1_z1" };
        assert_eq!(card.headline(), headline, "{method}");
        for name in [headline, "r2_crop", "r2_jitter", "r2_blur"] {
            let figure = card.figure(name).unwrap_or_else(|| panic!("{method}: {name}"));
            assert!(figure.trained.value.is_some_and(f64::is_finite), "{method}: {name}");
            assert!(method == "seqjepa" || figure.published.is_none(), "{method}: {name}");
        }

        let source = PretrainedSource { checkpoint: root, ..PretrainedSource::default() };
        let pretrained = source.load(&Device::flex()).unwrap();
        assert_eq!(pretrained.method.name(), method);
        let embedder = Embedder::new(&pretrained, EmbeddedViews::Identity, &Device::flex()).unwrap();
        let pixels: Vec<u8> = (0..=255).cycle().take(20 * 24 * 3).collect();
        let embedded = embedder.embed(&[ImageView::new(&pixels, 20, 24).unwrap()], 0).unwrap();
        assert!(embedded.invariant.iter().all(|value| value.is_finite()), "{method}");
    }
}

#[test]
fn every_method_learns_on_the_procedural_set() {
    let scratch = tempfile::tempdir().unwrap();
    let longer = [
        "run.epochs=8",
        "dataset.source_size=32",
        "dataset.synthetic_train=256",
        "dataset.batch_size=8",
        "model.width=8",
        "optim.lr=0.003",
    ];
    for method in methods() {
        let config = config(&method, &scratch.path().join(&method), &longer).unwrap();
        let mut run = Run::start(config, &mut Observers::new()).unwrap();
        run.train(&mut Observers::new()).unwrap();
        let losses: Vec<f64> = run.rows().iter().filter_map(|row| row.get("ep_loss")).collect();
        let last = (losses[6] + losses[7]) / 2.0;
        assert!(last < 0.97 * losses[0], "{method}: {losses:?}");
    }
}

#[test]
fn a_wrong_setting_of_a_method_is_named() {
    let scratch = tempfile::tempdir().unwrap();
    let refused = |method: &str, setting: &str| {
        config(method, &scratch.path().join("run"), &[setting]).unwrap_err().to_string()
    };
    let message = refused("simclr", "simclr.temperture=0.5");
    assert!(message.contains("simclr.temperture") && message.contains("simclr.temperature"), "{message}");
    let message = refused("vicreg", "vicreg.projector=wide");
    assert!(message.contains("vicreg.projector"), "{message}");
    let message = refused("byol", "byol.ema_decay=2");
    assert!(message.contains("`byol.ema_decay`") && message.contains("[0, 1]"), "{message}");
    let message = refused("byol", "method=byool");
    assert!(message.contains("byol") && message.contains("vicreg_traj"), "{message}");
}

/// seq-JEPA without a moving average, kept from collapse by a term of its own, and told one group of actions alone.
#[test]
fn variants_of_seqjepa_train_and_resume() {
    let scratch = tempfile::tempdir().unwrap();
    for (index, variant) in [
        ["model.ema=false", "model.regularizer=coding_rate"],
        ["model.ema=false", "model.regularizer=sigreg"],
        ["model.act_group=jitter", "model.ema=true"],
    ]
    .iter()
    .enumerate()
    {
        let start = |name: &str, epochs: &str| {
            let folder = scratch.path().join(format!("{index}-{name}"));
            let overrides = [variant[0], variant[1], epochs];
            let config = config("seqjepa", &folder, &overrides).unwrap();
            let mut run = Run::start(config, &mut Observers::new()).unwrap();
            run.train(&mut Observers::new()).unwrap();
            run
        };
        let whole = start("whole", "run.epochs=2");
        let root = start("shorter", "run.epochs=1").folder().root().to_owned();
        let longer = ResumeOptions { overrides: vec!["run.epochs=2".into()], ..ResumeOptions::default() };
        let mut resumed =
            Run::resume_with(&Registry::standard(), &root, &longer, &mut Observers::new()).unwrap();
        resumed.train(&mut Observers::new()).unwrap();
        assert_eq!(tensors(&resumed), tensors(&whole), "{variant:?}");
        whole.evaluate(&mut Observers::new()).unwrap();
    }
    let refused = config("seqjepa", scratch.path(), &["model.act_group=zoom"]).unwrap_err().to_string();
    assert!(refused.contains("model.act_group") && refused.contains("crop, jitter, blur"), "{refused}");
    let refused = config("seqjepa", scratch.path(), &["model.regularizer_weight=-1"]).unwrap_err();
    assert!(refused.to_string().contains("model.regularizer_weight"), "{refused}");
}

/// A method that looks at more views than a sequence has is refused before a step, with both numbers.
#[test]
fn a_sequence_that_is_too_short_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    for (method, views) in [("simclr", 1), ("vicreg_traj", 2)] {
        let short = format!("dataset.seq_len={views}");
        let folder = scratch.path().join(method);
        let started = config(method, &folder, &[short.as_str()]).map_err(|error| error.to_string()).and_then(
            |config| Run::start(config, &mut Observers::new()).map(|_| ()).map_err(|error| error.to_string()),
        );
        let message = started.unwrap_err();
        assert!(message.contains("dataset.seq_len") && message.contains(method), "{message}");
        assert!(
            !folder.exists() || fs::read_dir(&folder).unwrap().next().is_none(),
            "{method} left a folder"
        );
    }
}

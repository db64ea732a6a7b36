//! A run whose parameters are no longer finite: what is kept of it. The trainer's own tests say where it stops.

mod common;

use std::fs;

use common::tiny;
use seqjepa_run::{Run, RunCheckpoint, RunError};
use seqjepa_train::observer::Observers;
use seqjepa_train::{MetricsRow, TrainError};

#[test]
fn a_run_keeps_the_state_before_and_its_earlier_checkpoints() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    let overrides = [
        "optim.name=sgd",
        "optim.lr=1e38",
        "optim.scheduler=constant",
        "optim.warmup_epochs=0",
        "optim.min_lr=null",
    ];
    let config = tiny(&folder, &[&overrides[..], &["run.checkpoint_steps=1"]].concat());
    let mut run = Run::start(config, &mut Observers::new()).unwrap();
    let error = run.train(&mut Observers::new()).unwrap_err();
    let RunError::Train(TrainError::NonFinite(found)) = &error else { panic!("{error}") };
    let (step, path) = (found.step, found.diagnostic.as_ref().unwrap());
    assert!(error.to_string().contains("diagnostic.safetensors"), "{error}");
    let kept = RunCheckpoint::load(path).unwrap();
    // The state before a step that failed, or after one that has made the parameters so.
    assert!((0..=1).contains(&(kept.progress.step - step)), "{} and {step}", kept.progress.step);
    assert!(kept.record.failure.unwrap().contains("at step"));
    let finite = |tensors: &seqjepa_nn::StateDict| {
        tensors.iter().all(|(_, data)| data.iter::<f64>().all(f64::is_finite))
    };
    let last = run.folder().last_checkpoint();
    match kept.progress.step {
        // Not even the first step could be made, or its update broke the parameters: there was nothing to keep.
        0 => assert!(!last.exists()),
        _ => assert!(!last.exists() || finite(&RunCheckpoint::load(&last).unwrap().model)),
    }
    let status = fs::read_to_string(run.folder().status()).unwrap();
    assert!(status.contains("\"failed\"") && status.contains("at step"), "{status}");
    drop(run);

    // Every later step fails too: as many are left out as may be, and the figures stay valid JSON.
    let config =
        tiny(&scratch.path().join("skips"), &[&overrides[..], &["run.skip_nonfinite_steps=1000"]].concat());
    let mut run = Run::start(config, &mut Observers::new()).unwrap();
    // Skipping helps against a batch, not against parameters that are no longer finite: they are found at the latest before
    // the first checkpoint.
    let error = run.train(&mut Observers::new()).unwrap_err();
    let RunError::Train(TrainError::NonFinite(found)) = &error else { panic!("{error}") };
    assert!(found.what.contains("after the update"), "{error}");
    assert!(!run.folder().last_checkpoint().exists() || run.rows().is_empty());
    for line in fs::read_to_string(run.folder().metrics_jsonl()).unwrap().lines() {
        serde_json::from_str::<MetricsRow>(line).unwrap();
    }
}

//! The determinism contract on the CPU (docs/durability.md): what may be changed without changing a bit.

mod common;

use common::{Results, results, tiny};
use seqjepa_run::{Run, RunError};
use seqjepa_train::StopFlag;
use seqjepa_train::observer::Observers;

fn run(overrides: &[&str]) -> Results {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    let mut run = Run::start(tiny(&folder, overrides), &mut Observers::new()).unwrap();
    run.train(&mut Observers::new()).unwrap();
    run.evaluate(&mut Observers::new()).unwrap();
    results(&folder)
}

#[test]
fn threads_prefetch_and_checkpoints_change_no_bit() {
    let expected = run(&["dataset.num_workers=1"]);
    for overrides in [
        &["dataset.num_workers=0"][..],
        &["dataset.num_workers=2", "eval.num_workers=8"],
        &["dataset.num_workers=8", "eval.num_workers=1"],
        &["dataset.num_workers=2", "dataset.prefetch=0"],
        &["dataset.num_workers=8", "dataset.prefetch=7"],
        &["run.checkpoint_steps=null", "run.checkpoint_minutes=0.000001", "run.keep_last=1"],
    ] {
        assert_eq!(run(overrides), expected, "{overrides:?}");
    }
    // Else the comparison would say nothing.
    assert_ne!(run(&["run.seed=8"]), expected);
}

/// Stopped after every single training batch, and within the test split, and resumed from the checkpoint.
#[test]
fn a_run_stopped_after_every_batch_ends_with_the_same_bits() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    let (mut stops, mut test_stops) = (0, 0);
    let mut current = Run::start(tiny(&folder, &[]), &mut Observers::new()).unwrap();
    loop {
        let flag = StopFlag::new();
        current.stop_on(flag.clone());
        let mut observer = |event: &seqjepa_train::observer::Event| {
            use seqjepa_train::observer::Event::{StepFinished, TestBatchFinished};
            // The test split goes in one piece: stopped once an epoch, it is let through the second time.
            let in_test = matches!(event, TestBatchFinished { batch: 0 });
            test_stops += usize::from(in_test);
            if matches!(event, StepFinished { .. }) || (in_test && test_stops % 2 == 1) {
                flag.request();
            }
            Ok(())
        };
        match current.train(&mut observer) {
            Ok(_) => break,
            Err(RunError::Stopped { .. }) => stops += 1,
            Err(error) => panic!("{error}"),
        }
        drop(current);
        current = Run::resume(&folder, &mut Observers::new()).unwrap();
    }
    // Two epochs of three training batches and a stop within the test split.
    assert_eq!(stops, 8);
    current.stop_on(StopFlag::new());
    current.evaluate(&mut Observers::new()).unwrap();
    drop(current);
    assert_eq!(results(&folder), run(&[]));
}

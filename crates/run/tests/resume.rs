//! What a resume takes and refuses.

mod common;

use std::fs;
use std::path::Path;

use common::{figures, tiny};
use seqjepa_run::RunCheckpoint as Checkpoint;
use seqjepa_run::folder::status::{Life, inspect};
use seqjepa_run::{Registry, ResumeOptions, Run, RunError, fault_injection};
use seqjepa_train::MetricsRow;
use seqjepa_train::checkpoint::Progress;
use seqjepa_train::observer::{Event, Observers};

fn train(folder: &Path, overrides: &[&str]) -> Run {
    let mut run = Run::start(tiny(folder, overrides), &mut Observers::new()).unwrap();
    run.train(&mut Observers::new()).unwrap();
    run
}

fn change(overrides: &[&str], allow_changes: bool) -> ResumeOptions {
    let overrides = overrides.iter().map(|text| (*text).to_owned()).collect();
    ResumeOptions { overrides, allow_changes, ..ResumeOptions::default() }
}

#[test]
fn a_change_is_refused_with_its_keys_and_taken_when_told() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    drop(train(&folder, &[]));
    let files = || {
        let read = |name: &str| fs::read(folder.join(name)).unwrap();
        ["config.yaml", "checkpoints/last.safetensors", "metrics.jsonl"].map(read)
    };
    let before = files();
    let lower = change(&["optim.lr=0.0005", "run.epochs=3"], false);
    let message = Run::resume_with(&Registry::standard(), &folder, &lower, &mut Observers::new())
        .unwrap_err()
        .to_string();
    assert!(message.contains("`optim.lr`: the run has 0.001, given is 0.0005"), "{message}");
    assert!(!message.contains("run.epochs"), "a longer run is no change: {message}");
    assert_eq!(files(), before);
    // Nor does the run seem to have died of it.
    assert_eq!(inspect(&folder).unwrap().1, Life::Ended);
    let shorter = change(&["run.epochs=1"], true);
    let message = Run::resume_with(&Registry::standard(), &folder, &shorter, &mut Observers::new())
        .unwrap_err()
        .to_string();
    assert!(message.contains("run.epochs") && message.contains("at least 2"), "{message}");

    let lower = change(&["optim.lr=0.0005", "run.epochs=3"], true);
    let mut run = Run::resume_with(&Registry::standard(), &folder, &lower, &mut Observers::new()).unwrap();
    run.train(&mut Observers::new()).unwrap();
    assert_eq!(run.rows().len(), 3);
    drop(run);
    // Taken once, the change is the run's own.
    assert_eq!(Run::resume(&folder, &mut Observers::new()).unwrap().config().optim.lr, 0.0005);
    assert!(fs::read(folder.join("metrics.jsonl")).unwrap().starts_with(&before[2]));
}

#[test]
fn an_extended_run_follows_the_schedule_of_its_new_length() {
    let scratch = tempfile::tempdir().unwrap();
    let whole = train(&scratch.path().join("whole"), &["run.epochs=4"]);
    let folder = scratch.path().join("extended");
    drop(train(&folder, &["run.epochs=1"]));
    let options = change(&["run.epochs=4"], false);
    let mut run = Run::resume_with(&Registry::standard(), &folder, &options, &mut Observers::new()).unwrap();
    run.train(&mut Observers::new()).unwrap();
    // The first epoch is warm-up, which does not depend on the length: the runs are the same.
    assert_eq!(figures(run.rows()), figures(whole.rows()));
}

/// Killed between the checkpoint with the new config and `config.yaml`.
#[test]
fn a_change_that_was_cut_short_is_completed() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    drop(train(&folder, &[]));
    fault_injection::install(|_, path| match path.ends_with("cut-short/config.yaml") {
        true => Err(std::io::ErrorKind::StorageFull.into()),
        false => Ok(()),
    });
    let cut_short = scratch.path().join("cut-short");
    fs::rename(&folder, &cut_short).unwrap();
    let options = change(&["run.epochs=3", "optim.lr=0.0005"], true);
    Run::resume_with(&Registry::standard(), &cut_short, &options, &mut Observers::new()).unwrap_err();
    fault_injection::remove();
    assert!(fs::read_to_string(cut_short.join("config.yaml")).unwrap().contains("epochs: 2"));
    let run = Run::resume(&cut_short, &mut Observers::new()).unwrap();
    assert_eq!((run.config().run.epochs, run.config().optim.lr), (3, 0.0005));
    assert!(fs::read_to_string(cut_short.join("config.yaml")).unwrap().contains("epochs: 3"));
}

#[test]
fn other_data_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    drop(train(&folder, &[]));
    let path = folder.join("checkpoints/last.safetensors");
    let mut checkpoint = Checkpoint::load(&path).unwrap();
    checkpoint.record.data.as_mut().unwrap().test = "other".into();
    checkpoint.save(&path).unwrap();
    let error = Run::resume(&folder, &mut Observers::new()).unwrap_err();
    assert!(matches!(error, RunError::DataChanged { split: "test", .. }), "{error}");
    Run::resume_with(&Registry::standard(), &folder, &change(&[], true), &mut Observers::new()).unwrap();
}

#[test]
fn damaged_checkpoints_are_named_and_the_run_ends_with_the_same_figures() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    let whole = figures(train(&folder, &[]).rows());
    fs::write(folder.join("checkpoints/last.safetensors"), "damaged").unwrap();
    let mut named = Vec::new();
    let mut observer = |event: &Event| {
        if let Event::CheckpointDamaged { problem } = event {
            named.push((*problem).to_owned());
        }
        Ok(())
    };
    let mut run = Run::resume(&folder, &mut observer).unwrap();
    assert!(run.rows().len() < 2 && named[0].contains("last.safetensors"), "{named:?}");
    run.train(&mut Observers::new()).unwrap();
    assert_eq!(figures(run.rows()), whole);
    assert_eq!(fs::read_to_string(run.folder().metrics_jsonl()).unwrap().lines().count(), 2);
    drop(run);
    for entry in fs::read_dir(folder.join("checkpoints")).unwrap() {
        fs::write(entry.unwrap().path(), "damaged").unwrap();
    }
    let message = Run::resume(&folder, &mut Observers::new()).unwrap_err().to_string();
    assert!(message.contains("only damaged ones") && message.contains("best.safetensors"), "{message}");
}

#[test]
fn a_checkpoint_that_no_run_can_have_written_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    drop(train(&folder, &["run.keep_last=1", "run.best_metric=null"]));
    let path = folder.join("checkpoints/last.safetensors");
    let whole = Checkpoint::load(&path).unwrap();
    type Forge = fn(&mut Progress);
    let forgeries: [(Forge, &str); 2] = [
        (|progress| progress.epoch = 1, "metrics of 1 epochs, found 2"),
        (|progress| progress.under_way.train_batches = 4, "at most 3 training batches"),
    ];
    for (forge, words) in forgeries {
        let mut forged = whole.clone();
        forge(&mut forged.progress);
        forged.save(&path).unwrap();
        let options = change(&["run.epochs=3"], false);
        let message = Run::resume_with(&Registry::standard(), &folder, &options, &mut Observers::new())
            .unwrap_err()
            .to_string();
        assert!(message.contains(words), "{message}");
    }
}

/// The best checkpoint is that of the best epoch of this run, also if another whole one has its name.
#[test]
fn a_best_that_is_another_checkpoint_is_noticed() {
    let scratch = tempfile::tempdir().unwrap();
    let (folder, other) = (scratch.path().join("run"), scratch.path().join("other"));
    // The greatest learning rate is that of the first epoch.
    let by = ["run.best_metric=ep_loss", "run.best_mode=max", "run.epochs=3", "run.keep_last=9"];
    let run = train(&folder, &by);
    let best = (1..=3).max_by(|a, b| {
        let loss = |epoch: &usize| run.rows()[epoch - 1].get("ep_loss").unwrap();
        loss(a).total_cmp(&loss(b))
    });
    let best = best.unwrap();
    drop(run);
    drop(train(&other, &[&by[..], &["run.seed=8"]].concat()));
    let checkpoints = folder.join("checkpoints");
    let file = checkpoints.join("best.safetensors");
    let whole = fs::read(&file).unwrap();
    assert_eq!(Checkpoint::load(&file).unwrap().progress.epoch, best);
    let mut others: Vec<_> = fs::read_dir(&checkpoints).unwrap().map(|entry| entry.unwrap().path()).collect();
    others.retain(|path| Checkpoint::load(path).unwrap().progress.epoch != best);
    assert!(others.len() > 1, "{others:?}");
    others.push(other.join("checkpoints/best.safetensors"));
    for path in others {
        fs::remove_file(&file).unwrap();
        fs::copy(&path, &file).unwrap();
        let mut named = Vec::new();
        let mut observer = |event: &Event| {
            if let Event::CheckpointDamaged { problem } = event {
                named.push((*problem).to_owned());
            }
            Ok(())
        };
        drop(Run::resume(&folder, &mut observer).unwrap());
        assert!(named.len() == 1 && named[0].contains("but it is that of"), "{}: {named:?}", path.display());
        // Another of the checkpoints kept is that epoch's.
        assert_eq!(fs::read(&file).unwrap(), whole, "{}", path.display());
    }
}

/// A run that falls back to an earlier checkpoint may have a best one of an epoch that it is about to make again.
#[test]
fn a_best_of_an_epoch_that_is_made_again_is_no_fault() {
    let scratch = tempfile::tempdir().unwrap();
    let mut later = 0;
    // Of the least and the greatest, one at least is not that of the first epoch.
    for mode in ["min", "max"] {
        let folder = scratch.path().join(mode);
        drop(train(&folder, &["run.epochs=3", "run.keep_last=9", &format!("run.best_mode={mode}")]));
        let checkpoints = folder.join("checkpoints");
        let best = Checkpoint::load(&checkpoints.join("best.safetensors")).unwrap().progress.epoch;
        if best == 1 {
            continue;
        }
        later += 1;
        for entry in fs::read_dir(&checkpoints).unwrap() {
            let path = entry.unwrap().path();
            if !path.ends_with("best.safetensors") && Checkpoint::load(&path).unwrap().progress.epoch >= best
            {
                fs::remove_file(&path).unwrap();
            }
        }
        let mut problems = Vec::new();
        let mut observer = |event: &Event| {
            if let Event::CheckpointDamaged { problem } = event {
                problems.push((*problem).to_owned());
            }
            Ok(())
        };
        let run = Run::resume(&folder, &mut observer).unwrap();
        assert!(run.rows().len() < best && problems.is_empty(), "{problems:?}");
    }
    assert!(later > 0);
}

/// The metrics are in one place: what happens to them is seen, and nothing is made up.
#[test]
fn metrics_that_are_damaged_or_gone_are_refused_and_left_behind_when_told() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    drop(train(&folder, &["run.epochs=3"]));
    let path = folder.join("metrics.jsonl");
    let whole = fs::read(&path).unwrap();
    let ends: Vec<_> =
        whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect();
    let longer = change(&["run.epochs=4"], false);
    let resume = |options: &ResumeOptions| {
        Run::resume_with(&Registry::standard(), &folder, options, &mut Observers::new())
    };
    // The checkpoint holds the last line itself; what follows the last is cut.
    for found in [&whole[..ends[1]], &whole[..ends[1] + 7], &[&whole[..], b"{\"epoch\":4"].concat()[..]] {
        fs::write(&path, found).unwrap();
        assert_eq!(resume(&longer).unwrap().rows().len(), 3);
    }
    let mut changed = whole.clone();
    let digit = changed.iter().position(|byte| *byte == b'3').unwrap();
    changed[digit] = b'4';
    for (found, left) in [(&whole[..ends[0]], 1), (&whole[..5], 0), (&[][..], 0), (&changed[..], 3)] {
        fs::write(&path, found).unwrap();
        let error = resume(&longer).unwrap_err();
        assert!(matches!(error, RunError::HistoryChanged { found, .. } if found == left), "{error}");
        assert!(error.to_string().contains("metrics.jsonl"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), found);
    }
    fs::remove_file(&path).unwrap();
    assert!(matches!(resume(&longer), Err(RunError::HistoryChanged { found: 0, .. })));
    fs::write(&path, &whole[..ends[0]]).unwrap();
    let mut run = resume(&change(&["run.epochs=4"], true)).unwrap();
    assert_eq!(run.rows().len(), 1);
    run.train(&mut Observers::new()).unwrap();
    let epochs: Vec<_> = run.rows().iter().map(|row| row.epoch).collect();
    assert_eq!(epochs, [1, 4]);
    drop(run);
    // Taken once, these are the metrics of the run.
    assert_eq!(resume(&change(&[], false)).unwrap().rows().len(), 2);
}

#[test]
fn a_best_checkpoint_that_is_damaged_or_gone_is_noticed() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    // The loss falls; without the last few, only the last is kept.
    drop(train(
        &folder,
        &["run.epochs=3", "run.best_mode=max", "run.keep_last=1", "run.checkpoint_steps=null"],
    ));
    let best = folder.join("checkpoints/best.safetensors");
    let held = Checkpoint::load(&best).unwrap().progress.epoch;
    let resume = || {
        let mut problems = Vec::new();
        let mut observer = |event: &Event| {
            if let Event::CheckpointDamaged { problem } = event {
                problems.push((*problem).to_owned());
            }
            Ok(())
        };
        Run::resume(&folder, &mut observer).unwrap();
        problems.join("; ")
    };
    assert_eq!(resume(), "");
    let whole = fs::read(&best).unwrap();
    fs::write(&best, &whole[..100]).unwrap();
    let message = resume();
    assert!(message.contains("best.safetensors") && message.contains(&format!("epoch {held}")), "{message}");
    fs::remove_file(&best).unwrap();
    let message = resume();
    assert!(message.contains("it is not there"), "{message}");
    if held < 3 {
        assert!(message.contains("bring the file back"), "{message}");
        fs::write(&best, &whole).unwrap();
    }
    assert_eq!(resume(), "");
}

#[test]
fn a_folder_without_a_run_is_left_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let message = Run::resume(scratch.path(), &mut Observers::new()).unwrap_err().to_string();
    assert!(message.contains("config.yaml"), "{message}");
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[test]
fn a_metric_that_no_epoch_has_is_refused_at_the_start() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    let error = Run::start(tiny(&folder, &["run.best_metric=accuracy"]), &mut Observers::new()).unwrap_err();
    assert!(error.to_string().contains("online_linacc_test"), "{error}");
    assert!(!folder.exists());
}

#[test]
fn a_run_that_has_lost_its_checkpoints_is_not_begun_anew() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    drop(train(&folder, &[]));
    let metrics = fs::read(folder.join("metrics.jsonl")).unwrap();
    fs::remove_dir_all(folder.join("checkpoints")).unwrap();
    let message = Run::resume(&folder, &mut Observers::new()).unwrap_err().to_string();
    assert!(message.contains("expected a checkpoint") && message.contains("2 epochs"), "{message}");
    assert_eq!(fs::read(folder.join("metrics.jsonl")).unwrap(), metrics);

    // A run that keeps none has nothing to go on from.
    let folder = scratch.path().join("unsaved");
    drop(train(&folder, &["run.save_checkpoint=false", "run.best_metric=null"]));
    let error = Run::resume(&folder, &mut Observers::new()).unwrap_err();
    assert!(matches!(error, RunError::NoCheckpoint { epochs: 2, .. }), "{error}");
    // What a longer run or rarer checkpoints are asked for does not change what has been.
    let longer = change(&["run.epochs=9", "run.checkpoint_epochs=9"], false);
    assert!(matches!(
        Run::resume_with(&Registry::standard(), &folder, &longer, &mut Observers::new()),
        Err(RunError::NoCheckpoint { epochs: 2, .. })
    ));
    // Killed before it had done anything, it can begin.
    fs::write(folder.join("metrics.jsonl"), "").unwrap();
    Run::resume(&folder, &mut Observers::new()).unwrap();
}

#[test]
fn a_config_that_cannot_be_read_is_replaced_by_one_that_is_named() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    drop(train(&folder, &[]));
    let (kept, other) = (folder.join("config.yaml"), scratch.path().join("other.yaml"));
    fs::copy(&kept, &other).unwrap();
    fs::write(&kept, "run: [nonsense").unwrap();
    let message = Run::resume(&folder, &mut Observers::new()).unwrap_err().to_string();
    assert!(message.contains("config.yaml"), "{message}");
    let options = ResumeOptions { config: Some(other), ..ResumeOptions::default() };
    drop(Run::resume_with(&Registry::standard(), &folder, &options, &mut Observers::new()).unwrap());
    Run::resume(&folder, &mut Observers::new()).unwrap();
}

#[test]
fn another_backend_is_refused_and_taken_when_told() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    drop(train(&folder, &[]));
    let path = folder.join("checkpoints/last.safetensors");
    let mut checkpoint = Checkpoint::load(&path).unwrap();
    assert_eq!(checkpoint.record.backend.as_deref(), Some("flex"));
    checkpoint.record.backend = Some("cuda".into());
    checkpoint.save(&path).unwrap();
    let message = Run::resume(&folder, &mut Observers::new()).unwrap_err().to_string();
    assert!(message.contains("`run.device`: the run has the backend cuda, given is flex"), "{message}");
    drop(
        Run::resume_with(&Registry::standard(), &folder, &change(&[], true), &mut Observers::new()).unwrap(),
    );
    // Taken once, it is the run's own.
    Run::resume(&folder, &mut Observers::new()).unwrap();
}

/// Moved data are the same data; a best checkpoint by another figure is none.
#[test]
fn free_keys_are_taken_and_the_best_is_chosen_anew() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    drop(train(&folder, &[]));
    let best = folder.join("checkpoints/best.safetensors");
    let moved = change(&["dataset.data_root=elsewhere", "run.name=other"], false);
    drop(Run::resume_with(&Registry::standard(), &folder, &moved, &mut Observers::new()).unwrap());
    assert!(best.exists());
    let other = change(&["run.best_metric=online_linacc_test", "run.epochs=3"], false);
    let mut run = Run::resume_with(&Registry::standard(), &folder, &other, &mut Observers::new()).unwrap();
    let kept = best.exists().then(|| Checkpoint::load(&best).unwrap().progress.epoch);
    let accuracy = |epoch: usize| run.rows()[epoch].get("online_linacc_test").unwrap();
    // The checkpoint gone on from is the best where its epoch is.
    assert_eq!(kept, (accuracy(1) > accuracy(0)).then_some(2));
    run.train(&mut Observers::new()).unwrap();
}

/// A run of version 0.1.0 at commit 6e198dc, when there was one method: its state after four of six steps, and its metrics at the
/// end. Made by `train --config FILE --skip-evaluation` of that commit, whose `FILE` holds what differs from the defaults in
/// `fixtures/earlier_run/config.yaml`.
#[test]
fn a_run_of_an_earlier_version_is_continued() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/earlier_run");
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    fs::create_dir_all(folder.join("checkpoints")).unwrap();
    for name in ["config.yaml", "metrics.jsonl", "checkpoints/last.safetensors"] {
        fs::copy(fixture.join(name), folder.join(name)).unwrap();
    }
    let metrics = fs::read_to_string(fixture.join("metrics.jsonl")).unwrap();
    let expected: Vec<MetricsRow> = metrics.lines().map(|line| serde_json::from_str(line).unwrap()).collect();

    // The procedural set draws other pictures since.
    let error = Run::resume(&folder, &mut Observers::new()).unwrap_err();
    assert!(matches!(error, RunError::DataChanged { split: "training", .. }), "{error}");
    let options = ResumeOptions { allow_changes: true, ..ResumeOptions::default() };
    let registry = Registry::standard();
    let mut run = Run::resume_with(&registry, &folder, &options, &mut Observers::new()).unwrap();
    assert_eq!((run.config().method.as_str(), run.config().run.seed), ("seqjepa", 7));
    let held = Checkpoint::load(&fixture.join("checkpoints/last.safetensors")).unwrap();
    assert_eq!(run.checkpoint().unwrap().digest(), held.digest());
    // serde_json reads a number to the last bit but one.
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-15 * b.abs();
    assert_eq!(run.rows().len(), 1);
    for (name, value) in run.rows()[0].iter() {
        assert!(close(value, expected[0].get(name).unwrap()), "{name}");
    }
    run.train(&mut Observers::new()).unwrap();
    assert_eq!(run.rows().len(), 2);
    for name in ["ep_loss", "test_loss", "online_linloss_test", "online_r2_loss_test", "z_rankme"] {
        assert!(run.rows()[1].get(name).is_some_and(f64::is_finite), "{name}");
    }
}

//! Run folders that somebody else has made, or has laid hands on while the run goes on.
#![cfg(unix)]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::tiny;
use seqjepa_run::folder::status::{Life, RunState, inspect};
use seqjepa_run::{LoadedModel, PretrainedSource, Registry, ResumeOptions, Run, RunError};
use seqjepa_train::observer::{Event, Observers};

/// Every file below a folder with its content; links are not followed.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .flat_map(|entry| match entry.file_type().unwrap() {
            kind if kind.is_dir() => files(&entry.path()),
            kind if kind.is_file() => vec![(entry.path(), fs::read(entry.path()).unwrap())],
            _ => vec![],
        })
        .collect();
    found.sort();
    found
}

/// A run after the first of two epochs.
fn half_done(folder: &Path) {
    let config = tiny(folder, &["run.epochs=1"]);
    Run::start(config, &mut Observers::new()).unwrap().train(&mut Observers::new()).unwrap();
}

fn go_on(folder: &Path) -> Result<(), RunError> {
    let options = ResumeOptions { overrides: vec!["run.epochs=2".into()], ..ResumeOptions::default() };
    let mut run = Run::resume_with(&Registry::standard(), folder, &options, &mut Observers::new())?;
    run.train(&mut Observers::new())?;
    run.evaluate(&mut Observers::new())?;
    Ok(())
}

/// What a file or folder of a run is replaced by a link to; nothing outside the run is read, written, cut or made.
#[test]
fn links_in_a_run_folder_lead_nowhere() {
    for name in [
        "metrics.jsonl",
        "metrics.csv",
        "status.json",
        "lock",
        "config.yaml",
        "gates.json",
        "evaluation.json",
        "sample.safetensors",
        "checkpoints",
        "features",
        "checkpoints/last.safetensors",
        "checkpoints/best.safetensors",
    ] {
        for there in [true, false] {
            let scratch = tempfile::tempdir().unwrap();
            let [folder, outside] = ["run", "outside"].map(|name| scratch.path().join(name));
            half_done(&folder);
            fs::create_dir(&outside).unwrap();
            let (place, target) = (folder.join(name), outside.join("target"));
            if place.exists() && there {
                fs::rename(&place, &target).unwrap();
            } else if place.is_dir() {
                fs::remove_dir_all(&place).unwrap();
            } else if place.exists() {
                fs::remove_file(&place).unwrap();
            }
            if there && !target.exists() {
                fs::create_dir(&target).unwrap();
            }
            symlink(&target, &place).unwrap();
            let before = files(&outside);
            let result = go_on(&folder);
            assert_eq!(files(&outside), before, "{name}, {there}: {result:?}");
            assert_eq!(target.exists(), there, "{name}");
            // What is written by a rename takes the place of the link, what is written in place is refused.
            if let Err(error) = result {
                let told = error.to_string();
                assert!(told.contains("a link") || told.contains("expected"), "{name}: {told}");
            }
        }
    }
}

/// Not waited for, not read for ever.
#[test]
fn pipes_and_devices_in_a_run_folder_are_refused_at_once() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    half_done(&folder);
    for name in ["config.yaml", "metrics.jsonl", "status.json", "lock", "checkpoints/last.safetensors"] {
        let (place, kept) = (folder.join(name), scratch.path().join("kept"));
        fs::rename(&place, &kept).unwrap();
        assert!(Command::new("mkfifo").arg(&place).status().unwrap().success());
        match go_on(&folder) {
            // The status is written anew; the checkpoint before the newest takes its place.
            Ok(()) => assert!(["status.json", "checkpoints/last.safetensors"].contains(&name)),
            Err(error) => assert!(error.to_string().contains("a named pipe"), "{name}: {error}"),
        }
        let _ = fs::remove_file(&place);
        fs::rename(&kept, &place).unwrap();
    }
    let pipe = scratch.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in [pipe.as_path(), Path::new("/dev/zero"), Path::new("/dev/tty")] {
        let message = LoadedModel::read(&PretrainedSource::from(path)).unwrap_err().to_string();
        assert!(message.contains("expected a regular file"), "{message}");
        let source = PretrainedSource {
            config: Some(path.to_owned()),
            ..PretrainedSource::from(folder.join("checkpoints/last.safetensors").as_path())
        };
        let message = LoadedModel::read(&source).unwrap_err().to_string();
        assert!(message.contains("expected a regular file"), "{message}");
    }
}

/// Does something to a run folder while the run goes on, and returns how the run ended.
fn meanwhile(folder: &Path, overrides: &[&str], change: impl Fn()) -> RunError {
    let mut run = Run::start(tiny(folder, overrides), &mut Observers::new()).unwrap();
    let mut observer = |event: &Event| {
        if let Event::EpochStarted { epoch: 2, .. } = event {
            change();
        }
        Ok(())
    };
    run.train(&mut observer).unwrap_err()
}

#[test]
fn a_run_whose_folder_is_moved_says_where_it_is_and_goes_on_there() {
    let scratch = tempfile::tempdir().unwrap();
    let [here, there] = ["here", "there"].map(|name| scratch.path().join(name));
    let change = || {
        fs::rename(&here, &there).unwrap();
        // Held all the same.
        assert_eq!(inspect(&there).unwrap().1, Life::Running);
        assert!(Run::resume(&there, &mut Observers::new()).unwrap_err().to_string().contains("in use"));
    };
    let error = meanwhile(&here, &[], change).to_string();
    assert!(error.contains(&*there.canonicalize().unwrap().to_string_lossy()), "{error}");
    assert!(!here.exists());
    let (status, life) = inspect(&there).unwrap();
    assert_eq!((status.state, life), (RunState::Failed, Life::Ended));
    let mut run = Run::resume(&there, &mut Observers::new()).unwrap();
    run.train(&mut Observers::new()).unwrap();
    assert_eq!(run.rows().len(), 2);
}

#[test]
fn a_run_whose_folder_is_replaced_leaves_the_other_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let [here, there] = ["here", "there"].map(|name| scratch.path().join(name));
    let change = || {
        fs::rename(&here, &there).unwrap();
        assert!(Command::new("cp").arg("-r").args([&there, &here]).status().unwrap().success());
    };
    let before = std::cell::RefCell::new(Vec::new());
    let error = meanwhile(&here, &[], || {
        change();
        *before.borrow_mut() = files(&here);
    });
    let error = error.to_string();
    assert!(error.contains("another is in its place") && error.contains("there"), "{error}");
    assert_eq!(files(&here), *before.borrow());
}

#[test]
fn a_run_whose_files_are_taken_ends_with_an_error() {
    type Change = fn(&Path);
    let changes: [(Change, &str); 5] = [
        (|folder| fs::remove_dir_all(folder).unwrap(), "deleted"),
        (|folder| fs::remove_dir_all(folder.join("checkpoints")).unwrap(), "checkpoints"),
        (|folder| fs::remove_file(folder.join("metrics.jsonl")).unwrap(), "metrics.jsonl"),
        (|folder| fs::write(folder.join("metrics.jsonl"), "").unwrap(), "metrics.jsonl"),
        (
            |folder| {
                fs::rename(folder.join("metrics.csv"), folder.join("metrics.old")).unwrap();
                fs::write(folder.join("metrics.csv"), "mine").unwrap();
            },
            "metrics.csv",
        ),
    ];
    for (number, (change, words)) in changes.into_iter().enumerate() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join(number.to_string());
        let error = meanwhile(&folder, &[], || change(&folder)).to_string();
        assert!(error.contains(words), "{words}: {error}");
    }
}

#[test]
fn metrics_that_somebody_has_taken_are_kept_under_another_name() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    let metrics = folder.join("metrics.jsonl");
    let error = meanwhile(&folder, &["run.epochs=3"], || fs::write(&metrics, "").unwrap()).to_string();
    assert!(error.contains("metrics.kept.jsonl"), "{error}");
    Run::resume(&folder, &mut Observers::new()).unwrap_err();
    fs::rename(folder.join("metrics.kept.jsonl"), &metrics).unwrap();
    let mut run = Run::resume(&folder, &mut Observers::new()).unwrap();
    run.train(&mut Observers::new()).unwrap();
    assert_eq!(run.rows().len(), 3);
}

/// A whole file of features as another user's process would have left it, or a forged one, is not believed.
#[test]
fn the_features_of_others_are_not_believed() {
    let scratch = tempfile::tempdir().unwrap();
    let [folder, kept] = ["run", "kept"].map(|name| scratch.path().join(name));
    let cache = format!("eval.cache_dir={}", kept.display());
    let mut run = Run::start(tiny(&folder, &["run.epochs=1", &cache]), &mut Observers::new()).unwrap();
    run.train(&mut Observers::new()).unwrap();
    let card = run.evaluate(&mut Observers::new()).unwrap();
    // Probes share some passes.
    let (shared, extracted) = (card.cache.read, card.cache.extracted);
    assert_eq!(card.cache.foreign, 0);
    let features = files(&kept);
    assert_eq!(features.len(), extracted);
    for (path, bytes) in &features {
        // A key of somebody else gives another signature.
        let mut forged = bytes.clone();
        forged[16..48].fill(0);
        fs::write(path, forged).unwrap();
    }
    let again = run.evaluate(&mut Observers::new()).unwrap();
    assert_eq!(
        (again.cache.read, again.cache.extracted, again.cache.foreign),
        (shared, extracted, extracted)
    );
    assert_eq!(again.figures, card.figures);
    let read = run.evaluate(&mut Observers::new()).unwrap();
    assert_eq!((read.cache.read, read.cache.extracted), (shared + extracted, 0));
    assert_eq!(read.figures, card.figures);
}

//! A full disk at every stage of every write of a run: the error names the file, what was there before stays whole, and the
//! run goes on from it once there is room again.

mod common;

use std::fs;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use common::{results, tiny};
use seqjepa_run::RunCheckpoint as Checkpoint;
use seqjepa_run::{Run, RunError, fault_injection};
use seqjepa_train::MetricsRow;
use seqjepa_train::observer::Observers;

/// Starts or resumes the run in a folder and runs it to its end.
fn run(folder: &Path) -> Result<(), RunError> {
    let mut run = if folder.join("config.yaml").exists() {
        Run::resume(folder, &mut Observers::new())?
    } else {
        Run::start(tiny(folder, &["run.epochs=1", "eval.probe_epochs=1"]), &mut Observers::new())?
    };
    run.train(&mut Observers::new())?;
    run.evaluate(&mut Observers::new())?;
    Ok(())
}

/// The disk is full at the stage of that number, counted from 1, and from then on; 0: never. Returns the files of all
/// stages of writes that take room.
fn fill_disk_at(number: usize) -> Arc<Mutex<Vec<PathBuf>>> {
    let written = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&written);
    fault_injection::install(move |operation, path| {
        if matches!(operation, "remove" | "cut") {
            return Ok(());
        }
        let mut noted = noted.lock().unwrap();
        noted.push(path.to_owned());
        if number > 0 && noted.len() >= number {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        Ok(())
    });
    written
}

#[test]
fn a_full_disk_at_any_write_loses_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let written = fill_disk_at(0);
    run(&scratch.path().join("whole")).unwrap();
    let writes = written.lock().unwrap().clone();
    let expected = results(&scratch.path().join("whole"));
    for name in ["config.yaml", "status.json", "last.safetensors", "metrics.csv", "gates.json"] {
        assert!(writes.iter().any(|path| path.ends_with(name)), "{name} in {writes:?}");
    }

    for number in 1..=writes.len() {
        let folder = scratch.path().join(number.to_string());
        let written = fill_disk_at(number);
        let result = run(&folder);
        let failed: Vec<PathBuf> = written.lock().unwrap().iter().skip(number - 1).cloned().collect();
        let case = format!("write {number}, {failed:?}");
        match result {
            // The status is written by the clock: a run may have one write less.
            Ok(()) if failed.is_empty() => continue,
            Ok(()) => panic!("{case}: went unseen"),
            Err(error) => {
                // Not always the first: without a folder to keep features in, the evaluation goes on to the next place.
                let message = error.to_string();
                let named = failed
                    .iter()
                    .filter_map(|path| path.file_name())
                    .any(|name| message.contains(&*name.to_string_lossy()));
                assert!(named, "{case}: {message}");
                assert!(message.contains("no storage space"), "{case}: {message}");
            }
        }
        // What is there is whole.
        let checkpoints = fs::read_dir(folder.join("checkpoints")).into_iter().flatten().flatten();
        for entry in checkpoints {
            Checkpoint::load(&entry.path()).unwrap_or_else(|error| panic!("{case}: {error}"));
        }
        let lines = fs::read_to_string(folder.join("metrics.jsonl")).unwrap_or_default();
        for line in lines.lines() {
            serde_json::from_str::<MetricsRow>(line).unwrap_or_else(|error| panic!("{case}: {error}"));
        }

        fault_injection::remove();
        run(&folder).unwrap_or_else(|error| panic!("{case}, then resumed: {error}"));
        assert_eq!(results(&folder), expected, "{case}");
    }
}

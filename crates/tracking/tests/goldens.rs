//! The same calls write the bytes that the public packages' own protobufs and writers write: `scripts/goldens/tracking.py` made the
//! fixtures. Nothing is tolerated: a byte that differs is another format.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use seqjepa_tracking::tensorboard::EventLog;
use seqjepa_tracking::wandb::{OfflineRun, Row, RunDescription, RunId, SystemFigures};
use seqjepa_tracking::{LocalFolder, Picture, Timestamp};
use serde_json::json;

const START: u64 = 1_700_000_000;

fn golden(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

fn picture() -> Picture {
    Picture::from_png(golden("picture.png")).unwrap()
}

fn at(milliseconds: u64) -> Timestamp {
    let nanoseconds = u32::try_from(milliseconds % 1000).unwrap() * 1_000_000;
    Timestamp::new(START + milliseconds / 1000, nanoseconds)
}

/// Every file below a folder, by its path there.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    fn collect(folder: PathBuf, root: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(path, root, found);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    collect(root.to_owned(), root, &mut found);
    found
}

#[test]
fn event_files_are_those_of_tensorboard() {
    let scratch = tempfile::tempdir().unwrap();
    let place = LocalFolder::at(scratch.path());
    let mut log = EventLog::create(&place, at(0)).unwrap();
    let settings = BTreeMap::from([("lr".to_owned(), json!(0.5)), ("left out".to_owned(), json!(null))]);
    log.hyperparameters(at(0), "run", &settings).unwrap();
    log.text(0, at(500), "config", "**ü**").unwrap();
    let long = "ä".repeat(300);
    let figures =
        [("loss", 0.1), ("not a number", f64::NAN), ("", f64::INFINITY), (long.as_str(), f64::NEG_INFINITY)];
    log.scalars(1, at(1000), figures).unwrap();
    log.picture(1, at(1000), "views", &picture()).unwrap();
    // Lost: logged after the checkpoint that the second session goes on from.
    log.scalars(2, at(2000), [("loss", 7.0)]).unwrap();
    drop(log);
    let mut log = EventLog::resume(&place, at(60_000), 2, |logged| logged.step() < 2).unwrap();
    log.scalars(2, at(61_000), [("loss", 1e-300)]).unwrap();
    drop(log);
    let written: Vec<_> = files(scratch.path()).into_iter().collect();
    let names: Vec<_> = written.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["events.out.tfevents.1700000000.log", "events.out.tfevents.1700000060.log"]);
    assert_eq!(written[0].1, golden("first.tfevents"));
    assert_eq!(written[1].1, golden("second.tfevents"));
}

fn description() -> RunDescription {
    let mut description = RunDescription::new(RunId::new("abcd1234").unwrap(), "golden 1.0");
    description.project = "project".into();
    description.entity = "entity".into();
    description.group = "group".into();
    description.name = "näme".into();
    description.tags = vec!["one".into(), "two".into()];
    for (key, value) in [("lr", json!(0.5)), ("model", json!({"width": 16})), ("seed", json!(42))] {
        description.config.insert(key.into(), value);
    }
    description.machine.system = "linux".into();
    (description.machine.cores, description.machine.threads) = (2, 4);
    description.machine.memory = 1 << 33;
    description.machine.accelerator = "none".into();
    description
}

fn log(run: &mut OfflineRun) {
    let row =
        Row::new().with("step", 10.0).with("loss", 0.1).with("bad", f64::NAN).with("low", f64::NEG_INFINITY);
    run.log(&row, at(1000)).unwrap();
    run.picture("a view", &picture(), "ü", &Row::new().with("step", 10.0), at(1250)).unwrap();
    let system = SystemFigures {
        cpu_percent: Some(12.5),
        process_memory_mib: Some(100.0),
        ..SystemFigures::default()
    };
    run.system(&system, at(250)).unwrap();
    run.line("epoch 1", at(250)).unwrap();
    run.set("gates", &json!(["x".repeat(40_000)]));
}

#[test]
fn a_run_is_that_of_w_and_b() {
    let scratch = tempfile::tempdir().unwrap();
    let place = LocalFolder::at(scratch.path());
    let mut run = OfflineRun::create(place, &description(), at(250)).unwrap().along("step");
    assert_eq!(run.folder(), "offline-run-20231114_221320-abcd1234");
    log(&mut run);
    run.finish(3, at(9500)).unwrap();
    let written = files(&scratch.path().join("offline-run-20231114_221320-abcd1234"));
    assert_eq!(written["run-abcd1234.wandb"], golden("run-abcd1234.wandb"));
    let names: Vec<_> = written.keys().map(String::as_str).collect();
    let [config, image, summary, log, metadata] = [
        "files/config.yaml",
        names[1],
        "files/wandb-summary.json",
        "files/output.log",
        "files/wandb-metadata.json",
    ];
    assert!(image.starts_with("files/media/images/a_view_1_") && image.ends_with(".png"), "{image}");
    assert_eq!(names.len(), 6, "{names:?}");
    assert_eq!(written[image], golden("picture.png"));
    assert_eq!(written[log], b"epoch 1\n");
    let text = |name: &str| String::from_utf8(written[name].clone()).unwrap();
    assert!(text(config).contains("\"model\":\n    value: {\"width\":16}\n"), "{}", text(config));
    assert!(text(summary).contains("\"bad\": NaN"), "{}", text(summary));
    assert!(text(metadata).contains("2023-11-14T22:13:20.250000Z"), "{}", text(metadata));
}

/// A process that is killed at any byte leaves a log that goes on: with what is logged again, it is the log of a run that was never
/// killed.
#[test]
fn a_log_cut_off_anywhere_goes_on() {
    let whole = golden("run-abcd1234.wandb");
    let name = "offline-run-20231114_221320-abcd1234";
    // Closely where the short records are.
    let lengths = (0..1600).step_by(13).chain((1600..whole.len()).step_by(3001));
    for length in lengths.chain([whole.len(), 1, 6, 7, 8]) {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join(name).join("run-abcd1234.wandb");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &whole[..length]).unwrap();
        // A sign that all was sent, which it no longer is.
        fs::write(path.with_extension("wandb.synced"), "").unwrap();
        let place = LocalFolder::at(scratch.path());
        let mut run =
            OfflineRun::resume(place, name, &description(), at(250), |_| false).unwrap().along("step");
        log(&mut run);
        run.finish(3, at(9500)).unwrap();
        assert!(fs::read(&path).unwrap() == whole, "cut to {length} bytes");
        assert!(!path.with_extension("wandb.synced").exists());
    }
}

#[test]
fn rows_that_are_kept_are_followed_by_the_next() {
    let scratch = tempfile::tempdir().unwrap();
    let place = || LocalFolder::at(scratch.path());
    let mut run = OfflineRun::create(place(), &description(), at(0)).unwrap();
    for step in 0..1000_u32 {
        run.log(&Row::new().with("step", step.into()), at(u64::from(step))).unwrap();
    }
    let folder = run.folder().to_owned();
    run.finish(0, at(1000)).unwrap();
    let mut changed = description();
    changed.config.insert("seed".into(), json!(43));
    changed.config.remove("lr");
    let mut run =
        OfflineRun::resume(place(), &folder, &changed, at(2000), |row| row.figure("step").unwrap() < 600.0)
            .unwrap();
    run.log(&Row::new().with("step", 600.0), at(2000)).unwrap();
    run.finish(0, at(3000)).unwrap();
    let mut steps = Vec::new();
    let run = OfflineRun::resume(place(), &folder, &changed, at(4000), |row| {
        steps.push((row.figure("step").unwrap(), row.figure("_step").unwrap()));
        assert!(row.figure("_runtime").unwrap() <= 2.0 && row.figure("none").is_none());
        true
    })
    .unwrap();
    drop(run);
    let expected: Vec<_> = (0..=600).map(|step| (f64::from(step), f64::from(step))).collect();
    assert_eq!(steps, expected);
}

#[test]
fn another_programs_file_is_left_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("offline-run-1-abcd1234/run-abcd1234.wandb");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "not a log").unwrap();
    let place = LocalFolder::at(scratch.path());
    let resumed = OfflineRun::resume(place, "offline-run-1-abcd1234", &description(), at(0), |_| true);
    let message = resumed.unwrap_err().to_string();
    assert!(message.contains("not a W&B log") && message.contains("run-abcd1234.wandb"), "{message}");
    assert_eq!(fs::read(&path).unwrap(), b"not a log");
}

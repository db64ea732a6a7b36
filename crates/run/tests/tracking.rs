//! Trackers beside a run: what they are told, that they change nothing, and that the run outlives them.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::{figures, tiny};
use seqjepa_run::{Run, RunCheckpoint, RunError, Tracked, TrackingVariables};
use seqjepa_tracking::tensorboard::EventLog;
use seqjepa_tracking::wandb::{OfflineRun, RunDescription, RunId};
use seqjepa_tracking::{LocalFolder, Timestamp};
use seqjepa_train::observer::{Event, Observer, ObserverError, Observers};
use seqjepa_train::{MetricsRow, StopFlag};

const TRACKED: [&str; 4] = [
    "logging.tensorboard=true",
    "logging.wandb.enabled=true",
    "logging.log_every=1",
    "eval.protocols=[exact]",
];

/// Steps of an epoch of the tiny run, and epochs.
const STEPS: u64 = 3;

/// What a log holds of a run: the rows of epochs with their step, and the steps whose loss is there.
#[derive(Debug, Default, PartialEq)]
struct Logged {
    epochs: Vec<(u64, BTreeMap<String, f64>)>,
    losses: Vec<u64>,
    views: usize,
    reports: usize,
}

fn as_step(value: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small whole numbers")]
    let step = value as u64;
    step
}

/// What is in the event files, in single precision. They are copied: whoever reads them by this crate goes on with them.
fn tensorboard(run: &Path) -> Logged {
    let scratch = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(run.join("tensorboard")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, scratch.path().join(path.file_name().unwrap())).unwrap();
    }
    let mut found = Logged::default();
    let place = LocalFolder::at(scratch.path());
    let log = EventLog::resume(&place, Timestamp::default(), 0, |event| {
        if event.scalar("epoch").is_some() {
            let row = event.tags().map(|tag| (tag.to_owned(), event.scalar(tag).unwrap().into()));
            found.epochs.push((event.step(), row.collect()));
        }
        found.losses.extend(event.scalar("train/loss").map(|_| event.step()));
        found.reports += event.tags().filter(|tag| tag.starts_with("report/")).count();
        found.views += event.tags().filter(|tag| *tag == "views").count();
        true
    });
    drop(log.unwrap());
    found
}

/// The folder of the W&B run.
fn offline_run(run: &Path) -> PathBuf {
    let mut folders: Vec<_> = fs::read_dir(run.join("wandb")).unwrap().collect();
    assert_eq!(folders.len(), 1);
    folders.remove(0).unwrap().path()
}

/// What is in its log.
fn wandb(run: &Path) -> Logged {
    let folder = offline_run(run);
    let name = folder.file_name().unwrap().to_str().unwrap();
    let id = name.rsplit_once('-').unwrap().1;
    let scratch = tempfile::tempdir().unwrap();
    fs::create_dir(scratch.path().join(name)).unwrap();
    let log = format!("{name}/run-{id}.wandb");
    fs::copy(run.join("wandb").join(&log), scratch.path().join(&log)).unwrap();
    let mut found = Logged::default();
    let description = RunDescription::new(RunId::new(id).unwrap(), "test");
    let place = LocalFolder::at(scratch.path());
    let read = OfflineRun::resume(place, name, &description, Timestamp::default(), |row| {
        let step = as_step(row.figure("step").unwrap());
        if row.figure("epoch").is_some() {
            let own: Vec<_> = row.names().filter(|name| !name.starts_with('_')).collect();
            let figures: BTreeMap<_, _> =
                own.iter().map(|name| ((*name).to_owned(), row.figure(name).unwrap())).collect();
            assert_eq!(figures.len(), own.len(), "a figure is there twice");
            found.epochs.push((step, figures));
        }
        found.losses.extend(row.figure("train/loss").map(|_| step));
        found.reports += row.names().filter(|name| name.starts_with("report/")).count();
        found.views += row.names().filter(|name| *name == "views").count();
        true
    });
    drop(read.unwrap());
    found
}

/// What should be there: every row once, with the bits of single precision or all, and every step once.
fn check(run: &Path, epochs: usize) {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let rows: Vec<MetricsRow> = text.lines().map(|line| MetricsRow::from_line(line).unwrap()).collect();
    assert_eq!(rows.len(), epochs);
    #[expect(clippy::cast_possible_truncation, reason = "the format has single precision")]
    let single = |value: f64| f64::from(value as f32);
    for (logged, round) in
        [(wandb(run), &(|value| value) as &dyn Fn(f64) -> f64), (tensorboard(run), &single)]
    {
        assert_eq!(logged.losses, (1..=STEPS * epochs as u64).collect::<Vec<_>>());
        assert_eq!(logged.views, 1);
        assert_eq!(logged.epochs.len(), epochs);
        for (row, (step, found)) in rows.iter().zip(&logged.epochs) {
            assert_eq!(*step, STEPS * row.epoch as u64);
            assert_eq!(found.len(), row.iter().count() + 1);
            for (name, value) in row.iter() {
                assert_eq!(found[name].to_bits(), round(value).to_bits(), "{name}");
            }
        }
    }
}

fn digest(run: &Path) -> String {
    RunCheckpoint::load(&run.join("checkpoints/last.safetensors")).unwrap().digest()
}

fn rows(run: &Path) -> Vec<(usize, String, u64)> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    figures(&text.lines().map(|line| MetricsRow::from_line(line).unwrap()).collect::<Vec<_>>())
}

fn train(folder: &Path, overrides: &[&str]) {
    Run::start(tiny(folder, overrides), &mut Observers::new()).unwrap().train(&mut Observers::new()).unwrap();
}

/// Stops the run at a step.
struct StopAt(u64, StopFlag);

impl Observer for StopAt {
    fn observe(&mut self, event: &Event) -> Result<(), ObserverError> {
        if matches!(event, Event::StepFinished { step, .. } if *step == self.0) {
            self.1.request();
        }
        Ok(())
    }
}

#[test]
fn a_tracked_run_has_the_bits_of_one_that_is_not() {
    let scratch = tempfile::tempdir().unwrap();
    let [plain, tracked] = ["plain", "tracked"].map(|name| scratch.path().join(name));
    train(&plain, &["eval.protocols=[exact]"]);
    train(&tracked, &TRACKED);
    assert_eq!(digest(&plain), digest(&tracked));
    assert_eq!(rows(&plain), rows(&tracked));
    check(&tracked, 2);
    let names = |run: &Path| -> Vec<String> {
        let entries = fs::read_dir(run).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert!(!names(&plain).iter().any(|name| name.contains("wandb") || name.contains("tensorboard")));
    let mut more = names(&tracked);
    more.retain(|name| !names(&plain).contains(name));
    assert_eq!(more, ["tensorboard", "wandb", "wandb.json"]);
}

/// Stopped within an epoch, killed after a later checkpoint that was then lost, resumed, evaluated twice: nothing is there twice.
#[test]
fn a_resumed_run_is_logged_once() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    let overrides: Vec<_> = TRACKED.into_iter().chain(["run.epochs=3"]).collect();
    let mut run = Run::start(tiny(&folder, &overrides), &mut Observers::new()).unwrap();
    let flag = StopFlag::new();
    run.stop_on(flag.clone());
    let stopped = run.train(&mut Observers::new().with(StopAt(5, flag)));
    assert!(matches!(stopped, Err(RunError::Stopped { .. })));
    drop(run);
    let kept = fs::read(folder.join("checkpoints/last.safetensors")).unwrap();
    // Another process goes on, and is lost with its checkpoint.
    Run::resume(&folder, &mut Observers::new()).unwrap().train(&mut Observers::new()).unwrap();
    check(&folder, 3);
    let whole = digest(&folder);
    for entry in fs::read_dir(folder.join("checkpoints")).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    fs::write(folder.join("checkpoints/last.safetensors"), kept).unwrap();
    let mut run = Run::resume(&folder, &mut Observers::new()).unwrap();
    run.train(&mut Observers::new()).unwrap();
    run.evaluate(&mut Observers::new()).unwrap();
    assert_eq!(digest(&folder), whole);
    check(&folder, 3);
    let summary = || fs::read_to_string(offline_run(&folder).join("files/wandb-summary.json")).unwrap();
    assert!(summary().contains("frozen/exact/"), "{}", summary());
    let size = || fs::metadata(offline_run(&folder)).map(|_| tensorboard(&folder).epochs.len()).unwrap();
    let (before, text) = (size(), summary());
    run.evaluate(&mut Observers::new()).unwrap();
    assert_eq!((size(), summary()), (before, text));
    check(&folder, 3);
    assert_eq!(run.upload(), Tracked::Kept { folder: offline_run(&folder) });
}

#[test]
fn the_pictures_of_a_report_are_logged_once() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    let mut run = Run::start(tiny(&folder, &TRACKED), &mut Observers::new()).unwrap();
    run.picture_with(|folder| {
        assert!(["evaluation.json", "sample.safetensors"].iter().all(|name| folder.join(name).exists()));
        Ok(["map", "bars"].map(|name| (name.to_owned(), image::RgbImage::new(8, 4))).into())
    });
    run.train(&mut Observers::new()).unwrap();
    for _ in 0..2 {
        run.evaluate(&mut Observers::new()).unwrap();
        assert_eq!((tensorboard(&folder).reports, wandb(&folder).reports), (2, 2));
    }
    check(&folder, 2);
    // What cannot be drawn is no failure of the run.
    run.picture_with(|_| Err("no ink".into()));
    run.evaluate(&mut Observers::new()).unwrap();
    assert_eq!((tensorboard(&folder).reports, wandb(&folder).reports), (0, 0));
}

/// Tracked only from its resume on, and with the log lost: what is missing of the epochs is logged.
#[test]
fn a_run_without_its_logs_gets_new_ones() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    train(&folder, &TRACKED);
    let id = fs::read(folder.join("wandb.json")).unwrap();
    fs::remove_dir_all(folder.join("wandb")).unwrap();
    fs::remove_dir_all(folder.join("tensorboard")).unwrap();
    Run::resume(&folder, &mut Observers::new()).unwrap().train(&mut Observers::new()).unwrap();
    for logged in [wandb(&folder), tensorboard(&folder)] {
        assert_eq!((logged.epochs.len(), logged.losses.len()), (2, 0));
    }
    assert_eq!(fs::read(folder.join("wandb.json")).unwrap(), id);
}

#[cfg(unix)]
#[test]
fn a_run_goes_on_without_its_trackers_and_follows_no_link() {
    use std::os::unix::fs::symlink;

    let scratch = tempfile::tempdir().unwrap();
    let outside = scratch.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let plain = scratch.path().join("plain");
    train(&plain, &["eval.protocols=[exact]"]);
    for (name, place) in [("a", "tensorboard"), ("b", "wandb")] {
        let folder = scratch.path().join(name);
        fs::create_dir(&folder).unwrap();
        symlink(&outside, folder.join(place)).unwrap();
        train(&folder, &TRACKED);
        assert_eq!(digest(&folder), digest(&plain));
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "{place}");
    }
    // Files of a log that lead elsewhere, or are another's.
    let folder = scratch.path().join("c");
    train(&folder, &TRACKED);
    let log = fs::read_dir(offline_run(&folder)).unwrap().map(|entry| entry.unwrap().path());
    let log = log.into_iter().find(|path| path.extension().is_some_and(|end| end == "wandb")).unwrap();
    let copy = scratch.path().join("copy");
    fs::hard_link(&log, &copy).unwrap();
    let before = fs::read(&copy).unwrap();
    fs::remove_file(offline_run(&folder).join("files/output.log")).unwrap();
    symlink(outside.join("output.log"), offline_run(&folder).join("files/output.log")).unwrap();
    Run::resume(&folder, &mut Observers::new()).unwrap().train(&mut Observers::new()).unwrap();
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    assert_eq!(fs::read(&copy).unwrap(), before);
    // A folder that cannot be made.
    let (folder, file) = (scratch.path().join("d"), scratch.path().join("file"));
    fs::write(&file, "kept").unwrap();
    let dir = format!("logging.wandb.dir={}", file.display());
    let overrides: Vec<_> = TRACKED.into_iter().chain([dir.as_str()]).collect();
    train(&folder, &overrides);
    assert_eq!(fs::read(&file).unwrap(), b"kept");
    assert_eq!(digest(&folder), digest(&plain));
}

#[test]
fn variables_say_what_the_config_leaves_open() {
    let scratch = tempfile::tempdir().unwrap();
    let [folder, elsewhere] = ["run", "elsewhere"].map(|name| scratch.path().join(name));
    let mut run = Run::start(tiny(&folder, &TRACKED), &mut Observers::new()).unwrap();
    let at = elsewhere.clone();
    run.track_with(&TrackingVariables::read(|name| (name == "WANDB_DIR").then(|| at.clone().into())));
    run.train(&mut Observers::new()).unwrap();
    assert!(!folder.join("wandb").exists());
    assert_eq!(run.upload(), Tracked::Kept { folder: offline_run(&elsewhere) });
    drop(run);
    let mut run = Run::resume(&folder, &mut Observers::new()).unwrap();
    run.track_with(&TrackingVariables::read(|name| (name == "WANDB_MODE").then(|| "disabled".into())));
    assert_eq!(run.upload(), Tracked::Nothing);
}

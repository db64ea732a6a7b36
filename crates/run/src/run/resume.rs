//! Going on with the run in a folder.

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use seqjepa_train::checkpoint::{BestState, CheckpointStore, Found, Progress, UnderWay};
use seqjepa_train::observer::{Event, Observer};
use seqjepa_train::storage::{Folder, StorageError};
use seqjepa_train::{History, MetricsRow};

use super::error::RunError;
use super::record::{RunCheckpoint, RunRecord};
use super::run::{Parts, Run};
use crate::code::code_version;
use crate::config::{Config, ConfigDifference, ConfigError, invalid};
use crate::fingerprint::DataFingerprint;
use crate::folder::run_folder::{CHECKPOINTS, CONFIG, METRICS_JSONL};
use crate::folder::status::Status;
use crate::folder::{RunFolder, RunLock};
use crate::registry::Registry;
use crate::run_devices::open_first;

/// What a config is called in errors that was not read from a file of the user's.
const RUNS_CONFIG: &str = "the run's config";

/// What to change about a run that is continued; by default nothing.
#[derive(Debug, Clone, Default)]
pub struct ResumeOptions {
    /// A config file in place of the run's own.
    pub config: Option<PathBuf>,
    /// Overrides of single keys, `section.key=value`.
    pub overrides: Vec<String>,
    /// Continues even if the config or the data are not those of the run.
    pub allow_changes: bool,
}

impl Run {
    /// Continues the run in `root` from its newest checkpoint that is whole, with the config that it was started with.
    ///
    /// A run continued this way has the same metrics and the same final parameters, to the bit, as one that was never
    /// stopped. A run that was killed before its first checkpoint starts from the beginning.
    ///
    /// # Errors
    ///
    /// [`RunError`] if there is no run in `root`, if its checkpoints are all damaged, if its config or data are no longer
    /// what they were, if another process is at work on it, or as [`Run::start`].
    pub fn resume(root: &Path, observer: &mut dyn Observer) -> Result<Self, RunError> {
        Self::resume_with(&Registry::standard(), root, &ResumeOptions::default(), observer)
    }

    /// The same with methods or data sets of one's own, or with changes: more epochs, say. The schedules are then those of a run of the new length, from the next
    /// epoch (the learning rate) and the next step (the EMA decay) on.
    ///
    /// # Errors
    ///
    /// As [`Run::resume`]; [`RunError::ConfigChanged`] names keys that would change the course of the run, and
    /// [`RunError::DataChanged`] other images, unless [`ResumeOptions::allow_changes`] says that this is meant.
    pub fn resume_with(
        registry: &Registry,
        root: &Path,
        options: &ResumeOptions,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let folder = RunFolder::at(root);
        if !folder.checkpoints().exists() {
            // Nothing is made where there is no run.
            folder.expect_run(&[CONFIG])?;
            RunFolder::open(registry, root)?;
        }
        let lock = folder.take()?;
        let held = lock.folder().clone();
        let status = Status::read_in(&held).ok();
        Status::restarting(&held);
        let resumed = Self::resume_in(registry, folder, lock, options, observer);
        // A run that was not resumed is what it was. Why it was not is the error to report.
        if let (Err(_), Some(status)) = (&resumed, status)
            && let Err(second) = status.write(&held)
        {
            tracing::warn!("{second}");
        }
        resumed.map_err(|error| match (error, &options.config) {
            (RunError::Config(error), Some(path)) => {
                error.located(&path.display().to_string(), &options.overrides).into()
            }
            (RunError::Config(error), None) => error.located(RUNS_CONFIG, &options.overrides).into(),
            (error, _) => error,
        })
    }

    fn resume_in(
        registry: &Registry,
        folder: RunFolder,
        lock: RunLock,
        options: &ResumeOptions,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let root = folder.root().to_owned();
        let mut store = CheckpointStore::new(lock.folder().below(CHECKPOINTS), 1);
        let found = store.load_newest::<RunRecord>()?;
        let Configs { kept, config, unreadable } = configs(registry, &root, found.as_ref(), options)?;
        store.keep(config.run.keep_last);
        for problem in found.iter().flat_map(|found| &found.damaged).map(ToString::to_string) {
            observer.observe(&Event::CheckpointDamaged { problem: &problem })?;
        }

        if found.is_none() {
            refuse_to_lose_epochs(&folder, lock.folder(), &kept)?;
        }
        let rows = match &found {
            Some(found) => rows_of(&found.checkpoint.progress, lock.folder(), options)?,
            None => Vec::new(),
        };
        let device = open_first(&config.run)?;
        if let Some(found) = &found {
            check_backend(&root, found.checkpoint.record.backend.as_deref(), device.1, options)?;
        }
        let mut parts = Parts::prepare(registry, config, device, observer)?;
        parts.device_check = parts.check_devices()?;
        let mut run = Self::assemble(parts, folder, store, lock);
        let Some(Found { checkpoint, path, .. }) = found else {
            observer.observe(&Event::Resumed { path: None, epoch: 0, batch: 0 })?;
            run.replace_config(&kept, unreadable)?;
            return Ok(run);
        };
        let (progress, record) = (&checkpoint.progress, &checkpoint.record);
        match check_data(record.data.as_ref(), &run.fingerprint) {
            Err(error) if options.allow_changes => tracing::warn!("{error}"),
            result => result?,
        }
        let code = code_version();
        if (&progress.version, &progress.commit) != (&code.version, &code.commit) {
            tracing::warn!(
                written_by = progress.version,
                commit = progress.commit,
                "the checkpoint was written by another version of this project: the bits may differ"
            );
        }
        let (epoch, batch) = (progress.epoch, progress.under_way.train_batches);
        let other_backend = record.backend.as_deref().is_some_and(|held| held != run.backend);
        let changed = differ(&record.config, &run.config) || other_backend;
        let another_best =
            [&record.config, &kept].iter().any(|earlier| earlier.run.best_by() != run.config.run.best_by());
        run.history = History::of(&rows);
        run.rows = rows;
        run.best = record.best.filter(|_| !another_best);
        run.trainer.restore(checkpoint)?;
        if changed {
            // With both configs in the checkpoint, a kill before the next line does no harm.
            let mut checkpoint = run.checkpoint_told(observer)?;
            checkpoint.record.previous_config = Some(kept.clone());
            run.store.save(&checkpoint)?;
        }
        // Before the file by which the next resume would see that another was asked for.
        if another_best {
            run.store.forget_best()?;
        }
        if batch == 0 && path == run.store.last() && run.last_is_best() {
            // The kill may have come between the checkpoint and its second name.
            run.store.mark_best()?;
        }
        run.check_best(epoch, observer)?;
        observer.observe(&Event::Resumed { path: Some(&path), epoch, batch })?;
        // Last: a run whose resume is given up by a signal is what its status says, of its old length.
        run.replace_config(&kept, unreadable)?;
        Ok(run)
    }

    fn replace_config(&self, kept: &Config, unreadable: bool) -> Result<(), RunError> {
        if !unreadable && !differ(kept, &self.config) && self.folder.config().exists() {
            return Ok(());
        }
        Ok(self.lock.folder().write(CONFIG, self.config.to_yaml().as_bytes())?)
    }

    /// Says so if the best checkpoint is damaged or missing, and makes it again where that can be done.
    fn check_best(&self, done: usize, observer: &mut dyn Observer) -> Result<(), RunError> {
        let run = &self.config.run;
        let (Some(metric), Some(best)) = (&run.best_metric, self.best) else { return Ok(()) };
        let file = self.store.best();
        let what = format!("{} should hold epoch {best}, the best by {metric}", file.display());
        let is_best = |found: &RunCheckpoint| self.may_be_best(found, best, done);
        let problem = match self.store.check_best(best, is_best)? {
            BestState::Whole => return Ok(()),
            BestState::Restored { problem, from } => {
                format!("{what}, but {problem}; it was made again from {}", from.display())
            }
            BestState::Lost { problem } => format!(
                "{what}, but {problem}, and no other checkpoint holds that epoch; bring the file back from a copy, or do without: \
                 only an epoch that is better still becomes the best"
            ),
        };
        Ok(observer.observe(&Event::CheckpointDamaged { problem: &problem })?)
    }
}

impl Run {
    /// Says why a whole checkpoint cannot be the best one, that of epoch `best`, of this run, which has `done` epochs behind it. One of
    /// a later epoch can be: the run may have come further before it fell back to the checkpoint that it goes on from. It was then the
    /// best when it was written, which it says of itself.
    fn may_be_best(&self, found: &RunCheckpoint, best: usize, done: usize) -> Result<(), String> {
        let Progress { epoch, under_way, history, .. } = &found.progress;
        let (epoch, record) = (*epoch, &found.record);
        if *under_way != UnderWay::default() {
            return Err(format!("it is that of a step of epoch {}", epoch + 1));
        }
        if epoch < best || (epoch > best && epoch <= done) {
            return Err(format!("it is that of epoch {epoch}"));
        }
        if record.best.is_some_and(|own| own != epoch) {
            return Err(format!("it is that of epoch {epoch}, which was not the best when it was written"));
        }
        let ours = match self.rows.get(..epoch) {
            // With a part of the metrics lost, nothing can be said.
            _ if epoch <= done && self.rows.len() < done => true,
            Some(rows) => History::of(rows).position().sha256 == history.sha256,
            None => {
                record.config.run.seed == self.config.run.seed
                    && record.data.as_ref().is_none_or(|data| *data == self.fingerprint)
            }
        };
        if ours { Ok(()) } else { Err(format!("it is that of epoch {epoch} of another run")) }
    }
}

/// The metrics of the epochs that a checkpoint has behind it: of an earlier version its own, else those of `metrics.jsonl`, held
/// against its digest.
fn rows_of(
    progress: &Progress,
    folder: &Folder,
    options: &ResumeOptions,
) -> Result<Vec<MetricsRow>, RunError> {
    /// Far more than the metrics of a million epochs take.
    const LONGEST: u64 = 1 << 36;
    if !progress.rows.is_empty() {
        return Ok(progress.rows.clone());
    }
    let position = &progress.history;
    let found = match folder.open(METRICS_JSONL, LONGEST) {
        Ok(file) => {
            let mut found = Vec::new();
            let read = file.take(position.bytes).read_to_end(&mut found);
            read.map_err(|source| StorageError::new("read", &folder.path().join(METRICS_JSONL), source))?;
            found
        }
        Err(StorageError { source, .. }) if source.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let (whole, there) = match position.complete(found.clone()) {
        Some(whole) => (true, whole),
        None => (false, found),
    };
    let mut rows: Vec<MetricsRow> = Vec::new();
    for line in there.split(|byte| *byte == b'\n') {
        let row = std::str::from_utf8(line).ok().and_then(|line| MetricsRow::from_line(line).ok());
        let after = rows.last().map_or(0, |row| row.epoch);
        match row.filter(|row| (after + 1..=progress.epoch).contains(&row.epoch)) {
            Some(row) => rows.push(row),
            None => break,
        }
    }
    if whole && rows.len() == position.lines {
        return Ok(rows);
    }
    let error = RunError::HistoryChanged {
        path: folder.path().join(METRICS_JSONL),
        expected: (position.lines, position.bytes),
        found: rows.len().min(position.lines),
    };
    if !options.allow_changes {
        return Err(error);
    }
    tracing::warn!("{error}");
    Ok(rows)
}

/// The configs of a resume.
struct Configs {
    /// That in the run folder, else the checkpoint's.
    kept: Config,
    /// The one to go on with.
    config: Config,
    /// Whether the run folder's could not be read.
    unreadable: bool,
}

fn configs(
    registry: &Registry,
    root: &Path,
    found: Option<&Found<RunRecord>>,
    options: &ResumeOptions,
) -> Result<Configs, RunError> {
    let record = found.map(|found| &found.checkpoint.record);
    let mut unreadable = false;
    let kept = match (RunFolder::open(registry, root), record) {
        (Ok((_, config)), _) => config,
        (Err(ConfigError::Storage(StorageError { source, .. })), Some(record))
            if source.kind() == ErrorKind::NotFound =>
        {
            record.config.clone()
        }
        // What cannot be read is not needed where another is given and the checkpoint holds the run's own.
        (Err(_), Some(record)) if options.config.is_some() => {
            unreadable = true;
            record.config.clone()
        }
        (Err(error), _) => return Err(error.into()),
    };
    let held = record.map_or(&kept, |record| &record.config);
    let base = match record.and_then(|record| record.previous_config.as_ref()) {
        // A change was accepted, and the run killed before it came to this file.
        Some(previous) if !differ(previous, &kept) => held,
        _ => &kept,
    };
    let mut config = match &options.config {
        Some(path) => Config::load_with(registry, path, &options.overrides)?,
        None => Config::parse_with(registry, &base.to_yaml(), RUNS_CONFIG, &options.overrides)?,
    };
    // The folder may have been moved since.
    config.run.output_dir = Some(root.to_owned());
    let differences = held.changes(&config);
    if !differences.is_empty() && !options.allow_changes {
        return Err(RunError::ConfigChanged { path: root.to_owned(), differences });
    }
    if let Some(progress) = found.map(|found| &found.checkpoint.progress) {
        let begun = progress.epoch + usize::from(progress.under_way != UnderWay::default());
        if config.run.epochs < begun {
            let expected = format!("at least {begun}, the epochs that the run has begun");
            return Err(invalid("run.epochs", expected, config.run.epochs).into());
        }
    }
    Ok(Configs { kept, config, unreadable })
}

/// Whether two configs differ in more than the place of the run folder.
fn differ(held: &Config, given: &Config) -> bool {
    held.differences(given).iter().any(|difference| difference.key != "run.output_dir")
}

/// Refuses to begin a run anew that has more behind it than what it does before its first checkpoint.
fn refuse_to_lose_epochs(folder: &RunFolder, held: &Folder, kept: &Config) -> Result<(), RunError> {
    let path = folder.metrics_jsonl();
    let file = match held.open(METRICS_JSONL, u64::MAX) {
        Err(StorageError { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(()),
        file => file?,
    };
    let mut epochs = 0;
    let mut lines = BufReader::new(file);
    while lines.skip_until(b'\n').map_err(|source| StorageError::new("read", &path, source))? > 0 {
        epochs += 1;
    }
    let run = &kept.run;
    let first = match (run.save_checkpoint, &run.best_metric) {
        (true, None) => run.checkpoint_epochs.unwrap_or(usize::MAX).min(run.epochs),
        // Nothing to go on from, or a checkpoint already of the first epoch, which is the best so far.
        _ => 1,
    };
    // Others are saved by steps or minutes, or when the run was stopped.
    let saved = Status::read_in(held).is_ok_and(|status| status.checkpoint_step.is_some());
    if epochs >= first || saved {
        let hint = match run.save_checkpoint {
            true => "bring back the checkpoints, or start another run",
            false => "this run keeps none (run.save_checkpoint: false); start another run",
        };
        return Err(RunError::NoCheckpoint { path: folder.checkpoints(), epochs, hint });
    }
    Ok(())
}

/// Refuses another backend than that of the run, which `run.device: auto` may have come to.
fn check_backend(
    root: &Path,
    held: Option<&str>,
    given: &str,
    options: &ResumeOptions,
) -> Result<(), RunError> {
    match held {
        Some(held) if held != given && options.allow_changes => {
            tracing::warn!(
                "the run was on the backend {held} and goes on with {given}: the figures are no longer the same bits"
            );
            Ok(())
        }
        Some(held) if held != given => {
            let difference = ConfigDifference {
                key: "run.device".into(),
                held: format!("the backend {held}"),
                given: format!("{given}, on which the figures are no longer the same bits"),
            };
            Err(RunError::ConfigChanged { path: root.to_owned(), differences: vec![difference] })
        }
        _ => Ok(()),
    }
}

fn check_data(expected: Option<&DataFingerprint>, found: &DataFingerprint) -> Result<(), RunError> {
    let Some(expected) = expected else { return Ok(()) };
    for (split, expected, found) in
        [("training", &expected.train, &found.train), ("test", &expected.test, &found.test)]
    {
        if expected != found {
            return Err(RunError::DataChanged { split, expected: expected.clone(), found: found.clone() });
        }
    }
    Ok(())
}

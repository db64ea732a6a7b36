use std::time::{Duration, Instant};

use seqjepa_train::MetricsRow;
use seqjepa_train::observer::{Event, Observer, ObserverError, Stage};
use seqjepa_train::storage::{Folder, StorageError};

use crate::config::Config;
use crate::folder::status::{RunState, Status, seconds_since_1970};

/// Least time between two writes within an epoch.
const INTERVAL: Duration = Duration::from_secs(5);

/// Keeps `status.json` up to date: at every change of state and epoch, and every few seconds in between.
#[derive(Debug)]
pub(crate) struct StatusSink {
    folder: Folder,
    status: Status,
    written: Option<Instant>,
    /// When and at which step training started in this process.
    start: (Instant, u64),
}

impl StatusSink {
    pub(crate) fn new(folder: &Folder, config: &Config, rows: &[MetricsRow], steps: (u64, u64)) -> Self {
        let now = seconds_since_1970();
        // What this or an earlier process has saved stays the newest until the next.
        let (checkpoint, checkpoint_step) = Status::read_in(folder)
            .map_or((None, None), |status| (status.checkpoint, status.checkpoint_step));
        let status = Status {
            state: RunState::Starting,
            name: config.run.name.clone(),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").into(),
            started: now,
            updated: now,
            epoch: rows.len(),
            epochs: config.run.epochs,
            batch: 0,
            batches: 0,
            step: steps.0,
            steps: steps.1,
            learning_rate: None,
            loss: None,
            eta_seconds: None,
            checkpoint,
            checkpoint_step,
            message: None,
            last_metrics: rows.last().cloned(),
        };
        Self { folder: folder.clone(), status, written: None, start: (Instant::now(), steps.0) }
    }

    /// Writes down another state, and why.
    pub(crate) fn enter(&mut self, state: RunState, message: Option<String>) -> Result<(), StorageError> {
        self.status.state = state;
        self.status.message = message;
        if !state.is_active() {
            self.status.eta_seconds = None;
        }
        self.write()
    }

    /// Writes down how the run has ended with an error, wherever its folder is now.
    pub(crate) fn end(&mut self, state: RunState, message: String) -> Result<(), StorageError> {
        (self.status.state, self.status.message) = (state, Some(message));
        (self.status.eta_seconds, self.status.updated) = (None, seconds_since_1970());
        self.status.write_where_it_is(&self.folder)
    }

    fn write(&mut self) -> Result<(), StorageError> {
        self.status.updated = seconds_since_1970();
        self.written = Some(Instant::now());
        self.status.write(&self.folder)
    }

    fn write_sometimes(&mut self) -> Result<(), StorageError> {
        match self.written {
            Some(written) if written.elapsed() < INTERVAL => Ok(()),
            _ => self.write(),
        }
    }

    fn estimate(&mut self) {
        let done = self.status.step.saturating_sub(self.start.1);
        let left = self.status.steps.saturating_sub(self.status.step);
        let pace = self.start.0.elapsed().as_secs_f64() / done as f64;
        self.status.eta_seconds = (done > 0).then_some(pace * left as f64);
    }
}

impl Observer for StatusSink {
    fn observe(&mut self, event: &Event) -> Result<(), ObserverError> {
        let status = &mut self.status;
        let written = match event {
            Event::RunStarted { steps: (done, all), .. } => {
                (status.step, status.steps) = (*done, *all);
                self.start = (Instant::now(), *done);
                self.write()
            }
            Event::EpochStarted { epoch, batches, done, learning_rate } => {
                (status.epoch, status.batch, status.batches) = (*epoch, *done, *batches);
                status.learning_rate = Some(*learning_rate);
                status.state = RunState::Training;
                self.write()
            }
            Event::StepFinished { step, batch, .. } => {
                (status.step, status.batch) = (*step, *batch + 1);
                self.estimate();
                self.write_sometimes()
            }
            Event::StepLogged { loss, learning_rate, .. } => {
                (status.loss, status.learning_rate) = (Some(*loss), Some(*learning_rate));
                Ok(())
            }
            Event::TestStarted { batches } => {
                (status.state, status.batch, status.batches) = (RunState::Testing, 0, *batches);
                self.write()
            }
            Event::TestBatchFinished { batch } => {
                status.batch = *batch + 1;
                self.write_sometimes()
            }
            Event::EpochFinished { row } => {
                status.last_metrics = Some((*row).clone());
                self.write()
            }
            Event::CheckpointSaved { path, step } => {
                let path = path.strip_prefix(self.folder.path()).unwrap_or(path);
                (status.checkpoint, status.checkpoint_step) = (Some(path.to_owned()), Some(*step));
                self.write_sometimes()
            }
            Event::Progress {
                stage: Stage::ExtractingFeatures | Stage::FittingProbes | Stage::TrainingProbes,
                done,
                total,
                ..
            } => {
                let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
                (status.batch, status.batches) = (count(*done), count(total.unwrap_or(0)));
                self.write_sometimes()
            }
            _ => Ok(()),
        };
        Ok(written?)
    }
}

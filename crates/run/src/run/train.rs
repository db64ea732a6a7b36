//! Training the epochs that are left, with all that is written meanwhile.

use std::time::{Duration, Instant};

use seqjepa_evaluation::{DeviceCheck, TestedSplit};
use seqjepa_train::observer::{Event, Observer, ObserverError, Observers};
use seqjepa_train::{Advance, MetricsRow, TrainError};

use super::error::RunError;
use super::run::{Run, device_in_words, ended};
use crate::config::GatingConfig;
use crate::folder::run_folder::{DEVICE_CHECK, GATES, METRICS_JSONL, METRICS_KEPT};
use crate::folder::status::RunState;
use crate::gates::{GateVerdict, evaluate_gates};
use crate::memory::guarded;
use crate::sink::{CsvSink, JsonLinesSink, StatusSink};
use crate::tracking::Tracking;

/// Whoever is told of everything that happens.
struct Told<'a> {
    status: &'a mut StatusSink,
    tracking: Option<Tracking>,
    observer: &'a mut dyn Observer,
    /// When a checkpoint was last written; whether anything has been done since.
    saved: Instant,
    unsaved: bool,
}

impl Observer for Told<'_> {
    fn observe(&mut self, event: &Event) -> Result<(), ObserverError> {
        self.status.observe(event)?;
        if let Some(tracking) = &mut self.tracking {
            tracking.observe(event);
        }
        self.observer.observe(event)
    }
}

impl Run {
    /// Trains every epoch that is left, writing checkpoints as the config says, a line of metrics after each epoch, and
    /// the verdict of the gates at the end.
    ///
    /// # Errors
    ///
    /// [`RunError`] says what stopped the run; the files of the epochs done stay. [`RunError::Stopped`] if the run was
    /// asked to stop ([`stop_on`](Self::stop_on)).
    pub fn train(&mut self, observer: &mut dyn Observer) -> Result<GateVerdict, RunError> {
        let mut status = self.status();
        let mut told =
            Told { status: &mut status, tracking: None, observer, saved: Instant::now(), unsaved: false };
        let device = device_in_words(&self.config, self.backend);
        let estimate = self.memory();
        let result = guarded(&device, &estimate, || self.train_rest(&mut told));
        self.kernels.save();
        if let Some(tracking) = told.tracking.take() {
            match &result {
                Ok(_) => tracking.end(Some(0), None),
                // It will go on.
                Err(error @ RunError::Stopped { .. }) => tracking.end(None, Some(&error.to_string())),
                Err(error) => tracking.end(Some(1), Some(&error.to_string())),
            }
        }
        ended(&mut status, RunState::Trained, result)
    }

    fn train_rest(&mut self, told: &mut Told<'_>) -> Result<GateVerdict, RunError> {
        told.status.enter(RunState::Starting, None)?;
        // What the check of the device had compiled and measured.
        self.kernels.save();
        if let Some(found) = &self.device_check {
            self.write_json(DEVICE_CHECK, found)?;
        }
        let mut files = Observers::new()
            .with(JsonLinesSink::open(self.lock.folder(), &self.rows)?)
            .with(CsvSink::open(self.lock.folder(), &self.rows)?);
        told.tracking = self.tracking(false);
        let all_steps = (self.trainer.steps_per_epoch() * self.config.run.epochs) as u64;
        let event = Event::RunStarted {
            first_epoch: self.trainer.epochs_done() + 1,
            epochs: self.config.run.epochs,
            steps: (self.trainer.steps_done(), all_steps),
            parameters: self.method.parameter_count(),
        };
        told.observe(&event)?;
        while !self.trainer.is_finished() {
            if self.stop.is_requested() {
                return Err(self.stop_here(told)?);
            }
            let advance = match self.trainer.advance(told) {
                Ok(advance) => advance,
                Err(error) => return Err(self.diagnose(error)),
            };
            told.unsaved = true;
            match advance {
                Advance::TrainingBatch => {
                    let run = &self.config.run;
                    let step = self.trainer.steps_done();
                    if run.checkpoint_steps.is_some_and(|every| step.is_multiple_of(every))
                        || self.minutes_are_up(told)
                    {
                        self.save(told)?;
                    }
                }
                // A checkpoint within the test split would be that of its start.
                Advance::TestBatch => {}
                Advance::Epoch(row) => self.finish_epoch(row, &mut files, told)?,
            }
        }
        let last = self.rows.last().expect("a run has at least one epoch");
        let verdict = evaluate_gates(&self.config.gating, last);
        self.write_json(GATES, &verdict)?;
        if let Some(tracking) =
            told.tracking.as_mut().filter(|_| self.config.gating != GatingConfig::default())
        {
            tracking.gates(&verdict);
        }
        Ok(verdict)
    }

    fn finish_epoch(
        &mut self,
        mut row: MetricsRow,
        files: &mut Observers<'_>,
        told: &mut Told<'_>,
    ) -> Result<(), RunError> {
        let before = self.rows.last().and_then(|row| row.get("wall_time")).unwrap_or(0.0);
        row.push("wall_time", before + row.get("ep_time").unwrap_or(0.0));
        if let Some(found) = self.device_check.as_ref().and_then(DeviceCheck::record) {
            row.push("device_check", found.share);
        }
        if self.data.tested() == TestedSplit::Validation {
            row.push("validation_images", self.data.samples()[1] as f64);
        }
        let epoch = row.epoch;
        self.history.push(&row);
        self.rows.push(row);
        let best = self.last_is_best();
        if best && self.config.run.save_checkpoint {
            self.best = Some(epoch);
        }
        let by_epochs = self.config.run.checkpoint_epochs.is_some_and(|every| epoch.is_multiple_of(every));
        // The checkpoint first: it holds this row, with which a resumed run completes the files.
        if by_epochs || best || self.trainer.is_finished() || self.minutes_are_up(told) {
            self.save(told)?;
        }
        if best && self.config.run.save_checkpoint {
            self.store.mark_best()?;
        }
        let event = Event::EpochFinished { row: self.rows.last().expect("a row was just added") };
        if let Err(error) = files.observe(&event) {
            return Err(self.keep_metrics(error));
        }
        Ok(told.observe(&event)?)
    }

    /// The metrics are in one file: where somebody else has changed that, they are kept in another, from which the user can bring
    /// them back.
    fn keep_metrics(&self, error: ObserverError) -> RunError {
        let folder = self.lock.folder();
        let found =
            folder.read(METRICS_JSONL, self.history.position().bytes.saturating_mul(2)).unwrap_or_default();
        if self.history.position().complete(found).is_some() {
            return error.into();
        }
        let text: Vec<u8> = self.rows.iter().flat_map(MetricsRow::to_line).collect();
        match folder.write(METRICS_KEPT, &text) {
            Ok(()) => RunError::MetricsChanged { kept: folder.path().join(METRICS_KEPT), source: error },
            // The first error is the one to report.
            Err(_) => error.into(),
        }
    }

    /// Whether the last epoch is the best so far by `run.best_metric`.
    pub(super) fn last_is_best(&self) -> bool {
        let (Some(metric), Some((last, earlier))) = (&self.config.run.best_metric, self.rows.split_last())
        else {
            return false;
        };
        let figure = |row: &MetricsRow| row.get(metric).unwrap_or(f64::NAN);
        earlier.iter().all(|row| self.config.run.is_better(figure(last), figure(row)))
            && figure(last).is_finite()
    }

    fn minutes_are_up(&self, told: &Told<'_>) -> bool {
        let minutes = self.config.run.checkpoint_minutes;
        minutes.is_some_and(|minutes| {
            told.saved.elapsed() >= Duration::try_from_secs_f64(60.0 * minutes).unwrap_or(Duration::MAX)
        })
    }

    fn save(&mut self, told: &mut Told<'_>) -> Result<(), RunError> {
        if !self.config.run.save_checkpoint {
            return Ok(());
        }
        if let Err(error) = self.trainer.settle(told) {
            return Err(self.diagnose(error));
        }
        // A state that no resume can go on from must not displace one that it can.
        if let Err(error) = self.trainer.check_parameters() {
            return Err(self.diagnose(error));
        }
        let checkpoint = self.checkpoint_told(told)?;
        if let Some(tracking) = &mut told.tracking {
            // What is not on its way now is never logged again, should the process be killed after the checkpoint.
            tracking.flush();
        }
        let path = self.store.save(&checkpoint)?;
        (told.saved, told.unsaved) = (Instant::now(), false);
        self.kernels.save();
        Ok(told.observe(&Event::CheckpointSaved { path: &path, step: self.trainer.steps_done() })?)
    }

    /// Saves and says how far the run is.
    fn stop_here(&mut self, told: &mut Told<'_>) -> Result<RunError, RunError> {
        self.lock.folder().check()?;
        if told.unsaved || !self.folder.last_checkpoint().exists() {
            self.save(told)?;
        }
        let done = self.trainer.under_way();
        Ok(self.stopped(format!(
            "in epoch {} of {}, after {} of {} training batches",
            self.trainer.epochs_done() + 1,
            self.config.run.epochs,
            done.train_batches,
            self.trainer.steps_per_epoch()
        )))
    }

    /// Keeps the state in which the run could not go on: that before a step that could not be made.
    fn diagnose(&mut self, mut error: TrainError) -> RunError {
        let message = error.to_string();
        if let TrainError::NonFinite(found) = &mut error {
            let saved = self.checkpoint().and_then(|mut checkpoint| {
                checkpoint.record.failure = Some(message);
                Ok(self.store.save_diagnostic(&checkpoint)?)
            });
            match saved {
                Ok(path) => found.diagnostic = Some(path),
                // The loss is what stopped the run.
                Err(second) => tracing::warn!("{second}"),
            }
        }
        error.into()
    }
}

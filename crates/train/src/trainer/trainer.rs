use std::time::Instant;

use seqjepa_data::{SequenceBatch, SequenceEpoch, SequenceLoader};
use seqjepa_model::DynMethod;
use seqjepa_nn::{DropoutKey, Precision, Recompute};
use seqjepa_probes::Metrics;

use super::learner::{CheckedStep, Learner, StepSettings, is_non_finite};
use super::nonfinite::NonFiniteStep;
use super::pending::{Pending, PendingStep, StepFigures};
use super::replicas::Replicas;
use super::targets::HostTargets;
use super::test_pass::{TestError, TestPass};
use crate::checkpoint::{Checkpoint, NoRecord, Progress, UnderWay};
use crate::error::TrainError;
use crate::history::HistoryPosition;
use crate::metrics::MetricsRow;
use crate::observer::{Event, Observer};
use crate::schedule::LearningRateSchedule;
use crate::version::CodeVersion;

/// The two loaders of a run.
#[derive(Debug)]
pub struct Loaders {
    /// Shuffled training sequences.
    pub train: SequenceLoader,
    /// Test sequences in order, augmented like training ones.
    pub test: SequenceLoader,
}

/// What [`Trainer::advance`] has done.
#[derive(Debug)]
pub enum Advance {
    /// A training batch.
    TrainingBatch,
    /// A batch of the online evaluation.
    TestBatch,
    /// The end of an epoch: its figures.
    Epoch(MetricsRow),
}

/// What a trainer is told once.
#[derive(Debug, Clone, Copy)]
pub(super) struct TrainerSettings {
    pub schedule: LearningRateSchedule,
    pub seed: u64,
    pub epochs: usize,
    pub skip_limit: u64,
    pub log_every: usize,
    pub micro_batch: Option<usize>,
    pub precision: Precision,
    pub recompute: Recompute,
}

/// Trains a [`Method`](seqjepa_model::Method) with online probes, an epoch or a batch at a time; made by a
/// [`TrainerBuilder`](super::TrainerBuilder).
///
/// A step hands its work to the device and waits for nothing. Every few steps, at the end of an epoch and before a
/// checkpoint, losses, probe figures and whether all was finite come back in one go ([`settle`](Self::settle)). If something
/// was not finite, the trainer goes back to the state of the last look and repeats the steps one by one: every batch can be
/// made again from its key, so the step at fault is found, and nothing has learnt from it.
#[derive(Debug)]
pub struct Trainer {
    learner: Learner,
    loaders: Loaders,
    replicas: Replicas,
    settings: TrainerSettings,
    epoch: usize,
    step: u64,
    skipped_steps: u64,
    under_way: UnderWay,
    pending: Pending,
    stretch: Option<Stretch>,
    /// The last step that changed the method: its number, and the number and samples of its batch.
    last_update: (u64, usize, Vec<u32>),
}

/// The part of an epoch that runs without a stop in between.
#[derive(Debug)]
struct Stretch {
    started: Instant,
    /// Times spent before.
    before: UnderWay,
    train: Option<SequenceEpoch>,
    test: Option<TestPass>,
}

impl Trainer {
    pub(super) fn new(
        learner: Learner,
        loaders: Loaders,
        replicas: Replicas,
        settings: TrainerSettings,
    ) -> Self {
        Self {
            learner,
            loaders,
            replicas,
            settings,
            epoch: 0,
            step: 0,
            skipped_steps: 0,
            under_way: UnderWay::default(),
            pending: Pending::default(),
            stretch: None,
            last_update: (0, 0, Vec::new()),
        }
    }

    /// The method, as trained so far.
    #[must_use]
    pub fn method(&self) -> &dyn DynMethod {
        &*self.learner.method
    }

    /// Epochs done.
    #[must_use]
    pub fn epochs_done(&self) -> usize {
        self.epoch
    }

    /// Optimizer steps done in the whole run.
    #[must_use]
    pub fn steps_done(&self) -> u64 {
        self.step
    }

    /// Optimizer steps of an epoch.
    #[must_use]
    pub fn steps_per_epoch(&self) -> usize {
        self.loaders.train.batches_per_epoch()
    }

    /// How far the epoch under way has come. Its sums are those of the steps that were looked at ([`settle`](Self::settle)).
    #[must_use]
    pub fn under_way(&self) -> &UnderWay {
        &self.under_way
    }

    /// Whether every epoch is done.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.epoch >= self.settings.epochs
    }

    /// Trains one epoch, or what is left of it, evaluates the online probes on the test split, and returns the figures.
    ///
    /// # Errors
    ///
    /// As [`advance`](Self::advance).
    pub fn train_epoch(&mut self, observer: &mut dyn Observer) -> Result<MetricsRow, TrainError> {
        loop {
            if let Advance::Epoch(row) = self.advance(observer)? {
                return Ok(row);
            }
        }
    }

    /// Does the next batch of the epoch under way: of the training split, then of the test split, then sums up.
    ///
    /// # Errors
    ///
    /// [`TrainError::NonFinite`], or whatever the loader or the observer could not do. After a loss, a gradient or an online
    /// probe that is not finite, the state is that of before its batch, which may lie a few calls back.
    pub fn advance(&mut self, observer: &mut dyn Observer) -> Result<Advance, TrainError> {
        // Online probes and test pass.
        self.settings.precision.beside_steps().within(|| self.next_batch(observer))
    }

    fn next_batch(&mut self, observer: &mut dyn Observer) -> Result<Advance, TrainError> {
        let batches = self.steps_per_epoch();
        if self.stretch.is_none() {
            observer.observe(&Event::EpochStarted {
                epoch: self.epoch + 1,
                batches,
                done: self.under_way.train_batches,
                learning_rate: self.learning_rate(self.under_way.train_batches.min(batches - 1)),
            })?;
        }
        let mut stretch = self.stretch.take().unwrap_or_else(|| Stretch {
            started: Instant::now(),
            before: self.under_way.clone(),
            train: None,
            test: None,
        });
        if self.under_way.train_batches < batches {
            self.training_batch(&mut stretch, observer)?;
            self.stretch = Some(stretch);
            return Ok(Advance::TrainingBatch);
        }
        match stretch.test.take_if(|test| test.done() == self.loaders.test.batches_per_epoch()) {
            Some(test) => {
                let time = stretch.before.time + stretch.started.elapsed().as_secs_f64();
                let row = self.finish_test(test)?;
                Ok(Advance::Epoch(self.finish_epoch(row, time)?))
            }
            None => match self.test_batch(&mut stretch, observer) {
                Ok(()) => {
                    self.stretch = Some(stretch);
                    Ok(Advance::TestBatch)
                }
                Err(error) => {
                    // Whoever goes on begins the test split anew: its scores so far must not count twice.
                    if let Some(test) = stretch.test {
                        self.learner.probes = test.probes;
                    }
                    Err(error)
                }
            },
        }
    }

    fn learning_rate(&self, batch: usize) -> f64 {
        self.settings.schedule.rate(self.epoch, batch, self.steps_per_epoch())
    }

    fn step_settings(&self) -> StepSettings {
        StepSettings {
            micro_batch: self.settings.micro_batch,
            precision: self.settings.precision,
            recompute: self.settings.recompute,
            learning_rate: self.learning_rate(self.under_way.train_batches),
            key: DropoutKey { seed: self.settings.seed, step: self.step },
            total_steps: (self.steps_per_epoch() * self.settings.epochs) as u64,
        }
    }

    fn training_batch(
        &mut self,
        stretch: &mut Stretch,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        let number = self.under_way.train_batches;
        let batches =
            stretch.train.get_or_insert_with(|| self.loaders.train.epoch(self.epoch as u64, number));
        let batch = batches.next().expect("the loader has the batches that it counts")?.into_inner();
        let data_wait = batches.wait_time();
        let settings = self.step_settings();
        self.pending.begin(&self.learner);
        let handed = self.learner.step(batch, &mut self.replicas, settings)?;
        let sequences = handed.targets.len();
        self.pending.push(PendingStep {
            step: self.step,
            batch: number,
            learning_rate: settings.learning_rate,
            handed,
        });
        self.step += 1;
        self.under_way.train_batches += 1;
        let last = self.under_way.train_batches == self.steps_per_epoch();
        observer.observe(&Event::StepFinished { step: self.step, batch: number, sequences, data_wait })?;
        if last || self.pending.len() >= self.settings.log_every {
            self.settle(observer)?;
        }
        self.under_way.data_wait = stretch.before.data_wait + data_wait.as_secs_f64();
        self.under_way.time = stretch.before.time + stretch.started.elapsed().as_secs_f64();
        self.under_way.train_time = self.under_way.time;
        if last {
            stretch.train = None;
        }
        Ok(())
    }

    /// Brings back what the steps since the last look have left on the device, in one transfer: losses, probe figures, and
    /// whether all was finite. Afterwards, the state is one that a [`checkpoint`](Self::checkpoint) may hold.
    ///
    /// # Errors
    ///
    /// [`TrainError::NonFinite`] for the first step of them with something that is not finite, if no more steps may be left
    /// out; the state is then that of before that step. Whatever the observer could not do.
    pub fn settle(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        // Steps that are done again go through the online probes.
        self.settings.precision.beside_steps().within(|| self.look(observer))
    }

    fn look(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let Some((before, steps, finite)) = self.pending.read() else { return Ok(()) };
        match self.learner.probes.flush() {
            Ok(()) if finite => {
                for StepFigures { step, loss, terms } in steps {
                    let PendingStep { step, batch, learning_rate, handed } = step;
                    self.count(step, batch, loss, &terms, handed.targets);
                    observer.observe(&Event::StepLogged {
                        step: step + 1,
                        loss,
                        terms: &terms,
                        learning_rate,
                    })?;
                }
                Ok(())
            }
            Err(error) if finite && !is_non_finite(&error.cause) => Err(error.cause.into()),
            _ => self.repeat(before, &steps, observer),
        }
    }

    /// Does steps again from the state before them, looking at each.
    fn repeat(
        &mut self,
        before: Learner,
        steps: &[StepFigures],
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        let first = &steps.first().expect("a look has steps").step;
        self.learner = before;
        self.replicas.forget();
        (self.step, self.under_way.train_batches) = (first.step, first.batch);
        let mut batches = self.loaders.train.epoch(self.epoch as u64, first.batch);
        for _ in steps {
            let batch = batches.next().expect("the loader has the batches that it counts")?.into_inner();
            if let Err(error) = self.checked_batch(batch, observer) {
                // Whoever goes on begins at this batch.
                self.stretch = None;
                return Err(error);
            }
        }
        Ok(())
    }

    fn checked_batch(&mut self, batch: SequenceBatch, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let (step, number, settings) = (self.step, self.under_way.train_batches, self.step_settings());
        let learning_rate = settings.learning_rate;
        match self.learner.checked_step(batch, &mut self.replicas, settings)? {
            CheckedStep::Done { loss, terms, targets } => {
                self.step += 1;
                self.under_way.train_batches += 1;
                self.count(step, number, loss, &terms, targets);
                let event = Event::StepLogged { step: step + 1, loss, terms: &terms, learning_rate };
                Ok(observer.observe(&event)?)
            }
            CheckedStep::NotFinite { what, skippable, targets } => {
                if !skippable || self.skipped_steps >= self.settings.skip_limit {
                    return Err(self.not_finite(what, step, number, targets.indices));
                }
                self.step += 1;
                self.under_way.train_batches += 1;
                self.skipped_steps += 1;
                self.under_way.skipped_steps += 1;
                Ok(observer.observe(&Event::StepSkipped { step, what: &what, indices: &targets.indices })?)
            }
        }
    }

    /// Adds a step to the sums of the epoch.
    fn count(
        &mut self,
        step: u64,
        batch: usize,
        loss: f64,
        terms: &[(&'static str, f64)],
        targets: HostTargets,
    ) {
        let samples = targets.len();
        self.under_way.loss_sum += loss * samples as f64;
        // A single term is the loss.
        if terms.len() > 1 {
            for (name, value) in terms {
                *self.under_way.term_sums.entry((*name).to_owned()).or_default() += value * samples as f64;
            }
        }
        self.under_way.samples += samples as u64;
        self.last_update = (step, batch, targets.indices);
    }

    /// A batch of the test split in evaluation mode.
    fn test_batch(&mut self, stretch: &mut Stretch, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let loader = &self.loaders.test;
        let test = match &mut stretch.test {
            Some(test) => test,
            None => {
                self.check_parameters()?;
                observer.observe(&Event::TestStarted { batches: loader.batches_per_epoch() })?;
                stretch.test.insert(TestPass::new(
                    self.learner.method.valid(),
                    &self.learner.probes,
                    loader,
                    self.epoch as u64,
                    self.replicas.first().clone().inner(),
                    self.settings,
                )?)
            }
        };
        let number = test.done();
        let mut result = test.advance(&mut self.learner.probes, self.settings.log_every);
        if result.is_ok() && test.done() == loader.batches_per_epoch() {
            result = test.read(&mut self.learner.probes);
        }
        match result {
            Err(TestError::NotFinite(found)) => {
                let step = self.step.saturating_sub(1);
                Err(self.not_finite(found.what, step, found.batch, found.indices))
            }
            Err(TestError::Other(error)) => Err(error),
            Ok(()) => Ok(observer.observe(&Event::TestBatchFinished { batch: number })?),
        }
    }

    fn finish_test(&mut self, test: TestPass) -> Result<(f64, Metrics), TrainError> {
        let probes = test.probes.clone();
        test.finish().map_err(|error| {
            self.learner.probes = probes;
            error.into()
        })
    }

    /// Refuses a method with a parameter or a running statistic that is not finite: the last update has made it so, though
    /// its loss and gradient were finite. Checked before the test split and before a checkpoint, not at every step.
    ///
    /// # Errors
    ///
    /// [`TrainError::NonFinite`] with the last step.
    pub fn check_parameters(&self) -> Result<(), TrainError> {
        let names = self.learner.method.non_finite();
        let what = match &names[..] {
            [] => return Ok(()),
            [first] => format!("`{first}` is not finite after the update"),
            [first, others @ ..] => {
                format!("`{first}` and {} more tensors are not finite after the update", others.len())
            }
        };
        let (step, batch, indices) = self.last_update.clone();
        Err(self.not_finite(what, step, batch, indices))
    }

    fn not_finite(&self, what: String, step: u64, batch: usize, indices: Vec<u32>) -> TrainError {
        TrainError::NonFinite(Box::new(NonFiniteStep {
            what,
            step,
            epoch: self.epoch + 1,
            batch,
            learning_rate: self.learning_rate(batch.min(self.steps_per_epoch() - 1)),
            indices,
            diagnostic: None,
        }))
    }

    fn finish_epoch(
        &mut self,
        (test_loss, diagnostics): (f64, Metrics),
        time: f64,
    ) -> Result<MetricsRow, TrainError> {
        self.replicas.forget();
        let probes = self.learner.probes.finish_epoch().map_err(|error| error.cause)?;
        let learning_rate = self.learning_rate(self.steps_per_epoch() - 1);
        let done = std::mem::take(&mut self.under_way);
        let mut row = MetricsRow::new(self.epoch + 1);
        // Without a sample, 0/0: the figure is undefined.
        row.push("ep_loss", done.loss_sum / done.samples as f64);
        for (name, sum) in &done.term_sums {
            row.push(format!("loss_{name}"), sum / done.samples as f64);
        }
        row.push("test_loss", test_loss);
        for (name, value) in probes.iter().chain(diagnostics.iter()) {
            row.push(name, value);
        }
        row.push("learning_rate", learning_rate);
        row.push("step", self.step as f64);
        row.push("skipped_steps", done.skipped_steps as f64);
        row.push("data_wait_share", done.data_wait / done.train_time.max(f64::MIN_POSITIVE));
        row.push("train_time", done.train_time);
        row.push("ep_time", time);
        self.epoch += 1;
        Ok(row)
    }

    /// Everything that a resumed run needs but the metrics of the epochs done, of which it holds where they end
    /// ([`History::position`](crate::History::position)).
    ///
    /// # Errors
    ///
    /// As [`settle`](Self::settle).
    pub fn checkpoint(
        &mut self,
        history: HistoryPosition,
        observer: &mut dyn Observer,
    ) -> Result<Checkpoint, TrainError> {
        self.settle(observer)?;
        // As whoever goes on from here does: copies that had drifted apart would show.
        self.replicas.forget();
        let test = self.stretch.as_ref().and_then(|stretch| stretch.test.as_ref());
        let code = CodeVersion::release();
        Ok(Checkpoint {
            progress: Progress {
                version: code.version,
                commit: code.commit,
                epoch: self.epoch,
                step: self.step,
                under_way: self.under_way.clone(),
                skipped_steps: self.skipped_steps,
                history,
                rows: Vec::new(),
            },
            record: NoRecord {},
            model: self.learner.method.state_dict(),
            optimizer: self.learner.optimizer.state_dict(),
            probes: test
                .map_or(&self.learner.probes, |test| &test.probes)
                .state_dict()
                .map_err(|error| error.cause)?,
        })
    }

    /// Goes back to the state of a checkpoint.
    ///
    /// # Errors
    ///
    /// [`TrainError::State`] or [`TrainError::Probe`] where a tensor does not fit, [`TrainError::Position`] where the
    /// epoch under way has fewer batches than the checkpoint has done.
    pub fn restore<R>(&mut self, checkpoint: Checkpoint<R>) -> Result<(), TrainError> {
        let done = checkpoint.progress.under_way;
        let there_are = self.steps_per_epoch();
        if done.train_batches > there_are {
            return Err(TrainError::Position { done: done.train_batches, there_are });
        }
        let mut learner = self.learner.snapshot();
        learner.method.load_state_dict(checkpoint.model)?;
        learner.method.load_optimizer(&mut learner.optimizer, checkpoint.optimizer)?;
        learner.probes.load_state_dict(checkpoint.probes)?;
        self.learner = learner;
        self.replicas.forget();
        self.epoch = checkpoint.progress.epoch;
        self.step = checkpoint.progress.step;
        self.skipped_steps = checkpoint.progress.skipped_steps;
        // Which samples the step before had is not kept.
        self.last_update = (self.step.saturating_sub(1), done.train_batches.saturating_sub(1), Vec::new());
        self.under_way = done;
        self.pending.clear();
        self.stretch = None;
        Ok(())
    }
}

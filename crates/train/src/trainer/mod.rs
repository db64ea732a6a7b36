//! The training loop: any [`Method`], its optimizer, and the online probes beside it, a batch at a time.

mod step;

use std::time::Instant;

use burn::tensor::Device;
use seqjepa_data::{SequenceEpoch, SequenceLoader};
use seqjepa_model::Method;
use seqjepa_nn::optimizer::Optimizer;
use seqjepa_nn::{DropoutKey, load_state_dict, non_finite, state_dict};
use seqjepa_probes::online::{OnlineProbes, Phase};
use seqjepa_probes::{Metrics, ProbeError};

use crate::TrainError;
use crate::batch::sequence_input;
use crate::checkpoint::{Checkpoint, Progress, UnderWay};
use crate::collapse::CollapseWatch;
use crate::config::Config;
use crate::evaluation::CodeVersion;
use crate::metrics::MetricsRow;
use crate::observer::{Event, Observer};
use crate::schedule::LearningRateSchedule;
use step::{StepOutcome, train_step, update_probes};

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

/// Trains a [`Method`] with online probes, an epoch or a batch at a time.
///
/// Between any two batches, [`checkpoint`](Self::checkpoint) holds all that the rest of the run depends on.
#[derive(Debug)]
pub struct Trainer<M: Method> {
    /// `None` only while a step replaces it.
    method: Option<M>,
    optimizer: Optimizer,
    probes: OnlineProbes,
    schedule: LearningRateSchedule,
    loaders: Loaders,
    device: Device,
    seed: u64,
    epochs: usize,
    skip_limit: u64,
    epoch: usize,
    step: u64,
    skipped_steps: u64,
    under_way: UnderWay,
    stretch: Option<Stretch<M>>,
    /// The last step that changed the method: its number, and the number and images of its batch.
    last_update: (u64, usize, Vec<u32>),
}

/// The part of an epoch that runs without a stop in between.
#[derive(Debug)]
struct Stretch<M> {
    started: Instant,
    /// Times spent before.
    before: UnderWay,
    train: Option<SequenceEpoch>,
    test: Option<TestPass<M>>,
}

/// The test split, which goes in one piece: a checkpoint within it is that of its start.
#[derive(Debug)]
struct TestPass<M> {
    /// The method in evaluation mode.
    method: M,
    /// The probes before the first batch.
    probes: OnlineProbes,
    batches: SequenceEpoch,
    done: usize,
    watch: CollapseWatch,
    /// Sum of the loss over the samples so far, and their number.
    loss: (f64, f64),
}

impl<M: Method> Trainer<M> {
    /// A trainer at the start of a run of `epochs`.
    ///
    /// `device` is the one that the method's parameters live on, with autodiff; `seed` keys dropout.
    #[must_use]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a part of its own, named at the one call that matters"
    )]
    pub fn new(
        method: M,
        optimizer: Optimizer,
        probes: OnlineProbes,
        schedule: LearningRateSchedule,
        loaders: Loaders,
        device: Device,
        seed: u64,
        epochs: usize,
    ) -> Self {
        Self {
            method: Some(method),
            optimizer,
            probes,
            schedule,
            loaders,
            device,
            seed,
            epochs,
            skip_limit: 0,
            epoch: 0,
            step: 0,
            skipped_steps: 0,
            under_way: UnderWay::default(),
            stretch: None,
            last_update: (0, 0, Vec::new()),
        }
    }

    /// Leaves out up to `limit` steps of the run whose loss or gradient is not finite, instead of stopping at the first.
    ///
    /// Nothing learns from such a step; it counts as a step of the schedules all the same.
    #[must_use]
    pub fn skipping_nonfinite_steps(mut self, limit: u64) -> Self {
        self.skip_limit = limit;
        self
    }

    /// The method, as trained so far.
    #[must_use]
    pub fn method(&self) -> &M {
        self.method.as_ref().expect("the method is only away during a step")
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

    /// How far the epoch under way has come.
    #[must_use]
    pub fn under_way(&self) -> &UnderWay {
        &self.under_way
    }

    /// Whether every epoch is done.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.epoch >= self.epochs
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
    /// [`TrainError::NonFinite`], or whatever the loader or the observer could not do. After a loss or a gradient that is
    /// not finite, the state is that of before the batch; after an online probe that diverged, that of the model is, and
    /// the probes before it may have learnt from the batch.
    pub fn advance(&mut self, observer: &mut dyn Observer) -> Result<Advance, TrainError> {
        if self.stretch.is_none() {
            observer.observe(&Event::EpochStarted {
                epoch: self.epoch + 1,
                batches: self.steps_per_epoch(),
                done: self.under_way.train_batches,
                learning_rate: self.schedule.rate(self.epoch),
            })?;
        }
        let before = self.under_way;
        let mut stretch = self.stretch.take().unwrap_or_else(|| Stretch {
            started: Instant::now(),
            before,
            train: None,
            test: None,
        });
        if self.under_way.train_batches < self.steps_per_epoch() {
            self.training_batch(&mut stretch, observer)?;
            self.stretch = Some(stretch);
            return Ok(Advance::TrainingBatch);
        }
        match stretch.test.take_if(|test| test.done == self.loaders.test.batches_per_epoch()) {
            Some(test) => {
                let time = stretch.before.time + stretch.started.elapsed().as_secs_f64();
                let diagnostics = match test.watch.finish() {
                    Ok(diagnostics) => diagnostics,
                    Err(error) => {
                        self.probes = test.probes;
                        return Err(error.into());
                    }
                };
                Ok(Advance::Epoch(self.finish_epoch(test.loss.0 / test.loss.1, diagnostics, time)))
            }
            None => match self.test_batch(&mut stretch, observer) {
                Ok(()) => {
                    self.stretch = Some(stretch);
                    Ok(Advance::TestBatch)
                }
                Err(error) => {
                    // Whoever goes on begins the test split anew: its scores so far must not count twice.
                    if let Some(test) = stretch.test {
                        self.probes = test.probes;
                    }
                    Err(error)
                }
            },
        }
    }

    fn training_batch(
        &mut self,
        stretch: &mut Stretch<M>,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        let number = self.under_way.train_batches;
        let batches =
            stretch.train.get_or_insert_with(|| self.loaders.train.epoch(self.epoch as u64, number));
        let batch = batches.next().expect("the loader has the batches that it counts")?;
        let learning_rate = self.schedule.rate(self.epoch);
        let outcome = train_step(
            &mut self.method,
            &mut self.optimizer,
            &mut self.probes,
            &batch,
            &self.device,
            learning_rate,
            DropoutKey { seed: self.seed, step: self.step },
            (self.loaders.train.batches_per_epoch() * self.epochs) as u64,
        )?;
        let loss = match outcome {
            StepOutcome::Done { loss } => {
                self.under_way.loss_sum += loss * batch.len() as f64;
                self.under_way.samples += batch.len() as u64;
                self.last_update = (self.step, number, batch.indices.clone());
                loss
            }
            StepOutcome::NotFinite { what, skippable } => {
                if !skippable || self.skipped_steps >= self.skip_limit {
                    return Err(TrainError::NonFinite {
                        what,
                        step: self.step,
                        epoch: self.epoch + 1,
                        batch: number,
                        learning_rate,
                        indices: batch.indices.clone(),
                        diagnostic: None,
                    });
                }
                self.skipped_steps += 1;
                self.under_way.skipped_steps += 1;
                observer.observe(&Event::StepSkipped {
                    step: self.step,
                    what: &what,
                    indices: &batch.indices,
                })?;
                f64::NAN
            }
        };
        self.step += 1;
        self.under_way.train_batches += 1;
        self.under_way.data_wait = stretch.before.data_wait + batches.wait_time().as_secs_f64();
        self.under_way.time = stretch.before.time + stretch.started.elapsed().as_secs_f64();
        self.under_way.train_time = self.under_way.time;
        if self.under_way.train_batches == self.loaders.train.batches_per_epoch() {
            stretch.train = None;
        }
        observer.observe(&Event::StepFinished { step: self.step, batch: number, loss })
    }

    /// A batch of the test split in evaluation mode.
    fn test_batch(
        &mut self,
        stretch: &mut Stretch<M>,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        let loader = &self.loaders.test;
        let test = match &mut stretch.test {
            Some(test) => test,
            None => {
                self.check_parameters()?;
                observer.observe(&Event::TestStarted { batches: loader.batches_per_epoch() })?;
                let method = self.method().valid();
                stretch.test.insert(TestPass {
                    watch: CollapseWatch::new(&method, loader, self.seed)?,
                    method,
                    probes: self.probes.clone(),
                    batches: loader.epoch(self.epoch as u64, 0),
                    done: 0,
                    loss: (0.0, 0.0),
                })
            }
        };
        let number = test.done;
        let batch = test.batches.next().expect("the loader has the batches that it counts")?;
        let device = self.device.clone().inner();
        let output = test.method.evaluation_forward(sequence_input(&batch, &device))?;
        test.loss.0 += f64::from(output.loss.into_scalar::<f32>()) * batch.len() as f64;
        test.loss.1 += batch.len() as f64;
        let shown = test
            .watch
            .update(&test.method, number, &batch, &output.representations, &device)
            .map_err(TrainError::from)
            .and_then(|()| update_probes(&mut self.probes, Phase::Test, output.representations, &batch));
        match shown {
            // The parameters are finite; what they compute is not.
            Err(TrainError::Probe(error @ ProbeError::NonFinite { .. })) => {
                let what = format!("in the test split, {error}: the model computes what is not finite,");
                return Err(self.not_finite(
                    what,
                    self.step.saturating_sub(1),
                    number,
                    batch.indices.clone(),
                ));
            }
            result => result?,
        }
        let test = stretch.test.as_mut().expect("it was just there");
        test.done += 1;
        observer.observe(&Event::TestBatchFinished { batch: number })
    }

    /// Refuses a method with a parameter or a running statistic that is not finite: the last update has made it so, though
    /// its loss and gradient were finite. Checked before the test split and before a checkpoint, not at every step.
    ///
    /// # Errors
    ///
    /// [`TrainError::NonFinite`] with the last step.
    pub fn check_parameters(&self) -> Result<(), TrainError> {
        let names = non_finite(self.method());
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
        TrainError::NonFinite {
            what,
            step,
            epoch: self.epoch + 1,
            batch,
            learning_rate: self.schedule.rate(self.epoch),
            indices,
            diagnostic: None,
        }
    }

    fn finish_epoch(&mut self, test_loss: f64, diagnostics: Metrics, time: f64) -> MetricsRow {
        let done = std::mem::take(&mut self.under_way);
        let mut row = MetricsRow::new(self.epoch + 1);
        // Without a sample, 0/0: the figure is undefined.
        row.push("ep_loss", done.loss_sum / done.samples as f64);
        row.push("test_loss", test_loss);
        for (name, value) in self.probes.finish_epoch().iter().chain(diagnostics.iter()) {
            row.push(name, value);
        }
        row.push("learning_rate", self.schedule.rate(self.epoch));
        row.push("step", self.step as f64);
        row.push("skipped_steps", done.skipped_steps as f64);
        row.push("data_wait_share", done.data_wait / done.train_time.max(f64::MIN_POSITIVE));
        row.push("train_time", done.train_time);
        row.push("ep_time", time);
        self.epoch += 1;
        row
    }

    /// Everything that a resumed run needs.
    #[must_use]
    pub fn checkpoint(&self, config: &Config, rows: &[MetricsRow]) -> Checkpoint {
        let test = self.stretch.as_ref().and_then(|stretch| stretch.test.as_ref());
        let code = CodeVersion::current();
        Checkpoint {
            progress: Progress {
                version: code.version,
                commit: code.commit,
                epoch: self.epoch,
                step: self.step,
                under_way: self.under_way,
                skipped_steps: self.skipped_steps,
                rows: rows.to_vec(),
                config: config.clone(),
                previous_config: None,
                backend: None,
                data: None,
                failure: None,
            },
            model: state_dict(self.method()),
            optimizer: self.optimizer.state_dict(),
            probes: test.map_or(&self.probes, |test| &test.probes).state_dict(),
        }
    }

    /// Goes back to the state of a checkpoint.
    ///
    /// # Errors
    ///
    /// [`TrainError::State`] or [`TrainError::Probe`] where a tensor does not fit, [`TrainError::Position`] where the
    /// epoch under way has fewer batches than the checkpoint has done.
    pub fn restore(&mut self, checkpoint: Checkpoint) -> Result<(), TrainError> {
        let done = checkpoint.progress.under_way;
        let there_are = self.steps_per_epoch();
        if done.train_batches > there_are {
            return Err(TrainError::Position { done: done.train_batches, there_are });
        }
        let method = load_state_dict(self.method().clone(), checkpoint.model)?;
        self.optimizer.load_state_dict(checkpoint.optimizer, &method)?;
        self.probes.load_state_dict(checkpoint.probes)?;
        self.method = Some(method);
        self.epoch = checkpoint.progress.epoch;
        self.step = checkpoint.progress.step;
        self.skipped_steps = checkpoint.progress.skipped_steps;
        self.under_way = done;
        self.stretch = None;
        // Which images the step before had is not kept.
        self.last_update = (self.step.saturating_sub(1), done.train_batches.saturating_sub(1), Vec::new());
        Ok(())
    }
}

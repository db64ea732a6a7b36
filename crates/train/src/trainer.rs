//! The training loop: any [`Method`], its optimizer, and the online probes beside it.

use std::time::{Duration, Instant};

use burn::tensor::Device;
use seqjepa_data::{SequenceBatch, SequenceLoader};
use seqjepa_model::{Method, Representations};
use seqjepa_nn::optimizer::{Optimizer, ParameterGradients};
use seqjepa_nn::{DropoutKey, load_state_dict, state_dict};
use seqjepa_probes::Metrics;
use seqjepa_probes::online::{AGGREGATE, FIRST, OnlineProbes, Phase, ProbeInputs, RELATIVE_ACTION, SECOND};

use crate::TrainError;
use crate::batch::sequence_input;
use crate::checkpoint::{Checkpoint, Progress};
use crate::collapse::CollapseWatch;
use crate::config::Config;
use crate::metrics::MetricsRow;
use crate::observer::{Event, Observer};
use crate::schedule::LearningRateSchedule;

/// The two loaders of a run.
#[derive(Debug)]
pub struct Loaders {
    /// Shuffled training sequences.
    pub train: SequenceLoader,
    /// Test sequences in order, augmented like training ones.
    pub test: SequenceLoader,
}

/// Trains a [`Method`] with online probes, an epoch at a time.
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
    epoch: usize,
    step: u64,
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
            epoch: 0,
            step: 0,
        }
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

    /// Whether every epoch is done.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.epoch >= self.epochs
    }

    /// Trains one epoch, evaluates the online probes on the test split, and returns the figures.
    ///
    /// # Errors
    ///
    /// [`TrainError::NonFiniteLoss`], or whatever the loader or the observer could not do.
    pub fn train_epoch(&mut self, observer: &mut dyn Observer) -> Result<MetricsRow, TrainError> {
        let started = Instant::now();
        let learning_rate = self.schedule.rate(self.epoch);
        let batches = self.loaders.train.batches_per_epoch();
        observer.observe(&Event::EpochStarted { epoch: self.epoch + 1, batches, learning_rate })?;

        let (loss, data_wait) = self.train_split(learning_rate, observer)?;
        let mut row = MetricsRow::new(self.epoch + 1);
        row.push("ep_loss", loss);
        let train_time = started.elapsed();
        let diagnostics = self.test_split(observer)?;
        for (name, value) in self.probes.finish_epoch().iter().chain(diagnostics.iter()) {
            row.push(name, value);
        }
        self.epoch += 1;
        row.push("learning_rate", learning_rate);
        row.push("step", self.step as f64);
        row.push("data_wait_share", data_wait.as_secs_f64() / train_time.as_secs_f64());
        row.push("train_time", train_time.as_secs_f64());
        row.push("ep_time", started.elapsed().as_secs_f64());
        Ok(row)
    }

    /// One pass over the training split: the sample mean of the loss, and the time spent waiting for data.
    fn train_split(
        &mut self,
        learning_rate: f64,
        observer: &mut dyn Observer,
    ) -> Result<(f64, Duration), TrainError> {
        let mut loss_sum = 0.0;
        let mut samples = 0;
        let mut epoch = self.loaders.train.epoch(self.epoch as u64, 0);
        for (number, batch) in epoch.by_ref().enumerate() {
            let batch = batch?;
            let loss = train_step(
                &mut self.method,
                &mut self.optimizer,
                &mut self.probes,
                &batch,
                &self.device,
                StepContext {
                    learning_rate,
                    key: DropoutKey { seed: self.seed, step: self.step },
                    total_steps: (self.loaders.train.batches_per_epoch() * self.epochs) as u64,
                    epoch: self.epoch + 1,
                    batch: number,
                },
            )?;
            self.step += 1;
            loss_sum += loss * batch.len() as f64;
            samples += batch.len();
            observer.observe(&Event::StepFinished { step: self.step, batch: number, loss })?;
        }
        Ok((loss_sum / samples.max(1) as f64, epoch.wait_time()))
    }

    /// One pass over the test split in evaluation mode; what it says of collapse.
    fn test_split(&mut self, observer: &mut dyn Observer) -> Result<Metrics, TrainError> {
        observer.observe(&Event::TestStarted { batches: self.loaders.test.batches_per_epoch() })?;
        let method = self.method().valid();
        let device = self.device.clone().inner();
        let mut watch = CollapseWatch::new(&method, &self.loaders.test, self.seed)?;
        for (number, batch) in self.loaders.test.epoch(self.epoch as u64, 0).enumerate() {
            let batch = batch?;
            let output = method.evaluation_forward(sequence_input(&batch, &device))?;
            watch.update(&method, number, &batch, &output.representations, &device)?;
            update_probes(&mut self.probes, Phase::Test, output.representations, &batch)?;
            observer.observe(&Event::TestBatchFinished { batch: number })?;
        }
        Ok(watch.finish()?)
    }

    /// Everything that a resumed run needs.
    #[must_use]
    pub fn checkpoint(&self, config: &Config, rows: &[MetricsRow]) -> Checkpoint {
        Checkpoint {
            progress: Progress {
                epoch: self.epoch,
                step: self.step,
                rows: rows.to_vec(),
                config: config.clone(),
            },
            model: state_dict(self.method()),
            optimizer: self.optimizer.state_dict(),
            probes: self.probes.state_dict(),
        }
    }

    /// Goes back to the state of a checkpoint.
    ///
    /// # Errors
    ///
    /// [`TrainError::State`] or [`TrainError::Probe`] where a tensor does not fit.
    pub fn restore(&mut self, checkpoint: Checkpoint) -> Result<(), TrainError> {
        let method = load_state_dict(self.method().clone(), checkpoint.model)?;
        self.optimizer.load_state_dict(checkpoint.optimizer, &method)?;
        self.probes.load_state_dict(checkpoint.probes)?;
        self.method = Some(method);
        self.epoch = checkpoint.progress.epoch;
        self.step = checkpoint.progress.step;
        Ok(())
    }
}

struct StepContext {
    learning_rate: f64,
    key: DropoutKey,
    total_steps: u64,
    epoch: usize,
    batch: usize,
}

/// Forward, backward, update, EMA, then the online probes on what the forward pass gave.
fn train_step<M: Method>(
    place: &mut Option<M>,
    optimizer: &mut Optimizer,
    probes: &mut OnlineProbes,
    batch: &SequenceBatch,
    device: &Device,
    context: StepContext,
) -> Result<f64, TrainError> {
    let method = place.take().expect("the method is only away during a step");
    let output = method.training_forward(sequence_input(batch, device), context.key)?;
    let loss = f64::from(output.loss.clone().into_scalar::<f32>());
    if !loss.is_finite() {
        *place = Some(method);
        return Err(TrainError::NonFiniteLoss {
            loss,
            step: context.key.step,
            epoch: context.epoch,
            batch: context.batch,
            learning_rate: context.learning_rate,
            indices: batch.indices.clone(),
        });
    }
    let mut backward = output.loss.backward();
    let gradients = ParameterGradients::take(&mut backward, &method);
    let method = optimizer.step(context.learning_rate, method, gradients)?;
    *place = Some(method.after_step(context.key.step, context.total_steps));
    update_probes(probes, Phase::Train, output.representations, batch)?;
    Ok(loss)
}

/// Shows the probes what a forward pass gave; in training they also learn from it.
fn update_probes(
    probes: &mut OnlineProbes,
    phase: Phase,
    representations: Representations,
    batch: &SequenceBatch,
) -> Result<(), TrainError> {
    // The relative action from view 1 to view 2: the first of each sequence's rows.
    let parameters = batch.parameter_count();
    let relative: Vec<f32> = batch
        .relative
        .chunks(batch.views() * parameters)
        .flat_map(|rows| &rows[..parameters])
        .copied()
        .collect();
    let inputs = ProbeInputs::new()
        .representation(AGGREGATE, representations.aggregate)
        .representation(FIRST, representations.first)
        .representation(SECOND, representations.second)
        .labels(&batch.labels)
        .values(RELATIVE_ACTION, &relative);
    probes.update(phase, &inputs)?;
    Ok(())
}

use burn::tensor::Device;
use seqjepa_data::SequenceLoader;
use seqjepa_model::DynMethod;
use seqjepa_nn::optimizer::{Optimizer, OptimizerConfig};
use seqjepa_nn::{Precision, Recompute};
use seqjepa_probes::online::OnlineProbes;

use super::all_reduce::AllReduce;
use super::learner::Learner;
use super::micro_batches::smallest_part;
use super::replicas::Replicas;
use super::trainer::{Loaders, Trainer, TrainerSettings};
use crate::error::TrainError;
use crate::schedule::LearningRateSchedule;

/// Steps between two looks at what is on the device.
const LOG_EVERY: usize = 10;

/// Puts a [`Trainer`] together. What is not given has a default: Adam at a constant 1e-3, no probes, ten epochs, seed 0.
///
/// ```
/// use std::sync::Arc;
/// use burn::tensor::Device;
/// use seqjepa_data::dataset::Synthetic;
/// use seqjepa_data::{AugmentedImages, LoaderConfig, SequenceConfig, SequenceLoader, Split};
/// use seqjepa_model::{MethodConfig, PredictorConfig, ResNetConfig, SeqJepaConfig, boxed};
/// use seqjepa_train::observer::Observers;
/// use seqjepa_train::{LearningRateSchedule, Loaders, TrainerBuilder};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let set = Synthetic { train_images: 8, test_images: 4, ..Synthetic::default() };
/// let sequences = SequenceConfig::new(16, 2, Synthetic::NORMALIZATION)?;
/// let loader = |split, config| -> Result<SequenceLoader, seqjepa_data::DataError> {
///     let images = AugmentedImages::new(Arc::new(set.load(split)?), sequences.clone())?;
///     SequenceLoader::new(Arc::new(images), config)
/// };
/// let loaders = Loaders {
///     train: loader(Split::Train, LoaderConfig::train(4, 42))?,
///     test: loader(Split::Test, LoaderConfig::test(4, 42))?,
/// };
///
/// let device = Device::flex();
/// let config = SeqJepaConfig {
///     encoder: ResNetConfig { width: 2, ..ResNetConfig::default() }.into(),
///     predictor: PredictorConfig::Mlp { hidden: 8 },
///     layers: 1,
///     ..SeqJepaConfig::default()
/// };
/// let method = boxed(config.init(42, &device.clone().autodiff())?);
/// let mut trainer = TrainerBuilder::new(method, loaders, &device)
///     .learning_rate(LearningRateSchedule::constant(1e-3))
///     .epochs(1)
///     .build()?;
/// let row = trainer.train_epoch(&mut Observers::new())?;
/// assert!(row.get("ep_loss").is_some_and(f64::is_finite));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use]
pub struct TrainerBuilder {
    method: Box<dyn DynMethod>,
    loaders: Loaders,
    device: Device,
    optimizer: Optimizer,
    probes: Option<OnlineProbes>,
    further: Vec<Device>,
    all_reduce: AllReduce,
    settings: TrainerSettings,
}

impl TrainerBuilder {
    /// A trainer of `method`, whose parameters live on `device` with autodiff.
    pub fn new(method: Box<dyn DynMethod>, loaders: Loaders, device: &Device) -> Self {
        Self {
            method,
            loaders,
            device: device.clone().autodiff(),
            optimizer: Optimizer::new(OptimizerConfig::adam()).expect("PyTorch's constants are in range"),
            probes: None,
            further: Vec::new(),
            all_reduce: AllReduce::default(),
            settings: TrainerSettings {
                schedule: LearningRateSchedule::constant(1e-3),
                seed: 0,
                epochs: 10,
                skip_limit: 0,
                log_every: LOG_EVERY,
                micro_batch: None,
                precision: Precision::Full,
                recompute: Recompute::default(),
            },
        }
    }

    /// The update rule.
    pub fn optimizer(mut self, optimizer: Optimizer) -> Self {
        self.optimizer = optimizer;
        self
    }

    /// Probes that learn from the method's representations while it trains, under the names of
    /// [`StandardProbes`](seqjepa_probes::online::StandardProbes).
    pub fn probes(mut self, probes: OnlineProbes) -> Self {
        self.probes = Some(probes);
        self
    }

    /// The learning rate of each step.
    pub fn learning_rate(mut self, schedule: LearningRateSchedule) -> Self {
        self.settings.schedule = schedule;
        self
    }

    /// Keys dropout and the choice of samples for collapse diagnostics.
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = seed;
        self
    }

    /// Passes over the training split.
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.settings.epochs = epochs;
        self
    }

    /// Steps between two looks at losses, probes and whether all is finite; at least 1. In between, the device is never
    /// waited for. No figure depends on it.
    pub fn log_every(mut self, steps: usize) -> Self {
        self.settings.log_every = steps.max(1);
        self
    }

    /// What the layers' products are rounded to in training steps; by default [`Precision::Full`]. Online probes and test pass are
    /// [beside](Precision::beside_steps) it.
    pub fn precision(mut self, precision: Precision) -> Self {
        self.settings.precision = precision;
        self
    }

    /// The stages of the encoder whose activations training steps compute again in the backward pass in place of keeping them, for memory;
    /// figures change by rounding at most. Default: none.
    pub fn recompute(mut self, recompute: Recompute) -> Self {
        self.settings.recompute = recompute;
        self
    }

    /// The most sequences that pass the method at once, for memory: a batch goes through forward and backward in as few parts as
    /// can be, whose sizes differ by at most one, and the gradients are the exact means over the batch, each part with its share of the
    /// sequences. Optimizer, moving averages, learning rate and probes make one step a batch; of pixels and activations the device
    /// holds those of one part.
    ///
    /// The result is that of whole batches, to rounding, but for two things: batch norm normalises each part by itself and feeds its running
    /// statistics once a part, and dropout draws anew for each part. Default, and for batches that are not larger: the whole batch.
    pub fn micro_batch(mut self, sequences: usize) -> Self {
        self.settings.micro_batch = Some(sequences);
        self
    }

    /// Further devices, of the same kind, that compute with the first: each goes over its part of every batch, in
    /// [micro-batches](Self::micro_batch) of which there is one for each device at least, and all make the same update from the same
    /// gradients, the means over the whole batch. Running statistics are averaged over the devices at every step. The online probes and the
    /// test split are the first device's. Nothing of this is in checkpoints: a run may go on on fewer or more devices.
    ///
    /// The result is that of micro-batches on one device but for the order of sums, and but for the running statistics, into which there one
    /// micro-batch goes after the other. A method has to have the same loss terms whatever its part is, and what it learns beside
    /// parameters and running statistics is the first device's alone. Default: none.
    pub fn further_devices(mut self, devices: Vec<Device>, all_reduce: AllReduce) -> Self {
        self.further = devices.into_iter().map(Device::autodiff).collect();
        self.all_reduce = all_reduce;
        self
    }

    /// Leaves out up to `limit` steps of the run whose loss or gradient is not finite, instead of stopping at the first.
    ///
    /// Nothing learns from such a step; it counts as a step of the schedules all the same.
    pub fn skipping_nonfinite_steps(mut self, limit: u64) -> Self {
        self.settings.skip_limit = limit;
        self
    }

    /// The trainer, at the start of its run.
    ///
    /// # Errors
    ///
    /// [`TrainError::Mismatch`] if the loaders do not render the views that the method uses, or if the training batches cannot be
    /// divided: because the loss is [no mean over samples](seqjepa_model::MethodConfig::loss_is_mean), or because a part would be a single
    /// sequence, for which batch norm is undefined.
    pub fn build(self) -> Result<Trainer, TrainError> {
        let Self { method, loaders, device, optimizer, probes, further, all_reduce, settings } = self;
        let used = method.views_used();
        for (split, loader) in [("training", &loaders.train), ("test", &loaders.test)] {
            let (config, views) = (loader.config(), loader.source().layout().observed_views);
            let (rendered, target) = (config.rendered_views.unwrap_or(views), config.render_target);
            let needed = used.observed.unwrap_or(views);
            if rendered < needed || (used.target && !target) {
                let with = |views: usize, target: bool| {
                    format!("{views} observed views{}", if target { " and the target view" } else { "" })
                };
                return Err(TrainError::Mismatch {
                    expected: format!(
                        "a {split} loader that renders {}, as {} needs",
                        with(needed, used.target),
                        method.name()
                    ),
                    found: with(rendered, target),
                });
            }
        }
        let replicas = Replicas::new(device, further, all_reduce);
        check_micro_batches(&*method, &loaders.train, settings.micro_batch, replicas.count())?;
        replicas.check_distinct()?;
        let probes = match probes {
            Some(probes) => probes,
            None => OnlineProbes::new(Vec::new(), replicas.first())?,
        };
        Ok(Trainer::new(Learner { method, optimizer, probes }, loaders, replicas, settings))
    }
}

/// Refuses micro-batches of which the means are not those of the batch, or that batch norm cannot take.
fn check_micro_batches(
    method: &dyn DynMethod,
    loader: &SequenceLoader,
    micro_batch: Option<usize>,
    devices: usize,
) -> Result<(), TrainError> {
    let batch = loader.config().batch_size;
    if devices > 1 {
        check_devices(method, batch, devices)?;
    }
    let Some(most) = micro_batch.filter(|&most| most < batch) else { return Ok(()) };
    let last = loader.samples_per_epoch() % batch;
    let alone = |batch: &usize| most < 2 || smallest_part(*batch, micro_batch, 1) < 2;
    let expected = if !method.config().loss_is_mean() {
        format!("no micro-batches with {}, whose loss is no mean over the samples of a batch", method.name())
    } else if let Some(batch) = [batch, last].iter().filter(|batch| **batch > 1).find(|batch| alone(batch)) {
        format!(
            "micro-batches of at least 2 of the {batch} sequences of a batch (batch norm needs a variance)"
        )
    } else {
        return Ok(());
    };
    Err(TrainError::Mismatch { expected, found: format!("micro-batches of at most {most}") })
}

/// Refuses to share out batches of which the parts would not make up the batch's mean, or be too small for batch norm.
fn check_devices(method: &dyn DynMethod, batch: usize, devices: usize) -> Result<(), TrainError> {
    let expected = if !method.config().loss_is_mean() {
        format!("one device with {}, whose loss is no mean over the samples of a batch", method.name())
    } else if smallest_part(batch, None, devices) < 2 {
        format!(
            "at most {} devices for the {batch} sequences of a batch, 2 for each (batch norm needs a variance)",
            batch / 2
        )
    } else {
        return Ok(());
    };
    Err(TrainError::Mismatch { expected, found: format!("{devices} devices") })
}

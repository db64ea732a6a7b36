//! The probe itself.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use seqjepa_nn::optimizer::{Optimizer, ParameterGradients};
use seqjepa_nn::{StateDict, load_state_dict, state_dict};

use super::config::ProbeConfig;
use super::error::ProbeError;
use super::layers::Layers;
use super::output::{DeviceOutput, ProbeOutput};
use super::targets::{DeviceTargets, Targets};
use crate::error::{InputError, check_size};
use crate::state::StateError;

/// A probe with its optimizer. It never sends a gradient into the features that it is given.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use seqjepa_probes::{Probe, ProbeConfig, Targets, Task};
///
/// let device = Device::flex();
/// let features = Tensor::<2>::from_data([[1.0, 0.0], [0.0, 1.0]], &device);
/// let task = Task::Classification { classes: 2 };
/// let mut probe = Probe::new(ProbeConfig { lr: 0.1, ..ProbeConfig::new("mine", 2, task) }, &device)?;
/// for _ in 0..20 {
///     probe.train_step(features.clone(), Targets::Labels(&[0, 1]))?;
/// }
/// let logits = probe.evaluate(features, Targets::Labels(&[0, 1]))?.predictions;
/// assert!(logits[0] > logits[1] && logits[3] > logits[2]);
/// # Ok::<(), seqjepa_probes::ProbeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Probe {
    config: ProbeConfig,
    layers: Layers,
    optimizer: Optimizer,
    steps: u64,
}

impl Probe {
    /// A probe with fresh parameters on `device`, with or without autodiff.
    ///
    /// # Errors
    ///
    /// If a size is 0, or the learning rate or a constant of the optimizer is out of range.
    pub fn new(config: ProbeConfig, device: &Device) -> Result<Self, ProbeError> {
        config.validate()?;
        let layers = Layers::new(&config, &device.clone().without_autodiff().autodiff());
        let optimizer = Optimizer::new(config.optimizer)?.with_groups(config.parameter_groups);
        Ok(Self { config, layers, optimizer, steps: 0 })
    }

    /// What defines this probe.
    #[must_use]
    pub fn config(&self) -> &ProbeConfig {
        &self.config
    }

    /// Number of trainable values.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.layers.parameter_count()
    }

    /// One optimizer step on a batch of features `[samples, inputs]`, detached from whatever graph
    /// they come from. Returns loss and predictions of the forward pass, that is from before the
    /// step. Waits for the device once.
    ///
    /// # Errors
    ///
    /// If sizes or labels do not fit, if features or targets are not finite, or if the probe has
    /// diverged; the probe is unchanged then.
    pub fn train_step(
        &mut self,
        features: Tensor<2>,
        targets: Targets<'_>,
    ) -> Result<ProbeOutput, ProbeError> {
        let (features, targets) = self.prepare(features, targets)?;
        let (loss, output) = self.forward(features, &targets);
        let output = self.read(output)?;
        self.learn(&loss)?;
        Ok(output)
    }

    /// As [`train_step`](Self::train_step), but nothing leaves the device and nothing waits for it. The step is taken
    /// even if loss, predictions or features turn out not to be finite; whoever reads them then goes back to a clone
    /// from before, which costs nothing: clones share their tensors.
    ///
    /// # Errors
    ///
    /// If sizes or labels do not fit or a target is not finite; the probe is unchanged then.
    pub fn train_step_on_device(
        &mut self,
        features: Tensor<2>,
        targets: Targets<'_>,
    ) -> Result<DeviceOutput, ProbeError> {
        let (features, targets) = self.prepare(features, targets)?;
        self.step(features, &targets)
    }

    /// Loss and predictions on a batch of features `[samples, inputs]`, without a step. Waits for the device once.
    ///
    /// # Errors
    ///
    /// As [`train_step`](Self::train_step).
    pub fn evaluate(&self, features: Tensor<2>, targets: Targets<'_>) -> Result<ProbeOutput, ProbeError> {
        let (features, targets) = self.prepare(features, targets)?;
        self.read(self.look(features, &targets))
    }

    /// A step on features and targets that [`check`](Self::check) and [`Targets::check`] have seen.
    pub(crate) fn step(
        &mut self,
        features: Tensor<2>,
        targets: &DeviceTargets,
    ) -> Result<DeviceOutput, ProbeError> {
        let (loss, output) = self.forward(features, targets);
        self.learn(&loss)?;
        Ok(output)
    }

    /// As [`step`](Self::step), without the step.
    pub(crate) fn look(&self, features: Tensor<2>, targets: &DeviceTargets) -> DeviceOutput {
        let predictions = self.layers.valid().forward(features.clone());
        let loss = targets.clone().loss(predictions.clone());
        DeviceOutput { loss, predictions, features }
    }

    /// Logits or values for features `[samples, inputs]`, outside autodiff: `[samples, outputs]`.
    ///
    /// # Errors
    ///
    /// If the features have another width.
    pub fn predict(&self, features: Tensor<2>) -> Result<Tensor<2>, InputError> {
        Ok(self.layers.valid().forward(self.check(features)?))
    }

    /// Parameters (`network.*`), optimizer state (`optimizer.*`) and step count (`steps`), for an
    /// exact resume.
    #[must_use]
    pub fn state_dict(&self) -> StateDict {
        let mut entries = Vec::new();
        let prefixed = |prefix: &str, dict: StateDict| {
            dict.into_iter().map(move |(n, d)| (format!("{prefix}{n}"), d)).collect::<Vec<_>>()
        };
        entries.extend(prefixed("network.", state_dict(&self.layers)));
        entries.extend(prefixed("optimizer.", self.optimizer.state_dict()));
        let steps = i64::try_from(self.steps).unwrap_or(i64::MAX);
        entries.push(("steps".to_owned(), TensorData::new(vec![steps], [1])));
        entries
    }

    /// Takes over what [`state_dict`](Self::state_dict) of a probe of the same shape returned.
    /// Training continues with the same bits.
    ///
    /// # Errors
    ///
    /// If entries are missing, unknown, or of the wrong shape or type; the probe is unchanged then.
    pub fn load_state_dict(&mut self, entries: StateDict) -> Result<(), ProbeError> {
        let (mut network, mut optimizer, mut steps) = (Vec::new(), Vec::new(), None);
        for (name, data) in entries {
            if let Some(rest) = name.strip_prefix("network.") {
                network.push((rest.to_owned(), data));
            } else if let Some(rest) = name.strip_prefix("optimizer.") {
                optimizer.push((rest.to_owned(), data));
            } else if name == "steps" {
                steps = data.as_slice::<i64>().ok().and_then(|values| match values {
                    [count] => u64::try_from(*count).ok(),
                    _ => None,
                });
            } else {
                return Err(StateError::new(name, "no such entry is known").into());
            }
        }
        let Some(steps) = steps else {
            return Err(StateError::new("steps", "expected one I64 that is not negative").into());
        };
        let layers = load_state_dict(self.layers.clone(), network)?;
        self.optimizer.load_state_dict(optimizer, &layers)?;
        self.layers = layers;
        self.steps = steps;
        Ok(())
    }

    /// Number of the next step, counted from 1.
    pub(crate) fn next_step(&self) -> u64 {
        self.steps + 1
    }

    /// The device of the parameters, without autodiff.
    pub(crate) fn device(&self) -> Device {
        self.layers.device().without_autodiff()
    }

    /// Checks a batch's width and cuts the features off their graph.
    pub(crate) fn check(&self, features: Tensor<2>) -> Result<Tensor<2>, InputError> {
        let what = format!("probe `{}`: features' width", self.config.name);
        check_size(&what, self.config.inputs, features.dims()[1])?;
        let features = features.inner();
        let device = self.device();
        Ok(if features.device() == device { features } else { features.to_device(&device) })
    }

    fn prepare(
        &self,
        features: Tensor<2>,
        targets: Targets<'_>,
    ) -> Result<(Tensor<2>, DeviceTargets), InputError> {
        let features = self.check(features)?;
        let samples = features.dims()[0];
        targets.check(&self.config, samples)?;
        Ok((features, targets.upload(samples, &self.device())))
    }

    /// The loss with its graph, and what came out without one.
    fn forward(&self, features: Tensor<2>, targets: &DeviceTargets) -> (Tensor<1>, DeviceOutput) {
        let predicted = self.layers.forward(Tensor::from_inner(features.clone()));
        let loss = targets.constant().loss(predicted.clone());
        let output = DeviceOutput { loss: loss.clone().inner(), predictions: predicted.inner(), features };
        (loss, output)
    }

    fn learn(&mut self, loss: &Tensor<1>) -> Result<(), ProbeError> {
        let gradients = ParameterGradients::take(&mut loss.backward(), &self.layers);
        self.layers = self.optimizer.step(self.config.lr, self.layers.clone(), gradients)?;
        self.steps += 1;
        Ok(())
    }

    /// Brings an output to the host and makes sure that it is finite.
    fn read(&self, output: DeviceOutput) -> Result<ProbeOutput, ProbeError> {
        let (output, features_are_finite) = output.read();
        output.ok_or_else(|| self.config.not_finite(self.next_step(), features_are_finite))
    }
}

//! One probe: a small network on frozen features.

mod config;
mod layers;

use burn::module::Module;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};
use seqjepa_nn::optimizer::{Optimizer, ParameterGradients};
use seqjepa_nn::{StateDict, load_state_dict, state_dict};

use crate::error::{ProbeError, check_finite, check_labels, check_size};

pub use config::{Network, ProbeConfig, ProbeOutput, Targets, Task};

use layers::Layers;

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
        let optimizer = Optimizer::new(config.optimizer)?;
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
    /// step.
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
        self.advance(features, targets, Self::read)
    }

    /// As [`train_step`](Self::train_step), but only the loss leaves the device.
    pub(crate) fn train_loss(
        &mut self,
        features: Tensor<2>,
        targets: Targets<'_>,
    ) -> Result<f64, ProbeError> {
        self.advance(features, targets, |probe, loss, _, features| {
            let loss = loss.into_scalar::<f64>();
            if loss.is_finite() { Ok(loss) } else { Err(probe.not_finite(features)) }
        })
    }

    /// Forward, `read` of loss, predictions and features, then the step, if `read` agrees.
    fn advance<T>(
        &mut self,
        features: Tensor<2>,
        targets: Targets<'_>,
        read: impl FnOnce(&Self, Tensor<1>, Tensor<2>, &Tensor<2>) -> Result<T, ProbeError>,
    ) -> Result<T, ProbeError> {
        let features = self.check(features, targets)?;
        let predicted = self.layers.forward(Tensor::from_inner(features.clone()));
        let loss = self.loss(predicted.clone(), targets);
        let output = read(self, loss.clone().inner(), predicted.inner(), &features)?;
        let mut backward = loss.backward();
        let gradients = ParameterGradients::take(&mut backward, &self.layers);
        self.layers = self.optimizer.step(self.config.lr, self.layers.clone(), gradients)?;
        self.steps += 1;
        Ok(output)
    }

    /// Loss and predictions on a batch of features `[samples, inputs]`, without a step.
    ///
    /// # Errors
    ///
    /// As [`train_step`](Self::train_step).
    pub fn evaluate(&self, features: Tensor<2>, targets: Targets<'_>) -> Result<ProbeOutput, ProbeError> {
        let features = self.check(features, targets)?;
        let predicted = self.layers.valid().forward(features.clone());
        let loss = self.loss(predicted.clone(), targets);
        self.read(loss, predicted, &features)
    }

    /// Logits or values for features `[samples, inputs]`, outside autodiff: `[samples, outputs]`.
    ///
    /// # Errors
    ///
    /// If the features have another width.
    pub fn predict(&self, features: Tensor<2>) -> Result<Tensor<2>, ProbeError> {
        check_size(&self.what("features' width"), self.config.inputs, features.dims()[1])?;
        Ok(self.layers.valid().forward(self.detach(features)))
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
                return Err(ProbeError::State { name, problem: "no such entry is known".to_owned() });
            }
        }
        let Some(steps) = steps else {
            let problem = "expected one I64 that is not negative".to_owned();
            return Err(ProbeError::State { name: "steps".to_owned(), problem });
        };
        let layers = load_state_dict(self.layers.clone(), network)?;
        self.optimizer.load_state_dict(optimizer, &layers)?;
        self.layers = layers;
        self.steps = steps;
        Ok(())
    }

    fn what(&self, thing: &str) -> String {
        format!("probe `{}`: {thing}", self.config.name)
    }

    fn detach(&self, features: Tensor<2>) -> Tensor<2> {
        let features = features.inner();
        let device = self.layers.device().without_autodiff();
        if features.device() == device { features } else { features.to_device(&device) }
    }

    /// Checks a batch and cuts the features off their graph.
    fn check(&self, features: Tensor<2>, targets: Targets<'_>) -> Result<Tensor<2>, ProbeError> {
        let [samples, width] = features.dims();
        check_size(&self.what("features' width"), self.config.inputs, width)?;
        match (self.config.task, targets) {
            (Task::Classification { classes }, Targets::Labels(labels)) => {
                check_size(&self.what("labels"), samples, labels.len())?;
                check_labels(labels, classes)?;
            }
            (Task::Regression { outputs }, Targets::Values(values)) => {
                check_size(&self.what("targets"), samples * outputs, values.len())?;
                check_finite(&self.what("targets"), values)?;
            }
            (Task::Classification { .. }, Targets::Values(_)) => {
                return Err(ProbeError::setting(self.what("targets"), "labels", "values"));
            }
            (Task::Regression { .. }, Targets::Labels(_)) => {
                return Err(ProbeError::setting(self.what("targets"), "values", "labels"));
            }
        }
        if samples == 0 {
            return Err(ProbeError::setting(self.what("samples in a batch"), "above 0", samples));
        }
        Ok(self.detach(features))
    }

    fn loss(&self, predicted: Tensor<2>, targets: Targets<'_>) -> Tensor<1> {
        let device = predicted.device();
        let [samples, outputs] = predicted.dims();
        match targets {
            Targets::Labels(labels) => {
                let labels = labels.iter().map(|label| i64::from(*label)).collect();
                let labels =
                    Tensor::<2, Int>::from_data(TensorData::new::<i64, _>(labels, [samples, 1]), &device);
                log_softmax(predicted, 1).gather(1, labels).mean().neg()
            }
            Targets::Values(values) => {
                let values = TensorData::new(values.to_vec(), [samples, outputs]);
                (predicted - Tensor::from_data(values, &device)).square().mean()
            }
        }
    }

    /// Brings loss and predictions to the host and makes sure that they are finite.
    fn read(
        &self,
        loss: Tensor<1>,
        predicted: Tensor<2>,
        features: &Tensor<2>,
    ) -> Result<ProbeOutput, ProbeError> {
        let loss = loss.into_scalar::<f64>();
        let predictions: Vec<f32> = predicted.into_data().iter::<f32>().collect();
        if loss.is_finite() && predictions.iter().all(|value| value.is_finite()) {
            return Ok(ProbeOutput { loss, predictions });
        }
        Err(self.not_finite(features))
    }

    /// Why a loss or prediction is not finite: the features', or the probe's own doing.
    fn not_finite(&self, features: &Tensor<2>) -> ProbeError {
        let features: Vec<f32> = features.to_data().iter::<f32>().collect();
        match check_finite(&self.what("features"), &features) {
            Err(error) => error,
            Ok(()) => ProbeError::Diverged {
                probe: self.config.name.clone(),
                step: self.steps + 1,
                lr: self.config.lr,
            },
        }
    }
}

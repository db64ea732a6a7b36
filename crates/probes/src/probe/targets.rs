//! What a probe shall predict: checked on the host, compared on the device.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};
use seqjepa_nn::host;

use super::config::{ProbeConfig, Task};
use crate::error::{InputError, check_finite, check_labels, check_size};

/// What a probe shall predict for a batch, on the host.
#[derive(Clone, Copy, Debug)]
pub enum Targets<'a> {
    /// One class per sample.
    Labels(&'a [u32]),
    /// The values of a regression, `[samples, outputs]`, row-major.
    Values(&'a [f32]),
}

impl Targets<'_> {
    /// Refuses targets that are not what the probe learns for this number of samples.
    pub(crate) fn check(self, config: &ProbeConfig, samples: usize) -> Result<(), InputError> {
        let what = |thing: &str| format!("probe `{}`: {thing}", config.name);
        match (config.task, self) {
            (Task::Classification { classes }, Self::Labels(labels)) => {
                check_size(&what("labels"), samples, labels.len())?;
                check_labels(labels, classes)?;
            }
            (Task::Regression { outputs }, Self::Values(values)) => {
                check_size(&what("targets"), samples * outputs, values.len())?;
                check_finite(&what("targets"), values)?;
            }
            (Task::Classification { .. }, Self::Values(_)) => {
                return Err(InputError::setting(what("targets"), "labels", "values"));
            }
            (Task::Regression { .. }, Self::Labels(_)) => {
                return Err(InputError::setting(what("targets"), "values", "labels"));
            }
        }
        if samples == 0 {
            return Err(InputError::setting(what("samples in a batch"), "above 0", samples));
        }
        Ok(())
    }

    /// Brings targets that have been checked for this number of samples, above 0, to a device.
    pub(crate) fn upload(self, samples: usize, device: &Device) -> DeviceTargets {
        match self {
            Self::Labels(labels) => {
                let labels = labels.iter().map(|label| i64::from(*label)).collect();
                let labels = TensorData::new::<i64, _>(labels, [samples, 1]);
                DeviceTargets::Labels(host::send_integers(labels, device))
            }
            Self::Values(values) => {
                let values = TensorData::new(values.to_vec(), [samples, values.len() / samples]);
                DeviceTargets::Values(host::send(values, device))
            }
        }
    }
}

/// A batch's targets on a device without autodiff.
#[derive(Clone, Debug)]
pub(crate) enum DeviceTargets {
    /// Classes, `[samples, 1]`.
    Labels(Tensor<2, Int>),
    /// The values of a regression, `[samples, outputs]`.
    Values(Tensor<2>),
}

impl DeviceTargets {
    /// As constants of a graph.
    pub(super) fn constant(&self) -> Self {
        match self.clone() {
            Self::Labels(labels) => Self::Labels(Tensor::from_inner(labels)),
            Self::Values(values) => Self::Values(Tensor::from_inner(values)),
        }
    }

    /// Mean loss over samples, and for regression over outputs too: `[1]`.
    pub(super) fn loss(self, predicted: Tensor<2>) -> Tensor<1> {
        match self {
            Self::Labels(labels) => log_softmax(predicted, 1).gather(1, labels).mean().neg(),
            Self::Values(values) => (predicted - values).square().mean(),
        }
    }
}

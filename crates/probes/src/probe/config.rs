//! What a probe is and learns.

use seqjepa_nn::optimizer::{OptimizerConfig, ParameterGroups};
use serde::{Deserialize, Serialize};

use super::error::ProbeError;
use crate::error::InputError;

/// The network of a probe. All layers have a bias and PyTorch's default initial values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// One affine map: what is linearly readable.
    Linear,
    /// `inputs -> hidden -> hidden -> outputs` with ReLU between.
    Mlp {
        /// Width of both hidden layers.
        hidden: usize,
    },
}

/// What a probe learns. Losses are means, as in PyTorch: over samples, and for regression over
/// outputs too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Cross-entropy over this many classes.
    Classification {
        /// Number of classes.
        classes: usize,
    },
    /// Mean squared error over this many outputs.
    Regression {
        /// Number of outputs.
        outputs: usize,
    },
}

impl Task {
    /// Width of the probe's output.
    #[must_use]
    pub fn outputs(&self) -> usize {
        match *self {
            Self::Classification { classes } => classes,
            Self::Regression { outputs } => outputs,
        }
    }
}

/// All that defines a probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeConfig {
    /// Name in messages, as `online_lin`.
    pub name: String,
    /// Width of the features.
    pub inputs: usize,
    /// What is learnt.
    pub task: Task,
    /// The network.
    pub network: Network,
    /// The update rule.
    pub optimizer: OptimizerConfig,
    /// Which parameters its weight decay acts on; all if a file does not say.
    #[serde(default)]
    pub parameter_groups: ParameterGroups,
    /// Learning rate, constant.
    pub lr: f64,
    /// Seed of the initial values.
    pub seed: u64,
}

impl ProbeConfig {
    /// A linear probe trained by Adam at 1e-3, seed 0.
    #[must_use]
    pub fn new(name: impl Into<String>, inputs: usize, task: Task) -> Self {
        Self {
            name: name.into(),
            inputs,
            task,
            network: Network::Linear,
            optimizer: OptimizerConfig::adam(),
            parameter_groups: ParameterGroups::default(),
            lr: 1e-3,
            seed: 0,
        }
    }

    pub(super) fn validate(&self) -> Result<(), InputError> {
        let positive = |setting: &str, value: usize| {
            if value == 0 {
                Err(InputError::setting(format!("{}.{setting}", self.name), "above 0", value))
            } else {
                Ok(())
            }
        };
        positive("inputs", self.inputs)?;
        positive("outputs", self.task.outputs())?;
        if let Network::Mlp { hidden } = self.network {
            positive("hidden", hidden)?;
        }
        if !self.lr.is_finite() || self.lr < 0.0 {
            return Err(InputError::setting(format!("{}.lr", self.name), "finite and at least 0", self.lr));
        }
        Ok(())
    }

    /// Why a loss or prediction of a step is not finite: the features', or the probe's own doing.
    pub(crate) fn not_finite(&self, step: u64, features_are_finite: bool) -> ProbeError {
        let probe = self.name.clone();
        if features_are_finite {
            ProbeError::Diverged { probe, step, lr: self.lr }
        } else {
            ProbeError::NonFinite { probe, step }
        }
    }
}

//! What an attached probe reads, learns and reports.

use seqjepa_nn::optimizer::{OptimizerConfig, ParameterGroups};
use serde::{Deserialize, Serialize};

use crate::metrics::OutputGroup;
use crate::probe::{Network, ProbeConfig, Task};

/// One probe to attach to a training loop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OnlineProbeConfig {
    /// Name in messages and in the saved state; no two probes share one.
    pub name: String,
    /// Names of the representations that the probe reads, with their widths. Several are
    /// concatenated in this order.
    pub inputs: Vec<(String, usize)>,
    /// What is learnt.
    pub task: Task,
    /// Name of the target: for regression, of the values that the probe learns; for
    /// classification, of its labels, or `None` for those without a name.
    pub target: Option<String>,
    /// The network.
    pub network: Network,
    /// The update rule.
    pub optimizer: OptimizerConfig,
    /// Learning rate, constant.
    pub lr: f64,
    /// Seed of the initial values; the probe's name is mixed in.
    pub seed: u64,
    /// Names of the figures.
    pub metrics: MetricNames,
}

/// Names of a probe's figures, without the phase: `online_r2` becomes `online_r2_train` and
/// `online_r2_test`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricNames {
    /// Top-1 accuracy in percent for classification, mean R² over all outputs for regression.
    pub score: String,
    /// Mean over batches of the loss.
    pub loss: String,
    /// Mean R² of these outputs each, named by the group: `online_r2_crop`.
    pub groups: Vec<OutputGroup>,
}

impl MetricNames {
    /// Names without groups.
    #[must_use]
    pub fn new(score: impl Into<String>, loss: impl Into<String>) -> Self {
        Self { score: score.into(), loss: loss.into(), groups: Vec::new() }
    }
}

impl OnlineProbeConfig {
    /// Trained parameters.
    #[must_use]
    pub fn parameter_count(&self) -> u64 {
        let inputs: usize = self.inputs.iter().map(|(_, width)| width).sum();
        let outputs = self.task.outputs();
        let widths = match self.network {
            Network::Linear => vec![inputs, outputs],
            Network::Mlp { hidden } => vec![inputs, hidden, hidden, outputs],
        };
        widths.windows(2).map(|pair| (pair[0] as u64 + 1) * pair[1] as u64).sum()
    }

    /// The probe's own configuration. Its seed is mixed with its name (64-bit FNV-1a), so that
    /// probes of one seed start apart whatever their number and order.
    pub(super) fn probe(&self) -> ProbeConfig {
        let hash = self.name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        ProbeConfig {
            name: self.name.clone(),
            inputs: self.inputs.iter().map(|(_, width)| width).sum(),
            task: self.task,
            network: self.network,
            optimizer: self.optimizer,
            parameter_groups: ParameterGroups::default(),
            lr: self.lr,
            seed: self.seed ^ hash,
        }
    }
}

//! The published set of online and leakage probes.

use burn::tensor::Device;
use seqjepa_nn::optimizer::OptimizerConfig;
use serde::{Deserialize, Serialize};

use super::probes::OnlineProbes;
use super::spec::{MetricNames, OnlineProbeConfig};
use crate::metrics::OutputGroup;
use crate::probe::{Network, ProbeError, Task};

/// Name of the aggregate representation z_AGG, meant to be invariant.
pub const AGGREGATE: &str = "aggregate";
/// Name of the representation of the first view, z_1, meant to be equivariant.
pub const FIRST: &str = "first";
/// Name of the representation of the second view, z_2.
pub const SECOND: &str = "second";
/// Name of the target that the regressions learn: the relative action from view 1 to view 2.
pub const RELATIVE_ACTION: &str = "relative_action";

/// The four probes that seq-JEPA (arXiv 2505.03176) trains beside the model, each with its own Adam:
///
/// | probe | reads | learns | figures |
/// |---|---|---|---|
/// | `online_lin` | z_AGG | class, linear | `online_linacc`, `online_linloss` |
/// | `leakage_lin` | z_1 | class, linear | `leakage_linacc`, `leakage_linloss` |
/// | `online_equi` | z_1, z_2 | relative action, MLP | `online_r2`, `online_r2_<group>`, `online_r2_loss` |
/// | `leakage_act` | z_AGG | relative action, linear | `leakage_r2`, `leakage_r2_<group>`, `leakage_r2_loss` |
///
/// The first of each kind is what the representation is for, the other what leaks into the wrong
/// one. Feed [`ProbeInputs`](super::ProbeInputs) under the names [`AGGREGATE`], [`FIRST`],
/// [`SECOND`] and [`RELATIVE_ACTION`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StandardProbes {
    /// Width of the representation z_AGG.
    pub invariant_width: usize,
    /// Width of the representations z_1 and z_2.
    pub equivariant_width: usize,
    /// Number of classes; `None` leaves the classification probes out.
    pub classes: Option<usize>,
    /// Number of action parameters; 0 leaves the regressions out.
    pub action_size: usize,
    /// Parameters whose R² is reported by group too.
    pub groups: Vec<OutputGroup>,
    /// Width of the hidden layers of `online_equi`; 1024 as published.
    pub hidden: usize,
    /// Learning rate of all four.
    pub lr: f64,
    /// Seed of the initial values.
    pub seed: u64,
}

impl StandardProbes {
    /// The four probes' configurations.
    #[must_use]
    pub fn configs(&self) -> Vec<OnlineProbeConfig> {
        let aggregate = vec![(AGGREGATE.to_owned(), self.invariant_width)];
        let first = (FIRST.to_owned(), self.equivariant_width);
        let pair = vec![first.clone(), (SECOND.to_owned(), self.equivariant_width)];
        let probe = |name: &str, inputs, task, score: &str, loss: &str| OnlineProbeConfig {
            name: name.to_owned(),
            inputs,
            task,
            target: matches!(task, Task::Regression { .. }).then(|| RELATIVE_ACTION.to_owned()),
            network: Network::Linear,
            optimizer: OptimizerConfig::adam(),
            lr: self.lr,
            seed: self.seed,
            metrics: MetricNames::new(score, loss),
        };

        let class = self.classes.map(|classes| Task::Classification { classes });
        let action = (self.action_size > 0).then_some(Task::Regression { outputs: self.action_size });
        let mut configs = Vec::new();
        if let Some(task) = class {
            configs.push(probe("online_lin", aggregate.clone(), task, "online_linacc", "online_linloss"));
        }
        if let Some(task) = action {
            let mut equivariance = probe("online_equi", pair, task, "online_r2", "online_r2_loss");
            equivariance.network = Network::Mlp { hidden: self.hidden };
            equivariance.metrics.groups.clone_from(&self.groups);
            configs.push(equivariance);
        }
        if let Some(task) = class {
            let names = ("leakage_linacc", "leakage_linloss");
            configs.push(probe("leakage_lin", vec![first], task, names.0, names.1));
        }
        if let Some(task) = action {
            let mut leakage = probe("leakage_act", aggregate, task, "leakage_r2", "leakage_r2_loss");
            leakage.metrics.groups.clone_from(&self.groups);
            configs.push(leakage);
        }
        configs
    }

    /// Fresh probes on `device`, with or without autodiff.
    ///
    /// # Errors
    ///
    /// If a setting is out of range ([`OnlineProbes::new`]).
    pub fn init(&self, device: &Device) -> Result<OnlineProbes, ProbeError> {
        OnlineProbes::new(self.configs(), device)
    }
}

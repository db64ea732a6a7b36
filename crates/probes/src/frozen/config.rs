//! The frozen protocols.

use seqjepa_nn::optimizer::{OptimizerConfig, ParameterGroups};
use serde::{Deserialize, Serialize};

use super::roles::{RegressionTarget, Representation};
use crate::bootstrap::Bootstrap;
use crate::error::InputError;
use crate::metrics::OutputGroup;
use crate::probe::Network;

/// A regressor from a representation to one group of action parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Regressor {
    /// The parameters that it predicts.
    pub group: OutputGroup,
    /// Its network.
    pub network: Network,
    /// What it reads; concat(z_1, z_2) if a file does not say.
    #[serde(default = "pair")]
    pub representation: Representation,
    /// Which action they belong to; the relative one if a file does not say.
    #[serde(default)]
    pub target: RegressionTarget,
}

fn pair() -> Representation {
    Representation::Pair
}

/// A protocol of frozen probes trained by gradient descent.
///
/// [`linear`](Self::linear) and [`paper`](Self::paper) are the two protocols of seq-JEPA
/// (arXiv 2505.03176): classifiers on z_AGG and on z_1 are linear in both; they differ in the
/// regressors. All is trained by SGD, learning rate 0.1, momentum 0.9, for 100 epochs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrozenConfig {
    /// Name that results carry.
    pub name: String,
    /// Number of classes; `None` leaves the classifiers out.
    pub classes: Option<usize>,
    /// The regressors.
    pub regressors: Vec<Regressor>,
    /// The update rule.
    pub optimizer: OptimizerConfig,
    /// Which parameters its weight decay acts on; all if a file does not say.
    #[serde(default)]
    pub parameter_groups: ParameterGroups,
    /// Learning rate, constant.
    pub lr: f64,
    /// Epochs over the training features.
    pub epochs: usize,
    /// Samples of a step; the last step of an epoch takes what is left.
    pub batch_size: usize,
    /// Seed of initial values and of the order of samples.
    pub seed: u64,
    /// Whether each feature is shifted and scaled to mean 0 and variance 1 over the first training
    /// pass. Not done in the published protocols; it is what keeps SGD at 0.1 from diverging on
    /// features that are large or far from 0.
    #[serde(default)]
    pub standardize: bool,
    /// Whether a probe that diverges begins anew at a tenth of the learning rate, up to six times, in the epoch in which it did. Where
    /// the published rate does not diverge, this changes nothing; else the result says so
    /// ([`RegressorResult::lowered_lr`](super::RegressorResult::lowered_lr)). False in [`linear`](Self::linear) and
    /// [`paper`](Self::paper), which are as published.
    #[serde(default)]
    pub lower_lr: bool,
    /// How the intervals of the figures are drawn.
    #[serde(default)]
    pub bootstrap: Bootstrap,
}

impl FrozenConfig {
    /// The published MLP: inputs-1024-1024-parameters, ReLU.
    pub const MLP: Network = Network::Mlp { hidden: 1024 };

    /// The *linear* protocol: one linear regressor for each group.
    #[must_use]
    pub fn linear(classes: Option<usize>, groups: &[OutputGroup]) -> Self {
        Self::new("linear", classes, groups, |_| Network::Linear)
    }

    /// The *paper* protocol: each group through the network that was published for it, [`MLP`](Self::MLP) (crop, jitter, rotation) or
    /// linear (colour, blur), which `network` tells.
    #[must_use]
    pub fn paper(
        classes: Option<usize>,
        groups: &[OutputGroup],
        network: impl Fn(&OutputGroup) -> Network,
    ) -> Self {
        Self::new("paper", classes, groups, network)
    }

    fn new(
        name: &str,
        classes: Option<usize>,
        groups: &[OutputGroup],
        network: impl Fn(&OutputGroup) -> Network,
    ) -> Self {
        let regressor = |group: &OutputGroup| Regressor {
            group: group.clone(),
            network: network(group),
            representation: Representation::Pair,
            target: RegressionTarget::Relative,
        };
        Self {
            name: name.to_owned(),
            classes,
            regressors: groups.iter().map(regressor).collect(),
            optimizer: OptimizerConfig::sgd(0.9),
            parameter_groups: ParameterGroups::default(),
            lr: 0.1,
            epochs: 100,
            batch_size: 256,
            seed: 0,
            standardize: false,
            lower_lr: false,
            bootstrap: Bootstrap::default(),
        }
    }

    /// The same protocol with a linear regressor for each group from `representation` to `target`, after
    /// those that it has: leakage from z_AGG to the relative action, say, or from z_1 to the absolute
    /// parameters of view 1. The figures of the others stay what they are.
    #[must_use]
    pub fn with_linear_regressors(
        self,
        representation: Representation,
        target: RegressionTarget,
        groups: &[OutputGroup],
    ) -> Self {
        self.with_regressors(representation, target, groups, |_| Network::Linear)
    }

    /// The same with regressors of any network: from z_1 to the individual action of view 1, say.
    #[must_use]
    pub fn with_regressors(
        mut self,
        representation: Representation,
        target: RegressionTarget,
        groups: &[OutputGroup],
        network: impl Fn(&OutputGroup) -> Network,
    ) -> Self {
        let regressor = |group: &OutputGroup| Regressor {
            group: group.clone(),
            network: network(group),
            representation,
            target,
        };
        self.regressors.extend(groups.iter().map(regressor));
        self
    }

    pub(super) fn validate(&self) -> Result<(), InputError> {
        for (setting, value) in [("epochs", self.epochs), ("batch_size", self.batch_size)] {
            if value == 0 {
                return Err(InputError::setting(setting, "above 0", value));
            }
        }
        Ok(())
    }
}

//! The frozen protocols.

use seqjepa_nn::optimizer::OptimizerConfig;
use serde::{Deserialize, Serialize};

use crate::error::ProbeError;
use crate::metrics::OutputGroup;
use crate::probe::Network;

/// A regressor from concat(z_1, z_2) to one group of the relative action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Regressor {
    /// The parameters that it predicts.
    pub group: OutputGroup,
    /// Its network.
    pub network: Network,
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
}

impl FrozenConfig {
    /// The *linear* protocol: one linear regressor for each group.
    #[must_use]
    pub fn linear(classes: Option<usize>, groups: &[OutputGroup]) -> Self {
        Self::new("linear", classes, groups, |_| Network::Linear)
    }

    /// The *paper* protocol: groups of several parameters (crop, jitter) through an MLP
    /// 2D-1024-1024-parameters, groups of one parameter (blur) by a linear regressor.
    #[must_use]
    pub fn paper(classes: Option<usize>, groups: &[OutputGroup]) -> Self {
        Self::new("paper", classes, groups, |group| {
            if group.range.len() > 1 { Network::Mlp { hidden: 1024 } } else { Network::Linear }
        })
    }

    fn new(
        name: &str,
        classes: Option<usize>,
        groups: &[OutputGroup],
        network: impl Fn(&OutputGroup) -> Network,
    ) -> Self {
        let regressor = |group: &OutputGroup| Regressor { group: group.clone(), network: network(group) };
        Self {
            name: name.to_owned(),
            classes,
            regressors: groups.iter().map(regressor).collect(),
            optimizer: OptimizerConfig::sgd(0.9),
            lr: 0.1,
            epochs: 100,
            batch_size: 256,
            seed: 0,
            standardize: false,
        }
    }

    pub(super) fn validate(&self) -> Result<(), ProbeError> {
        for (setting, value) in [("epochs", self.epochs), ("batch_size", self.batch_size)] {
            if value == 0 {
                return Err(ProbeError::setting(setting, "above 0", value));
            }
        }
        Ok(())
    }
}

//! Which parameters a setting is for.

use serde::{Deserialize, Serialize};

use super::config::OptimizerConfig;

/// How parameters of one optimizer are treated apart. The default treats all alike, as `torch.optim` does with one list of
/// parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ParameterGroups {
    /// Whether weight decay acts on parameters with one axis too: biases, and gains and shifts of norms. Default: true.
    pub decay_one_dimensional: bool,
}

impl Default for ParameterGroups {
    fn default() -> Self {
        Self { decay_one_dimensional: true }
    }
}

impl ParameterGroups {
    /// Whether weight decay acts on a parameter with these extents.
    #[must_use]
    pub fn decays(self, shape: &[usize]) -> bool {
        self.decay_one_dimensional || !is_one_dimensional(shape)
    }

    /// The rule for a parameter with these extents.
    pub(super) fn rule(self, config: &OptimizerConfig, shape: &[usize]) -> OptimizerConfig {
        if self.decays(shape) { *config } else { config.with_weight_decay(0.0) }
    }
}

/// Whether a parameter with these extents is a bias, or a gain or shift of a norm: it has one axis at most.
pub(super) fn is_one_dimensional(shape: &[usize]) -> bool {
    shape.len() <= 1
}

//! What Adam's and AdamW's step on a parameter computes with beside tensors.

use super::config::OptimizerConfig;

/// The scalars of a step, each computed in f64 and rounded once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct AdamStep {
    /// The first moment's weight for the gradient, `1 - beta1`.
    pub mean_weight: f64,
    /// The second moment's decay.
    pub beta2: f64,
    /// The square root of the second moment's correction, `sqrt(1 - beta2^t)`.
    pub correction_root: f64,
    /// The constant in the denominator.
    pub eps: f64,
    /// Learning rate over the first moment's correction, `lr / (1 - beta1^t)`.
    pub step_size: f64,
    /// Adam's weight decay, added to the gradient; 0 for none.
    pub penalty: f64,
    /// What AdamW's weight decay multiplies the values by; 1 for none.
    pub shrinkage: f64,
}

impl AdamStep {
    /// That of a parameter's update number `steps`, counted from 1; none where the rule is another.
    pub(super) fn new(config: &OptimizerConfig, lr: f64, steps: u64) -> Option<Self> {
        let ([beta1, beta2], eps, penalty, shrinkage) = match *config {
            OptimizerConfig::Adam { beta1, beta2, eps, weight_decay } => {
                ([beta1, beta2], eps, weight_decay, 1.0)
            }
            OptimizerConfig::AdamW { beta1, beta2, eps, weight_decay } => {
                ([beta1, beta2], eps, 0.0, 1.0 - lr * weight_decay)
            }
            OptimizerConfig::Sgd { .. } | OptimizerConfig::Lars { .. } => return None,
        };
        let [correction1, correction2] = [beta1, beta2].map(|beta| 1.0 - beta.powf(steps as f64));
        Some(Self {
            mean_weight: 1.0 - beta1,
            beta2,
            correction_root: correction2.sqrt(),
            eps,
            step_size: lr / correction1,
            penalty,
            shrinkage,
        })
    }
}

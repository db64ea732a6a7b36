//! Which update rule an optimizer follows, with `torch.optim`'s defaults.

use serde::{Deserialize, Serialize};

use crate::NnError;

/// An update rule and its constants. The learning rate is not among them: it is given at every
/// [`step`](super::Optimizer::step), since a schedule owns it.
///
/// The defaults of each field are those of `torch.optim` (of LARS those of the papers), and [`adam`](Self::adam),
/// [`adamw`](Self::adamw), [`sgd`](Self::sgd) and [`lars`](Self::lars) build a rule with all of them.
///
/// ```
/// use seqjepa_nn::optimizer::OptimizerConfig;
///
/// let config: OptimizerConfig = serde_json::from_str(r#"{"name": "adamw"}"#)?;
/// assert_eq!(config, OptimizerConfig::adamw());
/// assert_eq!(config.with_weight_decay(1e-3).weight_decay(), 1e-3);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "lowercase", deny_unknown_fields)]
pub enum OptimizerConfig {
    /// Adam (Kingma & Ba, arXiv 1412.6980) with the weight decay added to the gradient, as
    /// `torch.optim.Adam`.
    Adam {
        /// Decay of the running mean of gradients, in `[0, 1)`.
        #[serde(default = "default_beta1")]
        beta1: f64,
        /// Decay of the running mean of squared gradients, in `[0, 1)`.
        #[serde(default = "default_beta2")]
        beta2: f64,
        /// Added to the root of the second moment, non-negative.
        #[serde(default = "default_eps")]
        eps: f64,
        /// L2 penalty, non-negative.
        #[serde(default)]
        weight_decay: f64,
    },
    /// Adam with decoupled weight decay (Loshchilov & Hutter, arXiv 1711.05101), as
    /// `torch.optim.AdamW`: parameters shrink by `1 - lr * weight_decay` before the update.
    AdamW {
        /// Decay of the running mean of gradients, in `[0, 1)`.
        #[serde(default = "default_beta1")]
        beta1: f64,
        /// Decay of the running mean of squared gradients, in `[0, 1)`.
        #[serde(default = "default_beta2")]
        beta2: f64,
        /// Added to the root of the second moment, non-negative.
        #[serde(default = "default_eps")]
        eps: f64,
        /// Decoupled weight decay, non-negative.
        #[serde(default = "default_adamw_weight_decay")]
        weight_decay: f64,
    },
    /// Stochastic gradient descent, as `torch.optim.SGD`. The first momentum buffer is the first
    /// gradient, undamped.
    Sgd {
        /// Factor of the momentum buffer, non-negative; 0 keeps no buffer.
        #[serde(default)]
        momentum: f64,
        /// The gradient enters the momentum buffer times `1 - dampening`.
        #[serde(default)]
        dampening: f64,
        /// Nesterov's momentum; needs `momentum > 0` and `dampening == 0`.
        #[serde(default)]
        nesterov: bool,
        /// L2 penalty, non-negative.
        #[serde(default)]
        weight_decay: f64,
    },
    /// SGD with momentum whose step is scaled for each parameter by its *trust ratio*: layer-wise adaptive rate scaling (You,
    /// Gitman & Ginsburg 2017, arXiv 1708.03888), in the form of BYOL (Grill et al. 2020, arXiv 2006.07733), Barlow Twins
    /// (arXiv 2103.03230) and VICReg (arXiv 2105.04906). With the gradient `g`, the parameter `w` and the buffer `m`, 0 at
    /// first:
    ///
    /// ```text
    /// u = g + weight_decay * w
    /// q = trust_coefficient * |w| / |u|        1 where |w| or |u| is 0
    /// m = momentum * m + q * u
    /// w = w - lr * m
    /// ```
    ///
    /// The learning rate is outside the buffer, as in SGD; the paper of 2017 has it inside. `torch.optim` has no LARS.
    Lars {
        /// Factor of the momentum buffer, non-negative; 0 keeps no buffer.
        #[serde(default = "default_lars_momentum")]
        momentum: f64,
        /// L2 penalty, non-negative. The papers have 1e-6 (VICReg) and 1.5e-6 (BYOL).
        #[serde(default)]
        weight_decay: f64,
        /// Factor of the trust ratio, positive.
        #[serde(default = "default_trust_coefficient")]
        trust_coefficient: f64,
        /// Whether parameters with one axis, biases and the gains and shifts of norms, have neither weight decay nor a trust
        /// ratio (theirs is 1), as in all three papers.
        #[serde(default = "default_exclude_one_dimensional")]
        exclude_one_dimensional: bool,
    },
}

fn default_beta1() -> f64 {
    0.9
}

fn default_beta2() -> f64 {
    0.999
}

fn default_eps() -> f64 {
    1e-8
}

fn default_adamw_weight_decay() -> f64 {
    1e-2
}

fn default_lars_momentum() -> f64 {
    0.9
}

fn default_trust_coefficient() -> f64 {
    1e-3
}

fn default_exclude_one_dimensional() -> bool {
    true
}

impl OptimizerConfig {
    /// Adam with betas (0.9, 0.999), eps 1e-8 and no weight decay.
    #[must_use]
    pub fn adam() -> Self {
        Self::Adam { beta1: default_beta1(), beta2: default_beta2(), eps: default_eps(), weight_decay: 0.0 }
    }

    /// AdamW with betas (0.9, 0.999), eps 1e-8 and weight decay 0.01.
    #[must_use]
    pub fn adamw() -> Self {
        Self::AdamW {
            beta1: default_beta1(),
            beta2: default_beta2(),
            eps: default_eps(),
            weight_decay: default_adamw_weight_decay(),
        }
    }

    /// SGD with the given momentum, and neither dampening, Nesterov's correction nor weight decay.
    #[must_use]
    pub fn sgd(momentum: f64) -> Self {
        Self::Sgd { momentum, dampening: 0.0, nesterov: false, weight_decay: 0.0 }
    }

    /// LARS with momentum 0.9, trust coefficient 0.001 and no weight decay, which leaves parameters with one axis to SGD.
    #[must_use]
    pub fn lars() -> Self {
        Self::Lars {
            momentum: default_lars_momentum(),
            weight_decay: 0.0,
            trust_coefficient: default_trust_coefficient(),
            exclude_one_dimensional: default_exclude_one_dimensional(),
        }
    }

    /// The same rule with another weight decay.
    #[must_use]
    pub fn with_weight_decay(mut self, value: f64) -> Self {
        match &mut self {
            Self::Adam { weight_decay, .. }
            | Self::AdamW { weight_decay, .. }
            | Self::Sgd { weight_decay, .. }
            | Self::Lars { weight_decay, .. } => *weight_decay = value,
        }
        self
    }

    /// The rule's weight decay.
    #[must_use]
    pub fn weight_decay(&self) -> f64 {
        match *self {
            Self::Adam { weight_decay, .. }
            | Self::AdamW { weight_decay, .. }
            | Self::Sgd { weight_decay, .. }
            | Self::Lars { weight_decay, .. } => weight_decay,
        }
    }

    /// The rule's name as it is written in a configuration: `adam`, `adamw`, `sgd` or `lars`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Adam { .. } => "adam",
            Self::AdamW { .. } => "adamw",
            Self::Sgd { .. } => "sgd",
            Self::Lars { .. } => "lars",
        }
    }

    /// Checks every constant against its range.
    ///
    /// # Errors
    ///
    /// [`NnError::OptimizerSetting`] names the first constant out of range.
    pub fn validate(&self) -> Result<(), NnError> {
        match *self {
            Self::Adam { beta1, beta2, eps, .. } | Self::AdamW { beta1, beta2, eps, .. } => {
                check("beta1", beta1, "in [0, 1)", (0.0..1.0).contains(&beta1))?;
                check("beta2", beta2, "in [0, 1)", (0.0..1.0).contains(&beta2))?;
                check("eps", eps, "finite and at least 0", non_negative(eps))?;
            }
            Self::Sgd { momentum, dampening, nesterov, .. } => {
                check("momentum", momentum, "finite and at least 0", non_negative(momentum))?;
                check("dampening", dampening, "finite", dampening.is_finite())?;
                check("momentum", momentum, "above 0 with nesterov", !nesterov || momentum > 0.0)?;
                check("dampening", dampening, "0 with nesterov", !nesterov || dampening == 0.0)?;
            }
            Self::Lars { momentum, trust_coefficient: trust, .. } => {
                check("momentum", momentum, "finite and at least 0", non_negative(momentum))?;
                let positive = non_negative(trust) && trust > 0.0;
                check("trust_coefficient", trust, "finite and above 0", positive)?;
            }
        }
        let decay = self.weight_decay();
        check("weight_decay", decay, "finite and at least 0", non_negative(decay))
    }

    /// Names of the per-parameter buffers that the rule keeps, in storage order.
    pub(super) fn buffer_names(&self) -> &'static [&'static str] {
        match *self {
            Self::Adam { .. } | Self::AdamW { .. } => &["exp_avg", "exp_avg_sq"],
            Self::Sgd { momentum: 0.0, .. } | Self::Lars { momentum: 0.0, .. } => &[],
            Self::Sgd { .. } | Self::Lars { .. } => &["momentum_buffer"],
        }
    }
}

fn non_negative(value: f64) -> bool {
    value.is_finite() && value >= 0.0
}

fn check(setting: &'static str, found: f64, expected: &'static str, ok: bool) -> Result<(), NnError> {
    if ok { Ok(()) } else { Err(NnError::OptimizerSetting { setting, expected, found }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_fields_take_their_defaults() {
        for (text, expected) in [
            (r#"{"name":"adam"}"#, OptimizerConfig::adam()),
            (r#"{"name":"adamw"}"#, OptimizerConfig::adamw()),
            (r#"{"name":"sgd"}"#, OptimizerConfig::sgd(0.0)),
            (r#"{"name":"lars"}"#, OptimizerConfig::lars()),
        ] {
            let read: OptimizerConfig = serde_json::from_str(text).unwrap();
            assert_eq!(read, expected);
            let written = serde_json::to_string(&read).unwrap();
            assert_eq!(serde_json::from_str::<OptimizerConfig>(&written).unwrap(), expected);
        }
    }

    #[test]
    fn unknown_fields_and_rules_are_refused() {
        assert!(serde_json::from_str::<OptimizerConfig>(r#"{"name":"lion"}"#).is_err());
        assert!(serde_json::from_str::<OptimizerConfig>(r#"{"name":"sgd","beta1":0.9}"#).is_err());
    }

    #[test]
    fn ranges_are_checked() {
        let bad = OptimizerConfig::Adam { beta1: 1.0, beta2: 0.999, eps: 1e-8, weight_decay: 0.0 };
        assert!(matches!(
            bad.validate(),
            Err(NnError::OptimizerSetting { setting: "beta1", found: 1.0, .. })
        ));
        assert!(OptimizerConfig::adam().with_weight_decay(f64::NAN).validate().is_err());
        assert!(OptimizerConfig::sgd(-0.1).validate().is_err());
        let lars = |momentum, trust_coefficient| OptimizerConfig::Lars {
            momentum,
            weight_decay: 1e-6,
            trust_coefficient,
            exclude_one_dimensional: true,
        };
        assert!(lars(0.9, 1e-3).validate().is_ok());
        for (bad, name) in [
            (lars(-0.1, 1e-3), "momentum"),
            (lars(0.9, 0.0), "trust_coefficient"),
            (lars(0.9, f64::INFINITY), "trust_coefficient"),
            (lars(0.9, 1e-3).with_weight_decay(-1.0), "weight_decay"),
        ] {
            assert!(
                matches!(bad.validate(), Err(NnError::OptimizerSetting { setting, .. }) if setting == name),
                "{bad:?}"
            );
        }
        let nesterov = |momentum, dampening| OptimizerConfig::Sgd {
            momentum,
            dampening,
            nesterov: true,
            weight_decay: 0.0,
        };
        assert!(matches!(
            nesterov(0.0, 0.0).validate(),
            Err(NnError::OptimizerSetting { setting: "momentum", .. })
        ));
        assert!(nesterov(0.9, 0.1).validate().is_err());
        assert!(nesterov(0.9, 0.0).validate().is_ok());
    }
}

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the frozen probes are fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProtocolKind {
    /// Ridge regression in closed form and multinomial logistic regression to convergence, in f64.
    Exact,
    /// Linear probes by gradient descent, as published.
    Linear,
    /// As `linear`, but each group of action parameters by the network that was published for it: crop, jitter and rotation through an MLP
    /// of 1024-1024 hidden units, colour, blur and position linear.
    Paper,
}

impl ProtocolKind {
    /// Its name in configs, tables and cards.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Linear => "linear",
            Self::Paper => "paper",
        }
    }
}

/// The optimizer of the probes by gradient descent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProbeOptimizer {
    /// SGD with momentum 0.9 (the published protocols).
    #[default]
    Sgd,
    /// Adam with PyTorch's defaults.
    Adam,
    /// Adam with decoupled weight decay, otherwise the same.
    AdamW,
}

/// A protocol by gradient descent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RegressorKind {
    /// [`ProtocolKind::Linear`].
    Linear,
    /// [`ProtocolKind::Paper`].
    Paper,
}

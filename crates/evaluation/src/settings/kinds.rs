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
    /// As `linear`, but groups of several action parameters through an MLP 2D-1024-1024-parameters (the paper's).
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

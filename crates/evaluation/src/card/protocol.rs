use crate::published::plain;
use seqjepa_model::EncoderChoice;
use seqjepa_nn::optimizer::OptimizerConfig;
use serde::{Deserialize, Serialize};

/// How a figure was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Protocol {
    /// `exact`, `linear`, `paper`, `knn` or `retrieval`.
    pub name: String,
    /// The encoder behind the representation.
    pub encoder: EncoderChoice,
    /// What was read: the invariant representation by the name that the method gives it (`z_AGG`), `z_1`,
    /// `concat(z_1, z_2)`, or the predictor's output.
    pub representation: String,
    /// Observed views of the sequence that was read, M_val.
    pub observed_views: usize,
    /// What was predicted, such as `class` or `relative action, crop`.
    pub target: String,
    /// What read it.
    pub probe: String,
    /// How the probe was fitted.
    pub fit: Fit,
    /// Training rows: images times passes; 0 if nothing is fitted.
    pub train_samples: usize,
    /// Augmentation passes over the training images.
    pub passes: usize,
    /// Test rows, of one pass.
    pub test_samples: usize,
    /// Seed of the views, and of whatever the probe draws.
    pub seed: u64,
    /// The distributions of the views.
    pub augmentation: String,
}

/// How a probe was fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// To the optimum of its objective, in f64.
    Exact {
        /// The objective and solver.
        solver: String,
        /// How the penalty was chosen.
        penalty: String,
    },
    /// By gradient descent.
    Descent {
        /// The update rule.
        optimizer: OptimizerConfig,
        /// Learning rate, constant.
        lr: f64,
        /// Epochs over the training rows.
        epochs: usize,
        /// Rows of a step.
        batch_size: usize,
        /// Whether features were standardized.
        standardized: bool,
    },
    /// Not at all: neighbours and ranks have no parameters.
    None,
}

impl Fit {
    /// In words, with all that a summary leaves out.
    #[must_use]
    pub(crate) fn in_full(&self) -> String {
        match self {
            Self::Exact { solver, penalty } => format!("exact: {solver}; {penalty}"),
            Self::Descent { optimizer, batch_size, .. } => {
                let constants = match serde_json::to_value(optimizer) {
                    Ok(constants) => plain(&constants),
                    Err(_) => String::new(),
                };
                format!("{}, batches of {batch_size} ({constants})", self.summary())
            }
            Self::None => self.summary(),
        }
    }

    /// In a few words, for tables.
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::Exact { .. } => "exact".into(),
            Self::Descent { optimizer, lr, epochs, standardized, .. } => {
                let scaled = if *standardized { ", standardized" } else { "" };
                format!("{} lr {lr}, {epochs} epochs{scaled}", optimizer.name())
            }
            Self::None => "no fit".into(),
        }
    }
}

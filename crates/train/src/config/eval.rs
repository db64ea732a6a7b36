use serde::{Deserialize, Serialize};

use super::{at_least_one, flag, invalid, positive};
use crate::TrainError;

/// `eval`: the frozen probes on a checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvalConfig {
    /// Observed views that the aggregate sees, M_val. Default 5.
    pub seq_len: usize,
    /// Epochs of the probes. Default 100.
    pub probe_epochs: usize,
    /// `sgd` with momentum 0.9 (published), or `adam`, which no scale of features makes diverge. Default `sgd`.
    pub probe_optimizer: ProbeOptimizer,
    /// Learning rate of the probes. Default 0.1.
    pub probe_lr: f64,
    /// Shifts and scales each feature to mean 0 and variance 1 over the first training pass. Not done in the published
    /// protocol, but SGD at 0.1 diverges on the large features of a model early in training. Default false.
    #[serde(deserialize_with = "flag::deserialize")]
    pub standardize: bool,
    /// Sequences per batch, of feature extraction and of the probes. Default 128.
    pub batch_size: usize,
    /// Threads that augment. Default: one per core, at most 8.
    pub num_workers: Option<usize>,
    /// The action space that is probed; only `aug`.
    pub latent_type: String,
    /// The augmentation family that is evaluated; only `aug`.
    pub eval_type: String,
    /// `linear`: every regressor is linear. `paper`: crop and jitter through an MLP, blur linear. Default `linear`.
    pub regressors: RegressorKind,
    /// Times the training split is augmented and encoded; probe epochs cycle through these passes. Default:
    /// `probe_epochs`, so that every probe epoch sees new views, as published; fewer cost less.
    pub feature_passes: Option<usize>,
}

/// The optimizer of the frozen probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProbeOptimizer {
    /// SGD with momentum 0.9 (the published protocols).
    #[default]
    Sgd,
    /// Adam with PyTorch's defaults.
    Adam,
}

/// The regressors of the frozen protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegressorKind {
    /// One linear layer each for crop, jitter and blur.
    #[default]
    Linear,
    /// MLP 2D-1024-1024-4 for crop and jitter, linear for blur (the paper's).
    Paper,
}

impl Default for EvalConfig {
    fn default() -> Self {
        Self {
            seq_len: 5,
            probe_epochs: 100,
            probe_optimizer: ProbeOptimizer::Sgd,
            probe_lr: 0.1,
            standardize: false,
            batch_size: 128,
            num_workers: None,
            latent_type: "aug".into(),
            eval_type: "aug".into(),
            regressors: RegressorKind::Linear,
            feature_passes: None,
        }
    }
}

impl EvalConfig {
    /// Threads of the loader: `num_workers`, or one per core up to 8.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.num_workers.unwrap_or_else(super::dataset::default_workers)
    }

    /// Passes of augmented features over the training split.
    #[must_use]
    pub fn passes(&self) -> usize {
        self.feature_passes.unwrap_or(self.probe_epochs).min(self.probe_epochs)
    }

    pub(super) fn validate(&self) -> Result<(), TrainError> {
        // The regressors read the first two observed views.
        if self.seq_len < 2 {
            return Err(invalid(
                "eval.seq_len",
                "at least 2 (R2 is read from the views 1 and 2)",
                self.seq_len,
            ));
        }
        at_least_one("eval.probe_epochs", self.probe_epochs)?;
        positive("eval.probe_lr", self.probe_lr)?;
        at_least_one("eval.batch_size", self.batch_size)?;
        at_least_one("eval.feature_passes", self.feature_passes.unwrap_or(1))?;
        for (key, value) in [("eval.latent_type", &self.latent_type), ("eval.eval_type", &self.eval_type)] {
            if value != "aug" {
                return Err(invalid(key, "aug (augmentation parameters)", value));
            }
        }
        Ok(())
    }
}

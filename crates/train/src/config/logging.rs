use serde::{Deserialize, Serialize};

use super::{flag, invalid};
use crate::TrainError;

/// `logging`: trackers beside the run folder's own files.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoggingConfig {
    /// Weights & Biases.
    pub wandb: WandbConfig,
}

/// `logging.wandb`: read as published; `enabled: true` is refused, since there is no sink for it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WandbConfig {
    /// Must be false.
    #[serde(deserialize_with = "flag::deserialize")]
    pub enabled: bool,
    /// Project of the tracker.
    pub project: Option<String>,
    /// Group of the run.
    pub group: Option<String>,
    /// Mode of the tracker.
    pub mode: Option<String>,
}

impl LoggingConfig {
    pub(super) fn validate(&self) -> Result<(), TrainError> {
        if self.wandb.enabled {
            return Err(invalid(
                "logging.wandb.enabled",
                "false: there is no Weights & Biases sink yet (metrics.jsonl and metrics.csv hold every figure)",
                true,
            ));
        }
        Ok(())
    }
}

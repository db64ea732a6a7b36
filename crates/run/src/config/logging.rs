use serde::{Deserialize, Serialize};

use super::flag;

/// `logging`: trackers beside the run folder's own files.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoggingConfig {
    /// Weights & Biases.
    pub wandb: WandbConfig,
}

/// `logging.wandb`: read as published, and said to have no effect where it is enabled: there is no sink for it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WandbConfig {
    /// Whether the published code would send figures there. Here nothing does.
    #[serde(deserialize_with = "flag::deserialize")]
    pub enabled: bool,
    /// Project of the tracker.
    pub project: Option<String>,
    /// Group of the run.
    pub group: Option<String>,
    /// Mode of the tracker.
    pub mode: Option<String>,
}

use seqjepa_evaluation::settings::flag;
use serde::{Deserialize, Serialize};

use super::error::{ConfigError, within};

/// `logging`: trackers beside the run folder's own files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoggingConfig {
    /// Steps between two looks at losses, online probes and whether all is finite; in between, the device is never waited
    /// for. No figure depends on it. Default 10.
    pub log_every: usize,
    /// Weights & Biases.
    pub wandb: WandbConfig,
}

impl Default for LoggingConfig {
    fn default() -> Self {
        Self { log_every: 10, wandb: WandbConfig::default() }
    }
}

impl LoggingConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        within("logging.log_every", self.log_every, 100_000)
    }
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

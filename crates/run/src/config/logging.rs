use schemars::JsonSchema;
use seqjepa_evaluation::settings::flag;
use serde::{Deserialize, Serialize};

use super::error::{ConfigError, within};

/// `logging`: trackers beside the run folder's own files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LoggingConfig {
    /// Optimizer steps between two looks at losses, online probes and whether all is finite; in between, the device is never
    /// waited for. No figure depends on it. Default 10.
    #[schemars(range(min = 1, max = MOST_STEPS))]
    pub log_every: usize,
    /// Weights & Biases.
    pub wandb: WandbConfig,
}

impl Default for LoggingConfig {
    fn default() -> Self {
        Self { log_every: 10, wandb: WandbConfig::default() }
    }
}

const MOST_STEPS: usize = 100_000;

impl LoggingConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        within("logging.log_every", self.log_every, MOST_STEPS)
    }
}

/// `logging.wandb`: read as published, and said to have no effect where it is enabled: there is no sink for it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WandbConfig {
    /// Whether the published code would send figures there. Read, so that published configs run as they are; true has no
    /// effect but a warning. Default false.
    #[serde(deserialize_with = "flag::deserialize")]
    #[schemars(schema_with = "flag::schema")]
    pub enabled: bool,
    /// Project of the tracker. Default: none.
    pub project: Option<String>,
    /// Group of the run. Default: none.
    pub group: Option<String>,
    /// Mode of the tracker. Default: none.
    pub mode: Option<String>,
}

use schemars::JsonSchema;
use seqjepa_evaluation::settings::flag;
use serde::{Deserialize, Serialize};

use super::error::{ConfigError, within};
use super::wandb::WandbConfig;

/// `logging`: trackers beside the run folder's own files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LoggingConfig {
    /// Optimizer steps between two looks at losses, online probes and whether all is finite; in between, the device is never
    /// waited for. No figure depends on it. Trackers log the loss of every step that it divides. Default 10.
    #[schemars(range(min = 1, max = MOST_STEPS))]
    pub log_every: usize,
    /// Writes TensorBoard event files, to `tensorboard` in the run folder. Default false.
    #[serde(deserialize_with = "flag::deserialize")]
    #[schemars(schema_with = "flag::schema")]
    pub tensorboard: bool,
    /// Weights & Biases.
    pub wandb: WandbConfig,
}

impl Default for LoggingConfig {
    fn default() -> Self {
        Self { log_every: 10, tensorboard: false, wandb: WandbConfig::default() }
    }
}

const MOST_STEPS: usize = 100_000;

impl LoggingConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        within("logging.log_every", self.log_every, MOST_STEPS)?;
        self.wandb.validate()
    }
}

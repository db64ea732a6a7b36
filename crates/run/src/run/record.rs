use seqjepa_train::checkpoint::Checkpoint;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::fingerprint::DataFingerprint;

/// What a checkpoint of a run holds beside the trainer's state.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunRecord {
    /// The config of the run.
    pub config: Config,
    /// The config before a change that was accepted just before this was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_config: Option<Config>,
    /// The backend that the run computed on, as its cargo feature is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    /// What the run was trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<DataFingerprint>,
    /// The epoch that `best.safetensors` holds once this is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<usize>,
    /// For a diagnostic checkpoint: why the step after it could not be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// A checkpoint of a run.
pub type RunCheckpoint = Checkpoint<RunRecord>;

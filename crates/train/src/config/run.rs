use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{at_least_one, flag, invalid};
use crate::TrainError;

/// `run`: name, seed, device, length and folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunConfig {
    /// Name of the run, and of its folder where `output_dir` is not given. Default `seqjepa`.
    pub name: String,
    /// Seed of every random draw: initialisation, views, order, dropout, probes. Default 42.
    pub seed: u64,
    /// `auto`, `cpu` (or `flex`), `ndarray`, `cuda[:n]`, `vulkan[:n]`, `metal[:n]`, `rocm[:n]`. Default `auto`.
    pub device: String,
    /// Passes over the training split. Default 10.
    pub epochs: usize,
    /// Run folder. Default: `runs/NAME`, or `runs/NAME-2`, `-3`, ... where that one is in use. A folder named here must
    /// not be in use.
    pub output_dir: Option<PathBuf>,
    /// Leaves out the last batch of an epoch when it is smaller than `batch_size`. Default true.
    #[serde(deserialize_with = "flag::deserialize")]
    pub drop_last: bool,
    /// Saves `checkpoints/last.safetensors` after every epoch. Default true.
    #[serde(deserialize_with = "flag::deserialize")]
    pub save_checkpoint: bool,
    /// Uses at most this many batches' worth of training images (a smaller subset), for trials. Default none.
    pub max_steps: Option<usize>,
    /// The same for the test split. Default none.
    pub max_val_steps: Option<usize>,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            name: "seqjepa".into(),
            seed: 42,
            device: "auto".into(),
            epochs: 10,
            output_dir: None,
            drop_last: true,
            save_checkpoint: true,
            max_steps: None,
            max_val_steps: None,
        }
    }
}

impl RunConfig {
    pub(super) fn validate(&self) -> Result<(), TrainError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if self.name.is_empty() || self.name.starts_with('.') || !self.name.chars().all(plain) {
            return Err(invalid(
                "run.name",
                "letters, digits, '-', '_' and '.', not starting with '.'",
                &self.name,
            ));
        }
        at_least_one("run.epochs", self.epochs)?;
        at_least_one("run.max_steps", self.max_steps.unwrap_or(1))?;
        at_least_one("run.max_val_steps", self.max_val_steps.unwrap_or(1))?;
        crate::device::DeviceRequest::parse(&self.device).map(|_| ())
    }
}

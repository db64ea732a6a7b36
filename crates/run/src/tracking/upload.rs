use std::path::PathBuf;

use seqjepa_train::storage::Folder;

use super::given_up::GivenUp;
use super::wandb;
use crate::config::{WandbConfig, WandbMode};

/// What has become of the W&B run of a run: see [`Run::upload`](crate::Run::upload).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tracked {
    /// There is none.
    Nothing,
    /// It is kept in this folder, and can be sent by `wandb sync FOLDER`.
    Kept {
        /// Its folder.
        folder: PathBuf,
    },
    /// Its log could not be written to the end, of which there was a warning; what there is of it is in this folder.
    Incomplete {
        /// Its folder.
        folder: PathBuf,
    },
    /// It was sent.
    Sent {
        /// Its folder.
        folder: PathBuf,
    },
    /// It was to be sent, and was not; it is kept, and can be sent by `wandb sync FOLDER`.
    NotSent {
        /// Its folder.
        folder: PathBuf,
        /// Why it was not sent.
        problem: String,
    },
}

/// Sends the run, where that is asked for.
pub(crate) fn upload(
    config: &WandbConfig,
    root: &Folder,
    given_up: &GivenUp,
    go_on: impl Fn() -> bool,
) -> Tracked {
    let Some(folder) = wandb::folder(config, root).filter(|_| wandb::is_on(config)) else {
        return Tracked::Nothing;
    };
    if given_up.wandb() {
        return Tracked::Incomplete { folder };
    }
    if config.mode != Some(WandbMode::Online) {
        return Tracked::Kept { folder };
    }
    match wandb::send(&folder, go_on) {
        Ok(()) => Tracked::Sent { folder },
        Err(problem) => Tracked::NotSent { folder, problem },
    }
}

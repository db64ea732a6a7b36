use std::path::PathBuf;

use seqjepa_train::storage::StorageError;
use thiserror::Error;

/// A run folder that cannot be made or taken.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FolderError {
    /// A file operation failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The run folder holds another run.
    #[error(
        "run folder {} is already in use: expected a folder without a run, found {found}; choose another run.output_dir, or resume that run",
        path.display()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The file that shows it.
        found: &'static str,
    },
    /// No run is in the folder.
    #[error(
        "{}: expected the folder of a run, which holds config.yaml, status.json, metrics.jsonl and checkpoints/, found {found}",
        path.display()
    )]
    NoRun {
        /// The path.
        path: PathBuf,
        /// What is there.
        found: &'static str,
    },
    /// A run folder that cannot be made.
    #[error("run.output_dir {}: expected a folder, or a place for one, found {found}", path.display())]
    NoFolder {
        /// The path.
        path: PathBuf,
        /// What is in its place.
        found: String,
    },
    /// Another process trains in the run folder.
    #[error(
        "run folder {} is in use by another process{}; expected none, since two would overwrite each other's files",
        path.display(),
        process.map_or_else(String::new, |process| format!(" (process {process})"))
    )]
    Locked {
        /// The folder.
        path: PathBuf,
        /// The process that wrote its `status.json` last.
        process: Option<u32>,
    },
}

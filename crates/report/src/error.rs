use std::path::PathBuf;

use seqjepa_train::storage::StorageError;
use thiserror::Error;

/// Why there is no report.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReportError {
    /// No run, or too many.
    #[error("expected 1 to {most} run folders, found {found}")]
    Runs {
        /// Most runs of a page.
        most: usize,
        /// Those given.
        found: usize,
    },
    /// A folder without a run.
    #[error(
        "{}: expected a run folder, found neither config.yaml nor metrics.jsonl nor status.json nor evaluation.json in it",
        path.display()
    )]
    NoRun {
        /// The folder.
        path: PathBuf,
    },
    /// A folder that cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

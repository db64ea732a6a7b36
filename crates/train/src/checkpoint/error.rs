use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::storage::StorageError;

/// A checkpoint that cannot be written, read or used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// A file operation failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A checkpoint that is not whole, or holds what none can.
    #[error("checkpoint {}: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What was expected and found.
        message: String,
    },
    /// A file of another kind.
    #[error("{}: expected a checkpoint of this project, found {found}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// Checkpoints of which none can be used.
    #[error("expected a usable checkpoint in {}, found only damaged ones: {found}", path.display())]
    NoneUsable {
        /// Their folder.
        path: PathBuf,
        /// What is wrong with each.
        found: String,
    },
}

impl CheckpointError {
    /// A [`CheckpointError::Invalid`] with its file.
    #[must_use]
    pub fn invalid(path: &Path, message: impl Into<String>) -> Self {
        Self::Invalid { path: path.to_owned(), message: message.into() }
    }
}

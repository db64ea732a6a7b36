//! Why tensors cannot be exchanged with PyTorch.

use std::path::{Path, PathBuf};

use seqjepa_nn::NnError;

/// Why tensors cannot be read from a file, put into a module, or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// A file cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried: `open`, `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{}: expected {expected}, found {found}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
        /// What was found instead.
        found: String,
    },
    /// No tensor of a checkpoint belongs to the module.
    #[error("no tensor fits: expected names as `{expected}`, found names as `{found}`")]
    NothingInCommon {
        /// A name of the module.
        expected: String,
        /// A name of the checkpoint, empty if it has no tensors.
        found: String,
    },
    /// A module refused named tensors, or a name would be written twice.
    #[error(transparent)]
    Nn(#[from] NnError),
}

impl ExchangeError {
    pub(super) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }

    pub(super) fn format(path: &Path, expected: &'static str, found: impl ToString) -> Self {
        Self::Format { path: path.to_owned(), expected, found: found.to_string() }
    }
}

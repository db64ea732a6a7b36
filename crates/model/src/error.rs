//! The crate's error type.

use std::path::{Path, PathBuf};

/// Why a model cannot be built, fed, loaded or saved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A configuration value is out of its range or contradicts another one.
    #[error("model configuration: {field} must be {expected}, found {found}")]
    Config {
        /// The field or combination of fields.
        field: &'static str,
        /// What is allowed.
        expected: String,
        /// What was given.
        found: String,
    },
    /// An input tensor has a shape that the model cannot take.
    #[error("model input `{input}`: expected shape {expected}, found {found:?}")]
    InputShape {
        /// The input tensor.
        input: &'static str,
        /// The expected shape, symbolic where it is free.
        expected: String,
        /// The shape found.
        found: Vec<usize>,
    },
    /// A module refused named tensors.
    #[error(transparent)]
    Nn(#[from] seqjepa_nn::NnError),
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
    /// No tensor of a checkpoint belongs to the model.
    #[error("no tensor fits: expected names as `{expected}`, found names as `{found}`")]
    NothingInCommon {
        /// A name of the model.
        expected: String,
        /// A name of the checkpoint, empty if it has no tensors.
        found: String,
    },
}

impl ModelError {
    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }

    pub(crate) fn format(path: &Path, expected: &'static str, found: impl ToString) -> Self {
        Self::Format { path: path.to_owned(), expected, found: found.to_string() }
    }
}

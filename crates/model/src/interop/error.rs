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
    /// A pickle that cannot be read.
    #[error("{}: {message}", path.display())]
    Pickle {
        /// The file.
        path: PathBuf,
        /// What was expected and found, and where.
        message: String,
    },
    /// No tensor of a checkpoint belongs to the module.
    #[error(
        "{}no tensor fits: expected names as {}, found {}",
        of(path),
        shown(expected),
        names_or_none(found)
    )]
    NothingInCommon {
        /// The file, where there is one.
        path: Option<PathBuf>,
        /// The first names of the module.
        expected: Vec<String>,
        /// The first names of the checkpoint; none if it has no tensors.
        found: Vec<String>,
    },
    /// A tensor of a file that does not fit the module.
    #[error("{}: {source}", path.display())]
    Tensor {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        source: NnError,
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

    /// The same error about tensors of this file.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        match self {
            Self::NothingInCommon { expected, found, .. } => {
                Self::NothingInCommon { path: Some(path.to_owned()), expected, found }
            }
            Self::Nn(source) => Self::Tensor { path: path.to_owned(), source },
            other => other,
        }
    }
}

fn of(path: &Option<PathBuf>) -> String {
    path.as_ref().map(|path| format!("{}: ", path.display())).unwrap_or_default()
}

fn shown(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn names_or_none(names: &[String]) -> String {
    if names.is_empty() { "no tensors".to_owned() } else { format!("names as {}", shown(names)) }
}

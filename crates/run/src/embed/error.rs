use std::path::{Path, PathBuf};

use seqjepa_train::observer::ObserverError;
use seqjepa_train::storage::StorageError;
use thiserror::Error;

use crate::config::ConfigError;

/// Images that cannot be embedded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EmbedError {
    /// A setting of the config that views cannot be made by.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An image that cannot be read, or a view that cannot be made of it.
    #[error(transparent)]
    Data(#[from] seqjepa_data::DataError),
    /// Views that the method does not take.
    #[error(transparent)]
    Model(#[from] seqjepa_model::ModelError),
    /// A method that does not give what is asked for.
    #[error("{method}: expected {expected}, found {found}")]
    Method {
        /// Its name.
        method: &'static str,
        /// What it takes.
        expected: String,
        /// What there is.
        found: String,
    },
    /// Images at a time.
    #[error("batch size: expected at least 1, found 0")]
    BatchSize,
    /// An output that no format is known for.
    #[error("output {found}: expected a path ending in .safetensors or .npy")]
    Output {
        /// The path.
        found: String,
    },
    /// A record that is not that of the features beside it.
    #[error("{}: expected {expected}, found {found}", path.display())]
    Record {
        /// The record.
        path: PathBuf,
        /// What it should be of.
        expected: String,
        /// What it is of.
        found: String,
    },
    /// A representation that is NaN or infinite.
    #[error("{name} of {image} holds {found}; expected finite numbers: is the checkpoint whole?")]
    NonFinite {
        /// The representation.
        name: &'static str,
        /// The image: its file, or its number from 0.
        image: String,
        /// The value.
        found: f32,
    },
    /// A file operation failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// An observer that could not go on.
    #[error(transparent)]
    Observer(#[from] ObserverError),
}

impl EmbedError {
    pub(super) fn record(path: &Path, expected: String, found: impl ToString) -> Self {
        Self::Record { path: path.to_owned(), expected, found: found.to_string() }
    }
}

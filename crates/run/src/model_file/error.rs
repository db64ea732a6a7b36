use std::path::PathBuf;

use seqjepa_train::checkpoint::CheckpointError;
use seqjepa_train::storage::StorageError;
use thiserror::Error;

use crate::config::ConfigError;
use crate::device::DeviceError;
use crate::folder::FolderError;

/// A file that no trained method can be had from.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelFileError {
    /// A checkpoint of this project that cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A file operation failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A folder without checkpoints.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A config that cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A device that cannot be had.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A model that cannot be built.
    #[error(transparent)]
    Model(#[from] seqjepa_model::ModelError),
    /// A model of another project without a config that describes it.
    #[error("{}: expected a checkpoint of this project, or a config beside it, found {found} alone", path.display())]
    NoConfig {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// A file of another format that cannot be read.
    #[error(transparent)]
    Exchange(#[from] seqjepa_model::ExchangeError),
    /// Tensors that do not fit the model.
    #[error("{}: {source}", path.display())]
    Tensors {
        /// The file.
        path: PathBuf,
        /// The first tensor that does not fit.
        source: seqjepa_nn::NnError,
    },
    /// A file that lacks tensors.
    #[error(
        "{}: expected every tensor {wanted}, found {} of them missing: {}",
        path.display(),
        names.len(),
        listed(names)
    )]
    Missing {
        /// The file.
        path: PathBuf,
        /// What the tensors are needed for.
        wanted: &'static str,
        /// Their names.
        names: Vec<String>,
    },
}

/// The first few names.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    if names.len() > SHOWN { format!("{shown}, ...") } else { shown }
}

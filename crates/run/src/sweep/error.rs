use std::path::PathBuf;

use seqjepa_train::storage::StorageError;
use thiserror::Error;

use crate::config::{ConfigDifference, ConfigError};
use crate::run::RunError;

/// A sweep that cannot be planned, with what was expected and what was found.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SweepError {
    /// A sweep file that cannot be read or used.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// A file operation failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A run of the sweep that cannot be.
    #[error("{run}: {}", error.to_string().replace("the override `", "the setting `"))]
    Run {
        /// The combination.
        run: String,
        /// What is wrong with it.
        error: Box<RunError>,
    },
    /// A run that was begun with another config than the sweep now has for it.
    #[error(
        "{run}: the run in {} was begun with other settings: expected the same values, found {}; give it another name in the sweep file, or remove \
         its folder",
        path.display(),
        differences.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    )]
    Changed {
        /// The combination.
        run: String,
        /// The run folder.
        path: PathBuf,
        /// The keys that differ, with both values.
        differences: Vec<ConfigDifference>,
    },
    /// A folder that is not a sweep's.
    #[error(
        "the sweep's folder {}: expected one that is free, or that of a sweep, which holds {}, found {found}",
        path.display(),
        super::SweepIndex::FILE_NAME
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is there.
        found: String,
    },
    /// An index that is none.
    #[error("{}: expected the index of a sweep, found {found}", path.display())]
    Index {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        found: String,
    },
}

impl SweepError {
    /// The error of one run.
    pub(super) fn of_run(run: &str, error: impl Into<RunError>) -> Self {
        Self::Run { run: run.to_owned(), error: Box::new(error.into()) }
    }
}

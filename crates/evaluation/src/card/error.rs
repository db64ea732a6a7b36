use std::path::PathBuf;

use seqjepa_train::storage::StorageError;
use thiserror::Error;

/// Why a result card cannot be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CardError {
    /// The file cannot be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The file is no result card, or a damaged one.
    #[error("{}: expected a result card, found {found}", path.display())]
    NoCard {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        found: String,
    },
    /// The card has a layout that this version does not know.
    #[error("{}: expected a result card of layout 1 to {newest}, found {found}", path.display())]
    Layout {
        /// The file.
        path: PathBuf,
        /// The newest layout that is known.
        newest: u32,
        /// That of the card.
        found: u32,
    },
}

use std::io;

use thiserror::Error;

/// What could not be written, read or taken.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrackingError {
    /// A file operation failed.
    #[error("could not {action} {path}: {source}")]
    Io {
        /// What was tried, as `write`.
        action: &'static str,
        /// The file, relative to the place that it is in.
        path: String,
        /// Why it failed.
        source: io::Error,
    },
    /// Bytes that are no picture.
    #[error("expected a PNG file of 1 to 2147483647 pixels a side, found {found}")]
    NotPng {
        /// What the bytes are.
        found: &'static str,
    },
    /// An id that cannot be one.
    #[error("expected a run id of 1 to 64 letters, digits, '-' and '_', found {found:?}")]
    RunId {
        /// The id, abridged.
        found: String,
    },
    /// A file that another program has written.
    #[error(
        "{path} is not a W&B log of version 0: expected the bytes {expected:02x?} at its start, found {found:02x?}"
    )]
    NotALog {
        /// The file.
        path: String,
        /// Its first bytes.
        expected: [u8; 7],
        /// Those found.
        found: Vec<u8>,
    },
    /// More than a record can hold.
    #[error("expected a record of at most {most} bytes, found {found}")]
    TooLong {
        /// The limit.
        most: usize,
        /// What was to be written.
        found: usize,
    },
}

impl TrackingError {
    pub(crate) fn io(action: &'static str, path: &str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}

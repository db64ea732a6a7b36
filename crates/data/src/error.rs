//! The crate's error type.

use std::io;
use std::path::{Path, PathBuf};

use crate::action::ActionError;
use crate::augment::AugmentError;

/// Everything that can go wrong between bytes on disk and a batch of views.
///
/// Every variant says where it happened, what was expected and what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file or folder that the data set needs is not there.
    #[error("{}: not found; expected {expected}", path.display())]
    Missing {
        /// The path that was looked for.
        path: PathBuf,
        /// What should have been there.
        expected: String,
    },

    /// What is there is no folder.
    #[error("{}: expected {expected}, found a file", path.display())]
    NotFolder {
        /// The path.
        path: PathBuf,
        /// What should have been there.
        expected: String,
    },

    /// What is there is no regular file: reading a pipe or a device may never end.
    #[error("{}: expected {expected}, a regular file; found a folder, a pipe, a socket or a device", path.display())]
    NotRegular {
        /// The path.
        path: PathBuf,
        /// What should have been there.
        expected: String,
    },

    /// The operating system refused to read or write.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was being done, as a verb phrase: `"read"`, `"create folder"`.
        action: &'static str,
        /// The operating system's reason.
        source: io::Error,
    },

    /// A file has a length that its format does not allow.
    #[error("{}: wrong file size: expected {expected}, found {found} bytes", path.display())]
    FileSize {
        /// The file.
        path: PathBuf,
        /// The allowed length, in words.
        expected: String,
        /// The file's length in bytes.
        found: u64,
    },

    /// A file ends before the data that its header or format promises.
    #[error("{}: truncated: expected {expected} bytes from byte offset {offset}, found {found}", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Where the incomplete part starts, in bytes (after decompression for a gzip file).
        offset: u64,
        /// Bytes promised from there on.
        expected: u64,
        /// Bytes present from there on.
        found: u64,
    },

    /// A field of a file holds a value that its format does not allow.
    #[error("{}: bad {field} at byte offset {offset}: expected {expected}, found {found}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where the field is, in bytes (after decompression for a gzip file).
        offset: u64,
        /// The field's name: `"magic number"`, `"label"`.
        field: &'static str,
        /// The allowed values.
        expected: String,
        /// The value in the file.
        found: String,
    },

    /// A picture file is cut short or corrupt.
    #[error("{}: damaged image: expected a whole picture, found {found} at byte offset {offset}", path.display())]
    DamagedImage {
        /// The image file.
        path: PathBuf,
        /// Where it was noticed, in bytes.
        offset: u64,
        /// What is wrong with it.
        found: String,
    },

    /// A file is no picture, or one of a kind that is not read.
    #[error("{}: cannot decode image: expected {expected}, found {found}", path.display())]
    UnsupportedImage {
        /// The image file.
        path: PathBuf,
        /// What is read.
        expected: String,
        /// What the file is.
        found: String,
    },

    /// Data would need more memory than the limit, or than the machine has.
    #[error("{}: too large: limit {limit} bytes, found {found} bytes", origin.display())]
    TooLarge {
        /// The file or folder that asks for the memory.
        origin: PathBuf,
        /// Bytes allowed.
        limit: u64,
        /// Bytes asked for.
        found: u64,
    },

    /// An argument or setting is outside its range.
    #[error("invalid {name}: expected {expected}, found {found}")]
    InvalidArgument {
        /// The argument's or field's name.
        name: &'static str,
        /// The allowed values.
        expected: String,
        /// The value given.
        found: String,
    },

    /// A policy, a normalisation or the parameters of a view are wrong.
    #[error(transparent)]
    Augment(#[from] AugmentError),

    /// An action space or its normalisation is wrong.
    #[error(transparent)]
    Action(#[from] ActionError),

    /// A view could not be made.
    #[error("image {sample} of the data set: {source}")]
    View {
        /// Index of the source image in its data set.
        sample: u32,
        /// What was wrong.
        source: AugmentError,
    },

    /// The parameters that a source recorded for a sequence are not actions of its space.
    #[error("sample {sample} of the data set: {source}")]
    SampleActions {
        /// Index of the sample in its data set.
        sample: u32,
        /// What was wrong.
        source: ActionError,
    },

    /// A server could not be reached or did not send a whole file (feature `download`).
    #[error("cannot download {url}: {reason} (attempts without progress: {attempts})")]
    Download {
        /// The file's address.
        url: String,
        /// Attempts made since the last new byte.
        attempts: u32,
        /// Why the last one failed.
        reason: String,
    },

    /// A server refused a download for good (feature `download`).
    #[error("cannot download {url}: expected HTTP status 200 or 206, found {status}")]
    HttpStatus {
        /// The file's address.
        url: String,
        /// The status.
        status: u16,
    },

    /// A file's content is not the expected one (feature `download`).
    #[error("{}: wrong MD5: expected {expected}, found {found}", path.display())]
    Checksum {
        /// The file.
        path: PathBuf,
        /// The MD5 that it should have, hexadecimal.
        expected: String,
        /// The MD5 of what it holds, hexadecimal.
        found: String,
    },

    /// An archive holds an entry that must not be extracted (feature `download`).
    #[error("{}: refused to extract `{}`: {reason}", archive.display(), entry.display())]
    UnsafeArchive {
        /// The archive.
        archive: PathBuf,
        /// The entry's path in the archive.
        entry: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// Another process is writing the same file (feature `download`).
    #[error("{}: expected to be the only writer, found that another process is downloading it", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },

    /// Whoever watches a download has ended it (feature `download`).
    #[error("{}: the download was ended after {received} bytes; another goes on from there", path.display())]
    Stopped {
        /// The file.
        path: PathBuf,
        /// Bytes of it that are there.
        received: u64,
    },

    /// The system gave no thread.
    #[error("cannot start the loader's threads: {reason}")]
    Threads {
        /// The system's reason.
        reason: String,
    },
}

impl DataError {
    /// An [`io::Error`] at `path`.
    pub(crate) fn io(path: &Path, action: &'static str, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), action, source }
    }

    pub(crate) fn missing(path: &Path, expected: impl Into<String>) -> Self {
        Self::Missing { path: path.to_owned(), expected: expected.into() }
    }

    /// Where there should be a folder, and is a file or nothing.
    pub(crate) fn no_folder(path: &Path, expected: &str) -> Self {
        match path.exists() {
            true => Self::NotFolder { path: path.to_owned(), expected: expected.to_owned() },
            false => Self::missing(path, expected),
        }
    }

    pub(crate) fn invalid(name: &'static str, expected: impl Into<String>, found: impl ToString) -> Self {
        Self::InvalidArgument { name, expected: expected.into(), found: found.to_string() }
    }

    pub(crate) fn malformed(
        path: &Path,
        offset: u64,
        field: &'static str,
        expected: impl Into<String>,
        found: impl ToString,
    ) -> Self {
        Self::Malformed {
            path: path.to_owned(),
            offset,
            field,
            expected: expected.into(),
            found: found.to_string(),
        }
    }
}

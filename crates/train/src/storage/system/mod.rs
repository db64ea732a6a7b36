//! What the storage needs of the operating system: a folder that is held open, and what is done in it by name.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(super) use unix::{Handle, Identity, file_identity, names_of};

#[cfg(not(unix))]
mod portable;
#[cfg(not(unix))]
pub(super) use portable::{Handle, Identity, file_identity, names_of};

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// To read.
    Read,
    /// To read and write; made if it is not there.
    Update,
}

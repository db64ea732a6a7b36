//! The folder that holds everything a run produced, who is at work on it, and how it is doing.

mod error;
pub(crate) mod lock;
pub(crate) mod run_folder;
pub mod status;

pub use error::FolderError;
pub(crate) use lock::RunLock;
pub use run_folder::RunFolder;

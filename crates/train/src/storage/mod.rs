//! Writing files so that none is ever left half-written, into the folder that is meant: every write of a run goes through here.

mod atomic;
mod error;
mod folder;
mod lines;
mod nesting;
mod new_file;
mod system;
mod words;

pub use atomic::{folder_of, make_folder, write_atomically};
pub use error::StorageError;
pub use folder::Folder;
pub use lines::Lines;
pub use nesting::check_nesting;
pub use new_file::NewFile;
pub use words::{COUNT, abridged, expected_and_found, json_value, read_json, yaml_words};

#[cfg(feature = "fault-injection")]
pub mod fault;
#[cfg(not(feature = "fault-injection"))]
mod fault {
    /// Where tests let a write fail; nothing here.
    pub fn reach(_: &'static str, _: &std::path::Path) -> std::io::Result<()> {
        Ok(())
    }
}

#[doc(hidden)]
pub use fault::reach;

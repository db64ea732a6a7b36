//! Writing files so that none is ever left half-written: every write of a run goes through here.

mod atomic;
mod error;
mod lines;
mod nesting;

pub use atomic::{
    folder_of, make_folder, remove, remove_leftovers, share, sync_folder, temporary, write_atomically,
    write_unsynced,
};
pub use error::StorageError;
pub use lines::Lines;
pub use nesting::check_nesting;

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

//! Lets tests fail or stop any write of a run at any stage (feature `fault-injection`).

use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

type Hook = Box<dyn FnMut(&'static str, &Path) -> io::Result<()> + Send>;

static HOOK: Mutex<Option<Hook>> = Mutex::new(None);

/// Calls `hook` before every stage of every write of this process, with what is about to be done (`create`, `write`,
/// `write the rest of`, `sync`, `rename`, ...) and the file that it is for; an error takes the place of the operation.
pub fn install(hook: impl FnMut(&'static str, &Path) -> io::Result<()> + Send + 'static) {
    *HOOK.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(hook));
}

/// Goes back to writes without a hook.
pub fn remove() {
    *HOOK.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

#[doc(hidden)]
pub fn reach(operation: &'static str, path: &Path) -> io::Result<()> {
    match HOOK.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
        Some(hook) => hook(operation, path),
        None => Ok(()),
    }
}

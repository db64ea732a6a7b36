//! The folder with this process's own database.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use seqjepa_nn::kernel_store;

/// What its name begins with, in the folder of the cache.
const PREFIX: &str = "working-";

/// In the cache's folder, held while a folder is made or leftovers are removed; in a working folder, held while its process lives.
const LOCK: &str = "lock";

/// That of this process, once there is one, and its lock. It stays for all runs of the process: for every other one CubeCL would forget
/// what it has, and leave its kernels on the card.
static WORKING: Mutex<Option<(PathBuf, File)>> = Mutex::new(None);

/// The folder with the database of this process: that there is, or else one made in `cache`, of which processes that have ended have left
/// theirs, which goes.
///
/// # Errors
///
/// What the file system failed of.
pub(super) fn working(cache: &Path) -> io::Result<PathBuf> {
    let mut working = WORKING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((folder, _)) = &*working {
        return Ok(folder.clone());
    }
    let making = File::create(cache.join(LOCK))?;
    making.lock()?;
    remove_leftovers(cache)?;
    let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(cache)?.keep();
    let held = File::create(folder.join(LOCK))?;
    held.lock()?;
    kernel_store::keep_in(&folder);
    *working = Some((folder.clone(), held));
    Ok(folder)
}

/// Removes what processes have left that hold it no more.
fn remove_leftovers(cache: &Path) -> io::Result<()> {
    for entry in fs::read_dir(cache)? {
        let entry = entry?;
        let left = entry.file_name().as_encoded_bytes().starts_with(OsStr::new(PREFIX).as_encoded_bytes());
        if !left || !entry.file_type()?.is_dir() {
            continue;
        }
        let lock = File::options().write(true).open(entry.path().join(LOCK));
        // Without a lock it was never begun.
        if lock.is_ok_and(|lock| lock.try_lock().is_err()) {
            continue;
        }
        if let Err(error) = fs::remove_dir_all(entry.path()) {
            tracing::warn!(
                "{}, left by a process that has ended, was not removed: {error}",
                entry.path().display()
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_processes_have_left_goes_and_what_they_hold_stays() {
        let cache = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let folder = cache.path().join(name);
            fs::create_dir(&folder).unwrap();
            folder
        };
        let [held, left, begun, other] =
            ["working-held", "working-left", "working-begun", "mine"].map(folder);
        let lock = File::create(held.join(LOCK)).unwrap();
        lock.lock().unwrap();
        File::create(left.join(LOCK)).unwrap();
        fs::write(left.join("default.db"), "kernels").unwrap();
        fs::write(cache.path().join("working-notes.txt"), "a file").unwrap();
        remove_leftovers(cache.path()).unwrap();
        let there = [&held, &left, &begun, &other].map(|folder| folder.exists());
        assert_eq!(there, [true, false, false, true]);
        assert!(cache.path().join("working-notes.txt").exists());
    }
}

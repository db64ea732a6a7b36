//! One process at a time in a run folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use seqjepa_train::storage::StorageError;

use super::error::FolderError;

/// How often, and how far apart, a lock is tried: a process that only looks at a run holds it for an instant.
const ATTEMPTS: (u32, Duration) = (5, Duration::from_millis(40));

/// Holds a run folder for this process until it is dropped.
///
/// The lock is the operating system's (`flock` on Unix), on the file `lock` in the folder. It ends with the process,
/// however that ends, so that a lock file without a process behind it holds nobody up.
#[derive(Debug)]
pub(crate) struct RunLock {
    _file: File,
}

impl RunLock {
    /// Takes the folder `root` by its lock file; `status` is where its holder writes who it is.
    ///
    /// # Errors
    ///
    /// [`FolderError::Locked`] if another process holds it.
    pub(crate) fn take(path: &Path, root: &Path, status: &Path) -> Result<Self, FolderError> {
        let fail = |source| StorageError::new("lock", path, source);
        let file = OpenOptions::new().create(true).write(true).truncate(false).open(path).map_err(fail)?;
        for attempt in 1.. {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if attempt < ATTEMPTS.0 => sleep(ATTEMPTS.1),
                Err(TryLockError::WouldBlock) => {
                    return Err(FolderError::Locked { path: root.to_owned(), process: holder(status) });
                }
                Err(TryLockError::Error(source)) if source.kind() == std::io::ErrorKind::Unsupported => {
                    tracing::warn!("{} is on a file system without locks", path.display());
                    break;
                }
                Err(TryLockError::Error(source)) => return Err(fail(source).into()),
            }
        }
        Ok(Self { _file: file })
    }
}

/// The process that a status file names.
fn holder(status: &Path) -> Option<u32> {
    let status: serde_json::Value = serde_json::from_slice(&std::fs::read(status).ok()?).ok()?;
    status["pid"].as_u64()?.try_into().ok()
}

/// Whether a process holds the folder of that lock file.
pub(crate) fn is_held(lock_file: &Path) -> bool {
    // Dropping the file gives the lock back.
    File::open(lock_file).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_held_once_and_free_again() {
        let scratch = tempfile::tempdir().unwrap();
        let [file, status] = ["lock", "status.json"].map(|name| scratch.path().join(name));
        let take = || RunLock::take(&file, scratch.path(), &status);
        assert!(!is_held(&file));
        let lock = take().unwrap();
        assert!(is_held(&file));
        std::fs::write(&status, r#"{"pid": 77}"#).unwrap();
        let message = take().unwrap_err().to_string();
        assert!(message.contains("another process (process 77)"), "{message}");
        drop(lock);
        // The file stays and holds nobody up.
        assert!(file.exists() && !is_held(&file));
        take().unwrap();
    }
}

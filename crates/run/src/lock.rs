//! One process at a time in a run folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use crate::TrainError;
use crate::run_folder::RunFolder;
use crate::status::Status;

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
    /// Takes the folder.
    ///
    /// # Errors
    ///
    /// [`TrainError::RunFolderLocked`] if another process holds it.
    pub(crate) fn take(folder: &RunFolder) -> Result<Self, TrainError> {
        let path = folder.lock_file();
        let fail = |source| TrainError::io("lock", &path, source);
        let file = OpenOptions::new().create(true).write(true).truncate(false).open(&path).map_err(fail)?;
        for attempt in 1.. {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if attempt < ATTEMPTS.0 => sleep(ATTEMPTS.1),
                Err(TryLockError::WouldBlock) => {
                    let process = Status::read(&folder.status()).ok().map(|status| status.pid);
                    return Err(TrainError::RunFolderLocked { path: folder.root().to_owned(), process });
                }
                Err(TryLockError::Error(source)) if source.kind() == std::io::ErrorKind::Unsupported => {
                    tracing::warn!("{} is on a file system without locks", path.display());
                    break;
                }
                Err(TryLockError::Error(source)) => return Err(fail(source)),
            }
        }
        Ok(Self { _file: file })
    }
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
        let folder = RunFolder::at(scratch.path());
        assert!(!is_held(&folder.lock_file()));
        let lock = RunLock::take(&folder).unwrap();
        assert!(is_held(&folder.lock_file()));
        let message = RunLock::take(&folder).unwrap_err().to_string();
        assert!(message.contains("another process"), "{message}");
        drop(lock);
        // The file stays and holds nobody up.
        assert!(folder.lock_file().exists() && !is_held(&folder.lock_file()));
        RunLock::take(&folder).unwrap();
    }
}

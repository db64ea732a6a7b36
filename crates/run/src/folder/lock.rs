//! One process at a time in a run folder.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use seqjepa_train::storage::{Folder, StorageError};

use super::error::FolderError;
use super::status::Status;

/// How often, and how far apart, a lock is tried: a process that only looks at a run holds it for an instant.
const ATTEMPTS: (u32, Duration) = (5, Duration::from_millis(40));

/// Holds a run folder for this process until it is dropped.
///
/// The lock is the operating system's (`flock` on Unix), on the file `lock` in the folder, and where the system has locks for
/// folders on the folder itself, from which no deleted or replaced file takes it away. It ends with the process, however that
/// ends, so that a lock file without a process behind it holds nobody up.
#[derive(Debug)]
pub(crate) struct RunLock {
    /// Everything is written through it; it is open, and locked, for as long as the lock is held.
    root: Folder,
    _file: File,
}

const LOCK: &str = "lock";

impl RunLock {
    /// Takes the folder, which is made where it is not there.
    ///
    /// # Errors
    ///
    /// [`FolderError::Locked`] if another process holds it.
    pub(crate) fn take(path: &Path) -> Result<Self, FolderError> {
        let root = Folder::at(path);
        root.make()?;
        let fail = |source| StorageError::new("lock", &path.join(LOCK), source);
        let file = root.open_to_update(LOCK)?;
        for attempt in 1.. {
            let folder = root.as_file().map_or(Ok(()), File::try_lock);
            match (file.try_lock(), folder) {
                (Err(TryLockError::WouldBlock), _) | (_, Err(TryLockError::WouldBlock)) => {
                    // Of two processes neither keeps half of it.
                    let _ = (file.unlock(), root.as_file().map(File::unlock));
                    if attempt == ATTEMPTS.0 {
                        let process = Status::read_in(&root).ok().map(|status| status.pid);
                        return Err(FolderError::Locked { path: path.to_owned(), process });
                    }
                    sleep(ATTEMPTS.1);
                }
                // The file alone will do.
                (Ok(()), _) => break,
                (Err(TryLockError::Error(source)), _) if source.kind() == std::io::ErrorKind::Unsupported => {
                    tracing::warn!("{} is on a file system without locks", path.display());
                    break;
                }
                (Err(TryLockError::Error(source)), _) => return Err(fail(source).into()),
            }
        }
        Ok(Self { root, _file: file })
    }

    /// The folder that is held.
    pub(crate) fn folder(&self) -> &Folder {
        &self.root
    }
}

/// Whether a process holds a folder.
pub(crate) fn is_held(root: &Folder) -> bool {
    // Dropping a file gives its lock back.
    let held = |file: &File| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
    let by_file = root.open(LOCK, u64::MAX).is_ok_and(|file| held(&file));
    by_file || root.as_file().is_some_and(held)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_held_once_and_free_again() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("lock");
        let take = || RunLock::take(scratch.path());
        let is_held = || is_held(&Folder::at(scratch.path()));
        assert!(!is_held());
        let lock = take().unwrap();
        assert!(is_held());
        let message = take().unwrap_err().to_string();
        assert!(message.contains("in use by another process"), "{message}");
        #[cfg(target_os = "linux")]
        {
            // Nor does it help to take its lock file away.
            std::fs::remove_file(&file).unwrap();
            assert!(take().is_err() && is_held());
        }
        drop(lock);
        // The file stays and holds nobody up.
        assert!(file.exists() && !is_held());
        take().unwrap();
    }

    /// Moved, the folder is still held.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_lock_moves_with_its_folder() {
        let scratch = tempfile::tempdir().unwrap();
        let [here, there] = ["here", "there"].map(|name| scratch.path().join(name));
        let lock = RunLock::take(&here).unwrap();
        std::fs::rename(&here, &there).unwrap();
        assert!(RunLock::take(&there).is_err() && is_held(&Folder::at(&there)));
        assert!(lock.folder().check().unwrap_err().to_string().contains("/there"));
        drop(lock);
        RunLock::take(&there).unwrap();
    }
}

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::Path;

use super::error::StorageError;
use super::fault::reach;

/// How the names of files that are being written begin.
const PREFIX: &str = ".writing-";

/// Writes a file under a temporary name in its folder, syncs it, and renames it: readers see the old file or the new one.
///
/// # Errors
///
/// [`StorageError`]; the file of that name is then what it was before.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), StorageError> {
    replace(path, bytes, true)
}

/// The same without waiting for the disk: for what is of no use after a crash of the machine.
pub fn write_unsynced(path: &Path, bytes: &[u8]) -> Result<(), StorageError> {
    replace(path, bytes, false)
}

fn replace(path: &Path, bytes: &[u8], sync: bool) -> Result<(), StorageError> {
    let folder = folder_of(path);
    make_folder(folder)?;
    let fail = |source| StorageError::new("write", path, source);
    reach("create", path).map_err(fail)?;
    let mut file = temporary().tempfile_in(folder).map_err(fail)?;
    // Temporary files are private by default; what a run leaves is as readable as any other file.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o644)).map_err(fail)?;
    }
    write_through(file.as_file_mut(), path, bytes).map_err(fail)?;
    if sync {
        reach("sync", path).map_err(fail)?;
        file.as_file().sync_all().map_err(fail)?;
    }
    reach("rename", path).map_err(fail)?;
    file.persist(path).map_err(|error| fail(error.error))?;
    if sync { sync_folder(folder, path) } else { Ok(()) }
}

/// Gives a file a second name, atomically: a hard link, or a copy where the file system has none.
pub fn share(from: &Path, to: &Path) -> Result<(), StorageError> {
    let fail = |source| StorageError::new("write", to, source);
    let folder = folder_of(to);
    reach("link", to).map_err(fail)?;
    let Ok(link) = temporary().make_in(folder, |path| fs::hard_link(from, path)) else {
        let bytes = fs::read(from).map_err(|source| StorageError::new("read", from, source))?;
        return write_atomically(to, &bytes);
    };
    let leftover = link.path().to_owned();
    reach("rename", to).map_err(fail)?;
    link.persist(to).map_err(|error| fail(error.error))?;
    // Renaming one name of a file over another of the same file leaves both.
    let _ = fs::remove_file(leftover);
    sync_folder(folder, to)
}

/// Removes a file that is no longer needed.
pub fn remove(path: &Path) -> Result<(), StorageError> {
    let fail = |source| StorageError::new("remove", path, source);
    reach("remove", path).map_err(fail)?;
    fs::remove_file(path).map_err(fail)
}

/// Removes the temporary files that a killed process left in a folder. Only the holder of the run's lock may do so; what
/// another process writes there for long, as the features of an evaluation, that process has locked.
pub fn remove_leftovers(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let held =
            || File::open(&path).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
        if entry.file_name().to_string_lossy().starts_with(PREFIX) && !held() {
            // What cannot be removed is only litter.
            let _ = fs::remove_file(path);
        }
    }
}

/// Makes a folder and its parents, durably.
///
/// # Errors
///
/// [`StorageError`].
pub fn make_folder(path: &Path) -> Result<(), StorageError> {
    let fail = |source| StorageError::new("create the folder", path, source);
    reach("folder", path).map_err(fail)?;
    let absent: Vec<_> =
        path.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists()).collect();
    fs::create_dir_all(path).map_err(fail)?;
    absent.into_iter().try_for_each(|folder| sync_folder(folder_of(folder), folder))
}

/// The folder of a file; of a bare name, the current one.
#[must_use]
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Names of temporary files, by which [`remove_leftovers`] knows them.
#[must_use]
pub fn temporary() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(".tmp");
    builder
}

/// Makes a rename in a folder durable.
#[cfg_attr(not(unix), expect(unused_variables, reason = "only Unix can sync a folder"))]
pub fn sync_folder(folder: &Path, path: &Path) -> Result<(), StorageError> {
    let fail = |source| StorageError::new("sync the folder of", path, source);
    reach("sync the folder", path).map_err(fail)?;
    #[cfg(unix)]
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(fail)?;
    Ok(())
}

#[cfg(not(feature = "fault-injection"))]
pub(super) fn write_through(file: &mut File, _: &Path, bytes: &[u8]) -> std::io::Result<()> {
    file.write_all(bytes)
}

/// Writes in two halves, so that tests can stop in the middle.
#[cfg(feature = "fault-injection")]
pub(super) fn write_through(file: &mut File, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let (first, second) = bytes.split_at(bytes.len() / 2);
    reach("write", path)?;
    file.write_all(first)?;
    reach("write the rest of", path)?;
    file.write_all(second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_other() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("file");
        write_atomically(&path, b"old").unwrap();
        // A folder in the place of the file makes the rename fail.
        let blocked = scratch.path().join("blocked");
        fs::create_dir(&blocked).unwrap();
        assert!(write_atomically(&blocked, b"new").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_shared_file_keeps_its_content_when_the_first_name_is_written_anew() {
        let scratch = tempfile::tempdir().unwrap();
        let [first, second] = ["first", "second"].map(|name| scratch.path().join(name));
        write_atomically(&first, b"one").unwrap();
        share(&first, &second).unwrap();
        // Once more over itself: one file under two names.
        share(&first, &second).unwrap();
        write_atomically(&first, b"two").unwrap();
        assert_eq!((fs::read(&first).unwrap(), fs::read(&second).unwrap()), (b"two".into(), b"one".into()));
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 2);
    }

    #[test]
    fn leftovers_are_removed_and_nothing_else() {
        let scratch = tempfile::tempdir().unwrap();
        for name in [".writing-abc.tmp", "config.yaml", ".hidden"] {
            fs::write(scratch.path().join(name), "").unwrap();
        }
        let written = scratch.path().join(".writing-long.tmp");
        let file = File::create(&written).unwrap();
        file.try_lock().unwrap();
        remove_leftovers(scratch.path());
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 3);
        // Its process has ended.
        drop(file);
        remove_leftovers(scratch.path());
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 2);
    }
}

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use super::error::StorageError;
use super::fault::reach;
use super::folder::Folder;

/// Writes a file whole or not at all, as [`Folder::write`] does: readers see the old file or the new one.
///
/// # Errors
///
/// [`StorageError`]; the file of that name is then what it was before.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), StorageError> {
    match path.file_name() {
        Some(name) => Folder::at(folder_of(path)).write(name, bytes),
        None => Err(StorageError::new("write", path, std::io::ErrorKind::IsADirectory.into())),
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

/// Makes a new name in a folder durable.
#[cfg_attr(not(unix), expect(unused_variables, reason = "only Unix can sync a folder"))]
fn sync_folder(folder: &Path, path: &Path) -> Result<(), StorageError> {
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
        // A folder in the place of the file.
        let blocked = scratch.path().join("blocked");
        fs::create_dir(&blocked).unwrap();
        assert!(write_atomically(&blocked, b"new").is_err());
        assert!(write_atomically(Path::new("/"), b"new").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 2);
    }
}

use std::fs::File;
use std::io;

use seqjepa_tracking::Place;
use seqjepa_train::storage::{Folder, StorageError};

/// A folder in which no link is followed, and nothing left half-written.
#[derive(Debug, Clone)]
pub(super) struct StoredFolder(pub Folder);

impl StoredFolder {
    /// The folder that a path leads to, and the name of the file in it.
    fn split<'p>(&self, path: &'p str) -> (Folder, &'p str) {
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        let folders = folders.split('/').filter(|name| !name.is_empty());
        (folders.fold(self.0.clone(), |folder, name| folder.below(name)), name)
    }
}

/// The path is in the message of whoever asked.
fn cause(error: StorageError) -> io::Error {
    error.source
}

impl Place for StoredFolder {
    fn open(&self, path: &str) -> io::Result<File> {
        let (folder, name) = self.split(path);
        folder.make().map_err(cause)?;
        let file = folder.open_to_update(name).map_err(cause)?;
        if names_of(&file)? <= 1 {
            return Ok(file);
        }
        // Another name of it is another's (`cp -al`): what is written here must not appear there.
        let mut own = folder.create(name).map_err(cause)?;
        io::copy(&mut &file, own.as_file_mut())?;
        own.publish(false).map_err(cause)?;
        folder.open_to_update(name).map_err(cause)
    }

    fn replace(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let (folder, name) = self.split(path);
        folder.make().map_err(cause)?;
        folder.write_unsynced(name, bytes).map_err(cause)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let (folder, name) = self.split(path);
        if folder.contains(name) { folder.remove(name).map_err(cause) } else { Ok(()) }
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let names = self.0.names().map_err(cause)?;
        Ok(names.into_iter().map(|name| name.to_string_lossy().into_owned()).collect())
    }
}

#[cfg(unix)]
fn names_of(file: &File) -> io::Result<u64> {
    Ok(std::os::unix::fs::MetadataExt::nlink(&file.metadata()?))
}

#[cfg(not(unix))]
fn names_of(_: &File) -> io::Result<u64> {
    Ok(1)
}

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::error::StorageError;
use super::fault::reach;
use super::folder::Folder;

/// How the names of files that are being written begin.
pub(super) const PREFIX: &str = ".writing-";

/// A file that is being written and has not its name yet. Where the system can, it has none at all, and nothing is left of it
/// should the process be killed; else a temporary one, locked, so that others know it is not left over.
#[derive(Debug)]
pub struct NewFile {
    folder: Folder,
    name: OsString,
    path: PathBuf,
    /// `None` once the file has its name.
    file: Option<File>,
    temporary: Option<OsString>,
}

impl NewFile {
    pub(super) fn create(folder: &Folder, name: &OsStr) -> io::Result<Self> {
        let handle = folder.handle()?;
        let (file, temporary) = match handle.create_nameless() {
            Ok(file) => (file, None),
            Err(_) => loop {
                let temporary = temporary_name();
                match handle.create_new(&temporary) {
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                    created => break (created?, Some(temporary)),
                }
            },
        };
        // A file system without locks has to do without.
        let _ = file.try_lock();
        let (folder, name, path) = (folder.clone(), name.to_owned(), folder.path().join(name));
        Ok(Self { folder, name, path, file: Some(file), temporary })
    }

    /// The path that it will have.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file, to be written to.
    ///
    /// # Panics
    ///
    /// Never: the file is there until it is published.
    #[must_use]
    pub fn as_file_mut(&mut self) -> &mut File {
        self.file.as_mut().expect("the file is there until it is published")
    }

    /// Gives the file its name; with `sync` once its content is on the disk, and durably. Returns it, still open.
    ///
    /// # Errors
    ///
    /// [`StorageError`]; the file of that name is then what it was before.
    pub fn publish(self, sync: bool) -> Result<File, StorageError> {
        self.folder.check()?;
        self.publish_where_it_is(sync)
    }

    /// The same wherever the folder is now.
    pub(super) fn publish_where_it_is(mut self, sync: bool) -> Result<File, StorageError> {
        let path = self.path.clone();
        let fail = |source| StorageError::new("write", &path, source);
        if sync {
            let synced = reach("sync", &path).and_then(|()| self.as_file_mut().sync_all());
            synced.map_err(fail)?;
        }
        let named = reach("rename", &path).and_then(|()| self.take_name());
        named.map_err(fail)?;
        if sync {
            self.folder.sync(&path)?;
        }
        let file = self.file.take().expect("the file is there until it is published");
        let _ = file.unlock();
        Ok(file)
    }

    fn take_name(&mut self) -> io::Result<()> {
        let folder = self.folder.clone();
        let handle = folder.handle()?;
        let temporary = match &self.temporary {
            Some(temporary) => temporary.clone(),
            None => {
                let temporary = temporary_name();
                // Only a rename takes the place of another file.
                if handle.name_file(self.as_file_mut(), &temporary).is_err() {
                    self.copy_to(&temporary)?;
                }
                self.temporary = Some(temporary.clone());
                temporary
            }
        };
        handle.rename(&temporary, &self.name)?;
        self.temporary = None;
        Ok(())
    }

    /// For systems where a file without a name cannot get one.
    fn copy_to(&mut self, temporary: &OsStr) -> io::Result<()> {
        let mut copy = self.folder.handle()?.create_new(temporary)?;
        self.temporary = Some(temporary.to_owned());
        let file = self.as_file_mut();
        file.seek(SeekFrom::Start(0))?;
        io::copy(file, &mut copy)?;
        copy.sync_all()
    }

    /// Leaves the file without a name for as long as it is open.
    #[must_use]
    pub fn into_nameless(mut self) -> File {
        self.file.take().expect("the file is there until it is published")
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let (Some(temporary), Ok(handle)) = (&self.temporary, self.folder.handle()) {
            // What cannot be removed is only litter.
            let _ = handle.remove(temporary);
        }
    }
}

/// A name that no other file has.
pub(super) fn temporary_name() -> OsString {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
    format!("{PREFIX}{:x}-{count:x}-{now:x}.tmp", std::process::id()).into()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn a_file_that_cannot_be_named_is_copied() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = Folder::at(scratch.path());
        let mut file = folder.create("file").unwrap();
        file.as_file_mut().write_all(b"content").unwrap();
        file.copy_to(OsStr::new(".writing-copy.tmp")).unwrap();
        assert_eq!(std::fs::read(scratch.path().join(".writing-copy.tmp")).unwrap(), b"content");
        let mut file = file.publish(true).unwrap();
        assert_eq!(folder.names().unwrap(), ["file"]);
        let mut read = String::new();
        file.seek(SeekFrom::Start(0)).unwrap();
        file.read_to_string(&mut read).unwrap();
        assert_eq!((read.as_str(), folder.read("file", 100).unwrap()), ("content", b"content".to_vec()));
    }

    /// What the system allows is used: nothing is there that a kill could leave behind.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_is_being_written_has_no_name_or_a_temporary_one() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = Folder::at(scratch.path());
        let file = folder.create("file").unwrap();
        for name in folder.names().unwrap() {
            assert!(name.to_string_lossy().starts_with(PREFIX), "{name:?}");
        }
        drop(file);
        assert!(folder.names().unwrap().is_empty());
    }
}

use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use seqjepa_data::regular;

use super::atomic::{make_folder, write_through};
use super::error::StorageError;
use super::fault::reach;
use super::new_file::{NewFile, PREFIX, temporary_name};
use super::system::{Access, Handle, Identity};

/// A folder that is held open from its first use.
///
/// What is written through it goes to the folder that was opened, and only for as long as its path leads there: once the folder
/// is moved, replaced or deleted, every write is an error that says where it is now. Links in it are not followed, for reading
/// or for writing: a folder that somebody else has made reaches nothing outside itself. The path that leads to it may hold
/// links. Clones are the same folder.
#[derive(Debug, Clone)]
pub struct Folder(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// The folder that this one is in and its name there, of one that is reached through another.
    parent: Option<(Folder, OsString)>,
    handle: OnceLock<Handle>,
}

impl Folder {
    /// The folder of that path, which need not exist yet.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        Self(Arc::new(Inner { path: path.to_owned(), parent: None, handle: OnceLock::new() }))
    }

    /// The folder `name` in this one, which need not exist yet.
    #[must_use]
    pub fn below(&self, name: impl AsRef<OsStr>) -> Self {
        let name = name.as_ref();
        let parent = Some((self.clone(), name.to_owned()));
        Self(Arc::new(Inner { path: self.0.path.join(name), parent, handle: OnceLock::new() }))
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Makes the folder and its parents, durably, where they are not there.
    ///
    /// # Errors
    ///
    /// [`StorageError`]; also for a link in the place of a folder that is reached through another.
    pub fn make(&self) -> Result<(), StorageError> {
        self.made().map(|_| ())
    }

    fn made(&self) -> Result<&Handle, StorageError> {
        if let Some(handle) = self.0.handle.get() {
            return Ok(handle);
        }
        let fail = |source| StorageError::new("create the folder", self.path(), source);
        match &self.0.parent {
            None => make_folder(self.path())?,
            Some((parent, name)) => {
                let parent = parent.made()?;
                reach("folder", self.path()).map_err(fail)?;
                match parent.make_below(name) {
                    Ok(()) => parent.sync().map_err(fail)?,
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                    Err(error) => return Err(fail(error)),
                }
            }
        }
        self.existing().map_err(fail)
    }

    fn existing(&self) -> io::Result<&Handle> {
        if let Some(handle) = self.0.handle.get() {
            return Ok(handle);
        }
        let handle = match &self.0.parent {
            None => Handle::open(self.path())?,
            Some((parent, name)) => parent.existing()?.open_below(name)?,
        };
        // Of two that were quick, the first is it.
        Ok(self.0.handle.get_or_init(|| handle))
    }

    /// Whether the folder's path still leads to the folder that was opened.
    ///
    /// # Errors
    ///
    /// [`StorageError`] says where it is now.
    pub fn check(&self) -> Result<(), StorageError> {
        let Some(handle) = self.0.handle.get() else { return Ok(()) };
        let fail = |source| StorageError::new("look at", self.path(), source);
        let found = match &self.0.parent {
            None => Handle::identity_at(self.path()),
            Some((parent, name)) => {
                parent.check()?;
                parent.existing().and_then(|parent| parent.identity_below(name))
            }
        };
        let replaced = match found {
            Ok(found) if found == handle.identity().map_err(fail)? => return Ok(()),
            Ok(_) => "; another is in its place",
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => "",
            Err(error) => return Err(fail(error)),
        };
        let place = handle.place().map_or_else(
            || "it was deleted while it was in use".to_owned(),
            |place| format!("it was moved while it was in use; everything written is in {}", place.display()),
        );
        Err(StorageError::new("go on in", self.path(), io::Error::other(format!("{place}{replaced}"))))
    }

    /// The open folder with its path checked, to be written to.
    fn writable(&self) -> Result<&Handle, StorageError> {
        let handle = self.made()?;
        self.check()?;
        Ok(handle)
    }

    /// Whether there is anything of that name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.identity_of(name).is_ok()
    }

    pub(super) fn identity_of(&self, name: &str) -> io::Result<Identity> {
        self.existing()?.identity_below(OsStr::new(name))
    }

    /// Opens a regular file of at most `limit` bytes for reading.
    ///
    /// # Errors
    ///
    /// [`StorageError`]; also for a link, a pipe or a device.
    pub fn open(&self, name: &str, limit: u64) -> Result<File, StorageError> {
        let open = || {
            let file = self.existing()?.open_file(OsStr::new(name), Access::Read)?;
            regular::check_regular(&file, limit)?;
            Ok(file)
        };
        open().map_err(|source| StorageError::new("read", &self.0.path.join(name), source))
    }

    /// Reads a whole regular file of at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn read(&self, name: &str, limit: u64) -> Result<Vec<u8>, StorageError> {
        let file = self.open(name, limit)?;
        let read = file.metadata().and_then(|data| regular::read_at_most(file, data.len(), limit));
        read.map_err(|source| StorageError::new("read", &self.0.path.join(name), source))
    }

    /// Opens a regular file for writing in place, and makes it where it is not there.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_to_update(&self, name: &str) -> Result<File, StorageError> {
        let path = self.0.path.join(name);
        let handle = self.writable()?;
        let open = || {
            reach("create", &path)?;
            let file = handle.open_file(OsStr::new(name), Access::Update)?;
            regular::check_regular(&file, u64::MAX)?;
            Ok(file)
        };
        open().map_err(|source| StorageError::new("open", &path, source))
    }

    /// Writes a file without a name or under a temporary one, syncs it, and gives it its own: readers see the old file or the
    /// new one.
    ///
    /// # Errors
    ///
    /// [`StorageError`]; the file of that name is then what it was before.
    pub fn write(&self, name: impl AsRef<OsStr>, bytes: &[u8]) -> Result<(), StorageError> {
        self.check()?;
        self.replace(name.as_ref(), bytes, true)
    }

    /// The same without waiting for the disk: for what is of no use after a crash of the machine.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub fn write_unsynced(&self, name: impl AsRef<OsStr>, bytes: &[u8]) -> Result<(), StorageError> {
        self.check()?;
        self.replace(name.as_ref(), bytes, false)
    }

    /// The same wherever the folder is now: for last words.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub fn write_where_it_is(&self, name: impl AsRef<OsStr>, bytes: &[u8]) -> Result<(), StorageError> {
        self.replace(name.as_ref(), bytes, false)
    }

    fn replace(&self, name: &OsStr, bytes: &[u8], sync: bool) -> Result<(), StorageError> {
        let mut file = self.create(name)?;
        let path = file.path().to_owned();
        let written = write_through(file.as_file_mut(), &path, bytes);
        written.map_err(|source| StorageError::new("write", &path, source))?;
        file.publish_where_it_is(sync).map(|_| ())
    }

    /// Begins a file that will have this name: it appears whole, in the place of one that is there, or not at all.
    ///
    /// # Errors
    ///
    /// [`StorageError`]; also if the name is that of a folder, pipe or device.
    pub fn create(&self, name: impl AsRef<OsStr>) -> Result<NewFile, StorageError> {
        let name = name.as_ref();
        let path = self.0.path.join(name);
        let fail = |source| StorageError::new("write", &path, source);
        let handle = self.made()?;
        reach("create", &path).map_err(fail)?;
        if let Some(found) = handle.obstacle(name) {
            let message = format!("expected a regular file or none, found {found}");
            return Err(fail(io::Error::new(ErrorKind::AlreadyExists, message)));
        }
        NewFile::create(self, name).map_err(fail)
    }

    pub(super) fn handle(&self) -> io::Result<&Handle> {
        self.existing()
    }

    /// Gives a file a second name, atomically: a hard link, or a copy where the file system has none.
    ///
    /// # Errors
    ///
    /// [`StorageError`]; the file of the second name is then what it was before.
    pub fn share(&self, from: &str, to: &str) -> Result<(), StorageError> {
        let path = self.0.path.join(to);
        let fail = |source| StorageError::new("write", &path, source);
        let handle = self.writable()?;
        reach("link", &path).map_err(fail)?;
        let leftover = temporary_name();
        if handle.link(OsStr::new(from), &leftover).is_err() {
            return self.write(to, &self.read(from, u64::MAX)?);
        }
        let renamed = reach("rename", &path).and_then(|()| handle.rename(&leftover, OsStr::new(to)));
        // Renaming one name of a file over another of the same file leaves both.
        let _ = handle.remove(&leftover);
        renamed.map_err(fail)?;
        self.sync(&path)
    }

    /// Removes a file that is no longer needed.
    ///
    /// # Errors
    ///
    /// [`StorageError`].
    pub fn remove(&self, name: &str) -> Result<(), StorageError> {
        let path = self.0.path.join(name);
        let fail = |source| StorageError::new("remove", &path, source);
        self.check()?;
        reach("remove", &path).map_err(fail)?;
        self.existing().and_then(|handle| handle.remove(OsStr::new(name))).map_err(fail)
    }

    /// Names of all that is in it, in no order; none if it is not there.
    ///
    /// # Errors
    ///
    /// [`StorageError`].
    pub fn names(&self) -> Result<Vec<OsString>, StorageError> {
        match self.existing().and_then(Handle::names) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            names => names.map_err(|source| StorageError::new("list", self.path(), source)),
        }
    }

    /// Removes the temporary files that a killed process has left; those of a process that is at work are locked.
    pub fn remove_leftovers(&self) {
        let (Ok(names), Ok(handle)) = (self.names(), self.existing()) else { return };
        for name in names.iter().filter(|name| name.as_encoded_bytes().starts_with(PREFIX.as_bytes())) {
            let held = handle
                .open_file(name, Access::Read)
                .is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
            if !held {
                // What cannot be removed is only litter.
                let _ = handle.remove(name);
            }
        }
    }

    /// The open folder as a file, to be locked; `None` where the system has no such thing.
    #[must_use]
    pub fn as_file(&self) -> Option<&File> {
        self.existing().ok()?.file()
    }

    /// Makes a rename in the folder durable.
    pub(super) fn sync(&self, path: &Path) -> Result<(), StorageError> {
        let synced = reach("sync the folder", path).and_then(|()| self.existing()?.sync());
        synced.map_err(|source| StorageError::new("sync the folder of", path, source))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else_is_left() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = Folder::at(&scratch.path().join("a/b"));
        let below = folder.below("c");
        assert!(!below.contains("file") && below.names().unwrap().is_empty());
        below.write("file", b"one").unwrap();
        below.share("file", "second").unwrap();
        // Once more over itself: one file under two names.
        below.share("file", "second").unwrap();
        below.write_unsynced("file", b"two").unwrap();
        assert_eq!(below.read("file", 3).unwrap(), b"two");
        assert_eq!(below.read("second", 3).unwrap(), b"one");
        assert!(below.read("file", 2).unwrap_err().to_string().contains("at most 2 bytes"));
        let mut names = below.names().unwrap();
        names.sort();
        assert_eq!(names, ["file", "second"]);
        below.remove("file").unwrap();
        assert!(!below.contains("file") && scratch.path().join("a/b/c/second").exists());
    }

    #[test]
    fn a_failed_write_leaves_what_was_there() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = Folder::at(scratch.path());
        folder.make().unwrap();
        fs::create_dir(scratch.path().join("blocked")).unwrap();
        let message = folder.write("blocked", b"new").unwrap_err().to_string();
        assert!(message.contains("found a folder"), "{message}");
        drop(folder.create("unfinished").unwrap());
        assert_eq!(folder.names().unwrap(), ["blocked"]);
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
        let folder = Folder::at(scratch.path());
        folder.remove_leftovers();
        assert_eq!(folder.names().unwrap().len(), 3);
        // Its process has ended.
        drop(file);
        folder.remove_leftovers();
        assert_eq!(folder.names().unwrap().len(), 2);
    }

    #[cfg(unix)]
    mod unix {
        use std::os::unix::fs::{PermissionsExt, symlink};
        use std::path::Path;

        use super::*;

        /// A folder that is in use, what becomes of it, and what an error says of that.
        #[test]
        fn a_folder_that_is_moved_replaced_or_deleted_is_written_to_no_more() {
            type Change = fn(&Path);
            let changes: [(Change, &str); 4] = [
                (|root| fs::rename(root.join("run"), root.join("moved")).unwrap(), "/moved"),
                (
                    |root| {
                        fs::rename(root.join("run"), root.join("moved")).unwrap();
                        fs::create_dir_all(root.join("run/below")).unwrap();
                    },
                    "another is in its place",
                ),
                (|root| fs::remove_dir_all(root.join("run")).unwrap(), "was deleted"),
                (|root| fs::rename(root.join("run/below"), root.join("run/moved")).unwrap(), "/run/moved"),
            ];
            for (change, words) in changes {
                let scratch = tempfile::tempdir().unwrap();
                let folder = Folder::at(&scratch.path().join("run"));
                let below = folder.below("below");
                below.write("file", b"old").unwrap();
                let begun = below.create("begun").unwrap();
                folder.check().unwrap();
                change(scratch.path());
                for error in [
                    below.check().unwrap_err(),
                    below.write("file", b"new").unwrap_err(),
                    below.write_unsynced("file", b"new").unwrap_err(),
                    below.share("file", "second").unwrap_err(),
                    below.remove("file").unwrap_err(),
                    begun.publish(true).unwrap_err(),
                ] {
                    let message = error.to_string();
                    assert!(message.contains(words), "{message}");
                }
                let written = walk(scratch.path());
                assert!(written.iter().all(|(_, bytes)| bytes == b"old"), "{written:?}");
            }
        }

        /// Every file below a folder with its content.
        fn walk(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
            let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            entries
                .flat_map(|path| match path.is_dir() {
                    true => walk(&path),
                    false => vec![(path.clone(), fs::read(&path).unwrap())],
                })
                .collect()
        }

        #[test]
        fn links_are_not_followed() {
            let scratch = tempfile::tempdir().unwrap();
            let (root, outside) = (scratch.path().join("run"), scratch.path().join("outside"));
            fs::create_dir_all(&root).unwrap();
            fs::create_dir_all(&outside).unwrap();
            fs::write(outside.join("file"), "precious").unwrap();
            symlink(&outside, root.join("below")).unwrap();
            symlink(outside.join("file"), root.join("file")).unwrap();
            let folder = Folder::at(&root);
            for error in [
                folder.below("below").write("new", b"x").unwrap_err(),
                folder.below("below").read("file", 100).unwrap_err(),
                folder.read("file", 100).unwrap_err(),
                folder.open_to_update("file").map(|_| ()).unwrap_err(),
            ] {
                let message = error.to_string();
                assert!(message.contains("found a link"), "{message}");
            }
            // A name is taken from the link, not from what it leads to.
            folder.write("file", b"own").unwrap();
            assert_eq!(fs::read(outside.join("file")).unwrap(), b"precious");
            assert_eq!(walk(&outside).len(), 1);
            // The folder itself may be reached through one.
            symlink(&root, scratch.path().join("link")).unwrap();
            Folder::at(&scratch.path().join("link")).write("file", b"again").unwrap();
            assert_eq!(fs::read(root.join("file")).unwrap(), b"again");
        }

        #[test]
        fn pipes_and_devices_are_neither_read_nor_replaced() {
            let scratch = tempfile::tempdir().unwrap();
            let pipe = scratch.path().join("pipe");
            assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
            let folder = Folder::at(scratch.path());
            for error in [
                folder.read("pipe", 100).unwrap_err(),
                folder.open_to_update("pipe").map(|_| ()).unwrap_err(),
                folder.write("pipe", b"x").unwrap_err(),
                Folder::at(Path::new("/dev")).write("null", b"x").unwrap_err(),
            ] {
                let message = error.to_string();
                assert!(
                    message.contains("found a named pipe") || message.contains("found a device"),
                    "{message}"
                );
            }
        }

        #[test]
        fn files_are_as_readable_as_their_folder() {
            for (mode, expected) in
                [(0o755, 0o644), (0o700, 0o600), (0o750, 0o640), (0o770, 0o660), (0o1777, 0o644)]
            {
                let scratch = tempfile::tempdir().unwrap();
                let root = scratch.path().join("run");
                fs::create_dir(&root).unwrap();
                fs::set_permissions(&root, fs::Permissions::from_mode(mode)).unwrap();
                Folder::at(&root).write("file", b"x").unwrap();
                let found = fs::metadata(root.join("file")).unwrap().permissions().mode() & 0o777;
                assert_eq!(found, expected, "{mode:o}: {found:o}");
            }
        }
    }
}

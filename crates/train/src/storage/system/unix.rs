use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};

use super::Access;

/// Device and inode: the same for every name of one file.
pub(in super::super) type Identity = (u64, u64);

/// A folder that is held open: it stays the same one wherever it is moved.
#[derive(Debug)]
pub(in super::super) struct Handle(File);

impl Handle {
    /// Opens a folder; links on the way are followed.
    pub(in super::super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(File::from(rustix::fs::open(path, flags, Mode::empty())?)))
    }

    /// Opens a folder in this one; a link is not followed.
    pub(in super::super) fn open_below(&self, name: &OsStr) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&self.0, name, flags, Mode::empty());
        Ok(Self(File::from(opened.map_err(|error| self.explain(name, error, "folder"))?)))
    }

    pub(in super::super) fn make_below(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(&self.0, name, Mode::from_raw_mode(0o777))?)
    }

    /// Opens a file in this folder; a link is not followed, and nothing is waited for.
    pub(in super::super) fn open_file(&self, name: &OsStr, access: Access) -> io::Result<File> {
        let access = match access {
            Access::Read => OFlags::RDONLY,
            Access::Update => OFlags::RDWR | OFlags::CREATE,
        };
        let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let mode = self.file_mode()?;
        let opened = rustix::fs::openat(&self.0, name, flags, mode);
        Ok(File::from(opened.map_err(|error| self.explain(name, error, "regular file"))?))
    }

    /// Makes a file that nobody else has.
    pub(in super::super) fn create_new(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(&self.0, name, flags, self.file_mode()?)?);
        self.share_mode(&file)?;
        Ok(file)
    }

    /// Makes a file without a name, of which nothing is left when the process ends.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(in super::super) fn create_nameless(&self) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(&self.0, ".", flags, self.file_mode()?)?);
        self.share_mode(&file)?;
        Ok(file)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(in super::super) fn create_nameless(&self) -> io::Result<File> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Gives a name to a file without one.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(in super::super) fn name_file(&self, file: &File, name: &OsStr) -> io::Result<()> {
        use std::os::fd::AsRawFd;
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        Ok(rustix::fs::linkat(rustix::fs::CWD, path, &self.0, name, AtFlags::SYMLINK_FOLLOW)?)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(in super::super) fn name_file(&self, _: &File, _: &OsStr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Gives a file in this folder a second name; a link is not followed.
    pub(in super::super) fn link(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::linkat(&self.0, from, &self.0, to, AtFlags::empty())?)
    }

    pub(in super::super) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, from, &self.0, to)?)
    }

    pub(in super::super) fn remove(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }

    pub(in super::super) fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let name = entry?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                names.push(OsString::from_vec(name));
            }
        }
        Ok(names)
    }

    pub(in super::super) fn sync(&self) -> io::Result<()> {
        self.0.sync_all()
    }

    /// The open folder, to be locked.
    pub(in super::super) fn file(&self) -> Option<&File> {
        Some(&self.0)
    }

    pub(in super::super) fn identity(&self) -> io::Result<Identity> {
        file_identity(&self.0)
    }

    /// The identity of what a path leads to.
    pub(in super::super) fn identity_at(path: &Path) -> io::Result<Identity> {
        let metadata = std::fs::metadata(path)?;
        Ok((metadata.dev(), metadata.ino()))
    }

    /// The identity of what has that name in this folder; of a link, the link's own.
    pub(in super::super) fn identity_below(&self, name: &OsStr) -> io::Result<Identity> {
        Ok(identity(&self.look(name)?))
    }

    /// What stands under a name that a file could not replace without harm: `Some` of what it is.
    pub(in super::super) fn obstacle(&self, name: &OsStr) -> Option<&'static str> {
        match FileType::from_raw_mode(self.look(name).ok()?.st_mode) {
            FileType::RegularFile | FileType::Symlink => None,
            FileType::Directory => Some("a folder"),
            FileType::Fifo => Some("a named pipe"),
            FileType::Socket => Some("a socket"),
            _ => Some("a device"),
        }
    }

    /// Where the folder is now, where the system can say; `None` also if it is gone.
    pub(in super::super) fn place(&self) -> Option<PathBuf> {
        // A folder without a name has no links left.
        if self.0.metadata().ok()?.nlink() == 0 {
            return None;
        }
        place_of(&self.0)
    }

    fn look(&self, name: &OsStr) -> io::Result<Stat> {
        Ok(rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Says of a link that it is not followed; the system only says that something is not as expected.
    fn explain(&self, name: &OsStr, error: rustix::io::Errno, expected: &str) -> io::Error {
        let link =
            self.look(name).is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Symlink);
        if link {
            return io::Error::other(format!(
                "expected a {expected}, found a link, which is not followed here"
            ));
        }
        error.into()
    }

    /// Files are as readable as their folder, and writable for a group that can replace them anyway.
    fn file_mode(&self) -> io::Result<Mode> {
        let folder = self.0.metadata()?.mode();
        let sticky = folder & 0o1000 != 0;
        let shared = if sticky { 0o044 } else { 0o064 };
        Ok(Mode::from_raw_mode(0o600 | folder & shared))
    }

    /// The same whatever the process masks out of new files.
    fn share_mode(&self, file: &File) -> io::Result<()> {
        match rustix::fs::fchmod(file, self.file_mode()?) {
            // Some file systems have no modes.
            Err(rustix::io::Errno::PERM | rustix::io::Errno::OPNOTSUPP) => Ok(()),
            changed => Ok(changed?),
        }
    }
}

pub(in super::super) fn file_identity(file: &File) -> io::Result<Identity> {
    let metadata = file.metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}

/// How many names a file has.
pub(in super::super) fn names_of(file: &File) -> u64 {
    file.metadata().map_or(1, |metadata| metadata.nlink())
}

#[expect(clippy::useless_conversion, clippy::unnecessary_cast, reason = "other types on other systems")]
fn identity(found: &Stat) -> Identity {
    (found.st_dev as u64, u64::from(found.st_ino))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn place_of(folder: &File) -> Option<PathBuf> {
    use std::os::fd::AsRawFd;
    std::fs::read_link(format!("/proc/self/fd/{}", folder.as_raw_fd())).ok()
}

#[cfg(target_vendor = "apple")]
fn place_of(folder: &File) -> Option<PathBuf> {
    let path = rustix::fs::getpath(folder).ok()?;
    Some(OsString::from_vec(path.into_bytes()).into())
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn place_of(_: &File) -> Option<PathBuf> {
    None
}

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::Access;

/// Nothing that tells two files apart.
pub(in super::super) type Identity = ();

/// A folder by its path: this system's standard library holds none open.
#[derive(Debug)]
pub(in super::super) struct Handle(PathBuf);

impl Handle {
    pub(in super::super) fn open(path: &Path) -> io::Result<Self> {
        fs::read_dir(path)?;
        Ok(Self(path.to_owned()))
    }

    pub(in super::super) fn open_below(&self, name: &OsStr) -> io::Result<Self> {
        self.refuse_link(name)?;
        Self::open(&self.0.join(name))
    }

    pub(in super::super) fn make_below(&self, name: &OsStr) -> io::Result<()> {
        fs::create_dir(self.0.join(name))
    }

    pub(in super::super) fn open_file(&self, name: &OsStr, access: Access) -> io::Result<File> {
        self.refuse_link(name)?;
        let update = access == Access::Update;
        OpenOptions::new().read(true).write(update).create(update).truncate(false).open(self.0.join(name))
    }

    pub(in super::super) fn create_new(&self, name: &OsStr) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(self.0.join(name))
    }

    pub(in super::super) fn create_nameless(&self) -> io::Result<File> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(in super::super) fn name_file(&self, _: &File, _: &OsStr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(in super::super) fn link(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        fs::hard_link(self.0.join(from), self.0.join(to))
    }

    pub(in super::super) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        fs::rename(self.0.join(from), self.0.join(to))
    }

    pub(in super::super) fn remove(&self, name: &OsStr) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    pub(in super::super) fn names(&self) -> io::Result<Vec<OsString>> {
        fs::read_dir(&self.0)?.map(|entry| Ok(entry?.file_name())).collect()
    }

    pub(in super::super) fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    pub(in super::super) fn file(&self) -> Option<&File> {
        None
    }

    pub(in super::super) fn identity(&self) -> io::Result<Identity> {
        fs::metadata(&self.0).map(|_| ())
    }

    pub(in super::super) fn identity_at(path: &Path) -> io::Result<Identity> {
        fs::metadata(path).map(|_| ())
    }

    pub(in super::super) fn identity_below(&self, name: &OsStr) -> io::Result<Identity> {
        fs::symlink_metadata(self.0.join(name)).map(|_| ())
    }

    pub(in super::super) fn obstacle(&self, name: &OsStr) -> Option<&'static str> {
        fs::symlink_metadata(self.0.join(name)).ok()?.is_dir().then_some("a folder")
    }

    pub(in super::super) fn place(&self) -> Option<PathBuf> {
        None
    }

    fn refuse_link(&self, name: &OsStr) -> io::Result<()> {
        match fs::symlink_metadata(self.0.join(name)) {
            Ok(found) if found.is_symlink() => {
                Err(io::Error::other("expected no link, found one, which is not followed here"))
            }
            _ => Ok(()),
        }
    }
}

pub(in super::super) fn file_identity(_: &File) -> io::Result<Identity> {
    Ok(())
}

pub(in super::super) fn names_of(_: &File) -> u64 {
    1
}

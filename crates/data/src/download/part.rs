//! The file that a download grows in.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};

use crate::error::DataError;
use crate::regular::open_regular;

/// An incomplete file, locked against other processes. It is there from its first byte on.
pub(super) struct PartFile {
    path: PathBuf,
    file: Option<File>,
    len: u64,
}

impl PartFile {
    /// Takes the file where there is one: what an earlier attempt left is kept.
    pub(super) fn lock(path: PathBuf) -> Result<Self, DataError> {
        let mut part = Self { path, file: None, len: 0 };
        if part.path.symlink_metadata().is_ok() {
            part.open()?;
        }
        Ok(part)
    }

    fn open(&mut self) -> Result<&mut File, DataError> {
        let path = &self.path;
        if self.file.is_none() {
            let fail = |error| DataError::io(path, "create", error);
            if path.exists() {
                // A pipe would be waited for.
                open_regular(path, u64::MAX).map_err(fail)?;
            }
            let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
            let file = opened.map_err(fail)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(DataError::Busy { path: path.clone() }),
                // Some network file systems know no locks; a download there is better than none.
                Err(TryLockError::Error(error)) => {
                    tracing::warn!(path = %path.display(), %error, "cannot lock")
                }
            }
            self.len = file.metadata().map_err(|error| DataError::io(path, "read", error))?.len();
            self.file = Some(file);
        }
        Ok(self.file.as_mut().expect("it was just opened"))
    }

    /// Number of bytes on disk so far.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), DataError> {
        let (length, path) = (self.len, self.path.clone());
        let file = self.open()?;
        let written = file.seek(SeekFrom::Start(length)).and_then(|_| file.write_all(bytes));
        written.map_err(|error| DataError::io(&path, "write", error))?;
        self.len = length + bytes.len() as u64;
        Ok(())
    }

    /// Empties the file, to begin anew.
    pub(super) fn truncate(&mut self) -> Result<(), DataError> {
        if let Some(file) = &self.file {
            file.set_len(0).map_err(|error| DataError::io(&self.path, "truncate", error))?;
        }
        self.len = 0;
        Ok(())
    }

    /// The path, and the file at its beginning.
    pub(super) fn reader(&mut self) -> Result<(PathBuf, &mut File), DataError> {
        Ok((self.path.clone(), self.open()?))
    }

    pub(super) fn remove(&mut self) -> Result<(), DataError> {
        match self.file.take() {
            Some(_) => {
                fs::remove_file(&self.path).map_err(|error| DataError::io(&self.path, "remove", error))
            }
            None => Ok(()),
        }
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if self.len == 0 && self.file.is_some() {
            // There is nothing to go on from; that it cannot be removed is no error.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Compares the MD5 of a whole file with `expected`, hexadecimal.
pub(super) fn check_md5(path: &Path, file: &mut File, expected: &str) -> Result<(), DataError> {
    let found = md5_of(file).map_err(|error| DataError::io(path, "read", error))?;
    if found.eq_ignore_ascii_case(expected) {
        return Ok(());
    }
    Err(DataError::Checksum { path: path.to_owned(), expected: expected.to_ascii_lowercase(), found })
}

fn md5_of(file: &mut File) -> io::Result<String> {
    let mut hasher = Md5::new();
    let mut block = vec![0; 1 << 16];
    file.seek(SeekFrom::Start(0))?;
    loop {
        match file.read(&mut block)? {
            0 => break,
            count => hasher.update(&block[..count]),
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

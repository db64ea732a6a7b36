//! The file that a download grows in.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};

use crate::error::DataError;

/// An incomplete file, locked against other processes.
pub(super) struct PartFile {
    path: PathBuf,
    file: File,
    len: u64,
}

impl PartFile {
    /// Opens or creates the file; what an earlier attempt left is kept.
    pub(super) fn lock(path: PathBuf) -> Result<Self, DataError> {
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = opened.map_err(|error| DataError::io(&path, "create", error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DataError::Busy { path }),
            // Some network file systems know no locks; a download there is better than none.
            Err(TryLockError::Error(error)) => tracing::warn!(path = %path.display(), %error, "cannot lock"),
        }
        let len = file.metadata().map_err(|error| DataError::io(&path, "read", error))?.len();
        Ok(Self { path, file, len })
    }

    /// Number of bytes on disk so far.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), DataError> {
        let end = SeekFrom::Start(self.len);
        let written = self.file.seek(end).and_then(|_| self.file.write_all(bytes));
        written.map_err(|error| DataError::io(&self.path, "write", error))?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Empties the file, to begin anew.
    pub(super) fn truncate(&mut self) -> Result<(), DataError> {
        self.file.set_len(0).map_err(|error| DataError::io(&self.path, "truncate", error))?;
        self.len = 0;
        Ok(())
    }

    /// The path, and the file at its beginning.
    pub(super) fn reader(&mut self) -> Result<(PathBuf, &mut File), DataError> {
        Ok((self.path.clone(), &mut self.file))
    }

    pub(super) fn remove(&self) -> Result<(), DataError> {
        fs::remove_file(&self.path).map_err(|error| DataError::io(&self.path, "remove", error))
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

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::atomic::{folder_of, make_folder, write_through};
use super::error::StorageError;
use super::fault::reach;

/// A file of whole lines that only grows.
#[derive(Debug)]
pub struct Lines {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Lines {
    /// Opens a file that must begin with `expected`, whole lines: what it holds beyond its common part with that is
    /// cut off, what it lacks is appended. Bytes that are as they should be are not written again.
    pub fn open(path: &Path, expected: &[u8]) -> Result<Self, StorageError> {
        let fail = |action| move |source| StorageError::new(action, path, source);
        make_folder(folder_of(path))?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        reach("create", path).map_err(fail("open"))?;
        let file = options.open(path).map_err(fail("open"))?;
        let found = fs::read(path).map_err(fail("read"))?;
        let common = found.iter().zip(expected).take_while(|(found, expected)| found == expected).count();
        let whole = expected[..common].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        if found.len() > whole {
            reach("cut", path).map_err(fail("cut"))?;
            file.set_len(whole as u64).map_err(fail("cut"))?;
        }
        let mut lines = Self { path: path.to_owned(), file, length: whole as u64 };
        if whole < expected.len() {
            lines.append(&expected[whole..])?;
        }
        Ok(lines)
    }

    /// Appends whole lines with one write and syncs them. If that fails, the file is cut back to what it was.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        let written = self
            .file
            .seek(SeekFrom::Start(self.length))
            .and_then(|_| write_through(&mut self.file, &self.path, bytes))
            .and_then(|()| reach("sync", &self.path))
            .and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => {
                self.length += bytes.len() as u64;
                Ok(())
            }
            Err(source) => {
                // Half a line would make the file unreadable; if even this fails, a resume cuts it off.
                let _ = self.file.set_len(self.length);
                Err(StorageError::new("append to", &self.path, source))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_and_completed_to_what_is_expected() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("lines");
        for (found, expected) in [
            ("", "a\nb\n"),
            ("a\n", "a\nb\n"),
            ("a\nb", "a\nb\n"),
            ("a\nb\nc\nd", "a\nb\n"),
            ("a\nx\nc\n", "a\nb\n"),
            ("a\n", ""),
        ] {
            fs::write(&path, found).unwrap();
            let mut lines = Lines::open(&path, expected.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), expected, "{found:?}");
            lines.append(b"z\n").unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), format!("{expected}z\n"), "{found:?}");
        }
    }
}

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

use super::atomic::write_through;
use super::error::StorageError;
use super::fault::reach;
use super::folder::Folder;
use super::system::{file_identity, names_of};

/// A file of whole lines that only grows, and that nobody else changes meanwhile.
#[derive(Debug)]
pub struct Lines {
    folder: Folder,
    name: String,
    path: PathBuf,
    file: File,
    length: u64,
}

impl Lines {
    /// Opens a file that must begin with `expected`, whole lines: what it holds beyond its common part with that is
    /// cut off, what it lacks is appended. Bytes that are as they should be are not written again.
    ///
    /// # Errors
    ///
    /// [`StorageError`]; also for a link, a pipe or a device in the place of the file.
    pub fn open(folder: &Folder, name: &str, expected: &[u8]) -> Result<Self, StorageError> {
        let path = folder.path().join(name);
        let fail = |action| {
            let path = &path;
            move |source| StorageError::new(action, path, source)
        };
        let mut file = folder.open_to_update(name)?;
        let found = read_up_to(&mut file, expected.len()).map_err(fail("read"))?;
        if names_of(&file) > 1 {
            // Another name of it is another's: what is written here must not appear there.
            folder.write(name, &found)?;
            file = folder.open_to_update(name)?;
        }
        let common = found.iter().zip(expected).take_while(|(found, expected)| found == expected).count();
        let whole = expected[..common].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        if file.metadata().map_err(fail("read"))?.len() > whole as u64 {
            reach("cut", &path).map_err(fail("cut"))?;
            file.set_len(whole as u64).map_err(fail("cut"))?;
        }
        let (folder, name) = (folder.clone(), name.to_owned());
        let mut lines = Self { folder, name, path, file, length: whole as u64 };
        if whole < expected.len() {
            lines.append(&expected[whole..])?;
        }
        Ok(lines)
    }

    /// Appends whole lines with one write and syncs them. If that fails, the file is cut back to what it was.
    ///
    /// # Errors
    ///
    /// [`StorageError`]; also if the file is no longer the one that was opened, or as long as it was left: somebody else has
    /// changed it.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        self.check()?;
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

    /// Whether the file is what this process has left.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append).
    pub fn check(&self) -> Result<(), StorageError> {
        self.folder.check()?;
        let fail = |source| StorageError::new("append to", &self.path, source);
        let length = self.file.metadata().map_err(fail)?.len();
        let found = match self.folder.identity_of(&self.name) {
            Ok(found) if found == file_identity(&self.file).map_err(fail)? => None,
            Ok(_) => Some("another file in its place".to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Some("none: it was moved or deleted".into())
            }
            Err(error) => return Err(fail(error)),
        };
        let found = found.or_else(|| (length != self.length).then(|| format!("{length} bytes")));
        match found {
            None => Ok(()),
            Some(found) => Err(fail(io::Error::other(format!(
                "expected the file of {} bytes that this process has left, found {found}; it is not written to any more",
                self.length
            )))),
        }
    }
}

fn read_up_to(file: &mut File, length: usize) -> io::Result<Vec<u8>> {
    let mut found = Vec::new();
    file.take(length as u64).read_to_end(&mut found)?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::fs;

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
            let mut lines = Lines::open(&Folder::at(scratch.path()), "lines", expected.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), expected, "{found:?}");
            lines.append(b"z\n").unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), format!("{expected}z\n"), "{found:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_somebody_else_has_changed_is_not_written_to() {
        type Change = fn(&std::path::Path);
        let changes: [(Change, &str); 5] = [
            (|path| File::options().write(true).open(path).unwrap().set_len(1).unwrap(), "found 1 bytes"),
            (|path| fs::write(path, "a\nb\nc\n").unwrap(), "found 6 bytes"),
            (|path| fs::remove_file(path).unwrap(), "moved or deleted"),
            (|path| fs::rename(path, path.with_extension("old")).unwrap(), "moved or deleted"),
            (
                |path| {
                    fs::rename(path, path.with_extension("old")).unwrap();
                    fs::write(path, "a\nb\n").unwrap();
                },
                "another file in its place",
            ),
        ];
        for (change, words) in changes {
            let scratch = tempfile::tempdir().unwrap();
            let path = scratch.path().join("lines");
            let mut lines = Lines::open(&Folder::at(scratch.path()), "lines", b"a\nb\n").unwrap();
            change(&path);
            let before = fs::read(&path).ok();
            let message = lines.append(b"c\n").unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
            assert_eq!(fs::read(&path).ok(), before);
        }
    }

    /// What a copy by links (`cp -al`) holds stays as it was.
    #[cfg(unix)]
    #[test]
    fn another_name_of_the_file_is_left_alone() {
        let scratch = tempfile::tempdir().unwrap();
        let [path, other] = ["lines", "other"].map(|name| scratch.path().join(name));
        fs::write(&other, "a\nb\nc\n").unwrap();
        fs::hard_link(&other, &path).unwrap();
        let mut lines = Lines::open(&Folder::at(scratch.path()), "lines", b"a\nb\n").unwrap();
        lines.append(b"z\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a\nb\nz\n");
        assert_eq!(fs::read_to_string(&other).unwrap(), "a\nb\nc\n");
    }
}

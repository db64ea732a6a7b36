use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Where a tracker keeps its files.
///
/// Paths are relative, their parts plain names parted by `/`, never `..`. A program that has rules of its own for how files are
/// written (through temporary files, without following links) implements this; others take a [`LocalFolder`].
pub trait Place: Send {
    /// Opens a file for reading and writing, and makes it, and the folders that it is in, where they are not there.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn open(&self, path: &str) -> io::Result<File>;

    /// Writes a file whole, in the place of one that is there.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn replace(&self, path: &str, bytes: &[u8]) -> io::Result<()>;

    /// Removes a file; one that is not there is no error.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Names of what is directly in the place itself, in no order; none if it is not there.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn names(&self) -> io::Result<Vec<String>>;
}

/// A folder of the file system, made when something is written to it.
#[derive(Debug, Clone)]
pub struct LocalFolder(PathBuf);

impl LocalFolder {
    /// The folder of that path, which need not exist yet.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    fn with_parents(&self, path: &str) -> io::Result<PathBuf> {
        let path = self.0.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        Ok(path)
    }
}

impl Place for LocalFolder {
    fn open(&self, path: &str) -> io::Result<File> {
        let path = self.with_parents(path)?;
        File::options().read(true).write(true).create(true).truncate(false).open(path)
    }

    fn replace(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.with_parents(path)?;
        let mut temporary = path.clone().into_os_string();
        temporary.push(".tmp");
        let written = fs::write(&temporary, bytes).and_then(|()| fs::rename(&temporary, &path));
        if written.is_err() {
            // The first error is the one to report.
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        match fs::remove_file(self.0.join(path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_replaced_whole_and_nothing_else_is_left() {
        let scratch = tempfile::tempdir().unwrap();
        let place = LocalFolder::at(scratch.path().join("a"));
        assert!(place.names().unwrap().is_empty());
        place.replace("b/c", b"one").unwrap();
        place.replace("b/c", b"two").unwrap();
        assert_eq!(fs::read(place.path().join("b/c")).unwrap(), b"two");
        assert_eq!(fs::read_dir(place.path().join("b")).unwrap().count(), 1);
        assert_eq!(place.names().unwrap(), ["b"]);
        // A folder in the place of the file.
        assert!(place.replace("b", b"three").is_err());
        assert_eq!(place.names().unwrap(), ["b"]);
        place.remove("b/c").unwrap();
        place.remove("b/c").unwrap();
        assert!(place.remove("b").is_err());
    }
}

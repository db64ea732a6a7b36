use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

use crate::error::TrackingError;

/// What waits in memory before it goes to the file without a flush, in bytes.
const WAITING: usize = 1 << 16;

/// A file that grows by whole records.
#[derive(Debug)]
pub(crate) struct Appender {
    file: File,
    path: String,
    waiting: Vec<u8>,
    /// A write failed in the middle: what comes after it could not be read.
    broken: bool,
}

impl Appender {
    /// Goes on with a file at `length`, cutting off what is beyond.
    pub(crate) fn at(mut file: File, path: &str, length: u64) -> Result<Self, TrackingError> {
        let cut = |file: &mut File| -> io::Result<()> {
            if file.metadata()?.len() > length {
                file.set_len(length)?;
            }
            file.seek(SeekFrom::Start(length)).map(|_| ())
        };
        cut(&mut file).map_err(TrackingError::io("cut", path))?;
        Ok(Self { file, path: path.to_owned(), waiting: Vec::new(), broken: false })
    }

    /// Adds a record.
    pub(crate) fn push(&mut self, record: &[u8]) -> Result<(), TrackingError> {
        self.waiting.extend_from_slice(record);
        if self.waiting.len() >= WAITING { self.flush() } else { Ok(()) }
    }

    /// Hands what waits to the system: it outlives this process from then on.
    pub(crate) fn flush(&mut self) -> Result<(), TrackingError> {
        if self.broken {
            let source = io::Error::other("an earlier write to it failed");
            return Err(TrackingError::io("write to", &self.path)(source));
        }
        let written = is_there(&self.file).and_then(|()| self.file.write_all(&self.waiting));
        self.waiting.clear();
        self.broken = written.is_err();
        written.map_err(TrackingError::io("write to", &self.path))
    }
}

/// Refuses a file that has no name any more: nobody would find what is written to it.
#[cfg(unix)]
fn is_there(file: &File) -> io::Result<()> {
    match std::os::unix::fs::MetadataExt::nlink(&file.metadata()?) {
        0 => Err(io::Error::new(io::ErrorKind::NotFound, "it has been deleted")),
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn is_there(_: &File) -> io::Result<()> {
    Ok(())
}

impl Drop for Appender {
    fn drop(&mut self) {
        if !self.broken {
            // Nobody is left to be told.
            let _ = self.flush();
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_and_nothing_more_is_written() {
        let open = || File::options().write(true).open("/dev/full").unwrap();
        let mut file = Appender::at(open(), "log", 0).unwrap();
        file.push(b"short").unwrap();
        let message = file.flush().unwrap_err().to_string();
        assert!(message.contains("could not write to log") && message.contains("space"), "{message}");
        file.push(b"short").unwrap();
        assert!(file.flush().unwrap_err().to_string().contains("an earlier write"));
        let mut file = Appender::at(open(), "log", 0).unwrap();
        assert!(file.push(&[0; WAITING]).is_err());
    }

    #[test]
    fn a_deleted_file_is_told_of() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("log");
        let mut file = Appender::at(File::create(&path).unwrap(), "log", 0).unwrap();
        file.push(b"a").unwrap();
        file.flush().unwrap();
        std::fs::remove_file(&path).unwrap();
        file.push(b"b").unwrap();
        let message = file.flush().unwrap_err().to_string();
        assert!(message.contains("could not write to log") && message.contains("deleted"), "{message}");
    }
}

//! Files that anybody may have made: only regular ones are opened, and none beyond a size.
//!
//! A pipe would be waited for, a device never ends, and opening either can have effects of its own.

use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// Opens a regular file of at most `limit` bytes for reading, and returns it with its length in bytes. Links are followed.
///
/// # Errors
///
/// What the system says; [`ErrorKind::InvalidInput`] for a folder, pipe, socket or device, which is neither waited for nor
/// read; [`ErrorKind::FileTooLarge`] beyond `limit`.
pub fn open_regular(path: &Path, limit: u64) -> io::Result<(File, u64)> {
    // Looked at first, since opening can have effects; and again once open, since the name may have changed hands.
    check(&fs::metadata(path)?, limit)?;
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default());
    }
    let file = options.open(path)?;
    let length = check_regular(&file, limit)?;
    Ok((file, length))
}

/// Reads a whole regular file of at most `limit` bytes.
///
/// # Errors
///
/// As [`open_regular`]; [`ErrorKind::OutOfMemory`] if there is no memory for it.
pub fn read_regular(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let (file, length) = open_regular(path, limit)?;
    read_at_most(file, length, limit)
}

/// The length of an open file, if it is a regular one of at most `limit` bytes.
///
/// # Errors
///
/// As [`open_regular`].
pub fn check_regular(file: &File, limit: u64) -> io::Result<u64> {
    let metadata = file.metadata()?;
    check(&metadata, limit)?;
    Ok(metadata.len())
}

/// Reads what is left of an open file, which is `length` bytes long as far as is known, if it is at most `limit` bytes.
///
/// # Errors
///
/// As [`read_regular`].
pub fn read_at_most(file: File, length: u64, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let length = usize::try_from(length).map_err(|_| ErrorKind::OutOfMemory)?;
    bytes.try_reserve_exact(length).map_err(|_| ErrorKind::OutOfMemory)?;
    // A file can grow while it is read, and some of a system's own have a length of 0.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(too_large(limit, bytes.len() as u64)) } else { Ok(bytes) }
}

fn check(metadata: &Metadata, limit: u64) -> io::Result<()> {
    if !metadata.is_file() {
        let message = format!("expected a regular file, found {}", kind(metadata.file_type()));
        return Err(io::Error::new(ErrorKind::InvalidInput, message));
    }
    if metadata.len() > limit { Err(too_large(limit, metadata.len())) } else { Ok(()) }
}

fn too_large(limit: u64, found: u64) -> io::Error {
    io::Error::new(ErrorKind::FileTooLarge, format!("expected at most {limit} bytes, found {found}"))
}

/// What a file is, in words.
#[must_use]
pub fn kind(file: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if file.is_fifo() {
            return "a named pipe";
        }
        if file.is_socket() {
            return "a socket";
        }
        if file.is_char_device() || file.is_block_device() {
            return "a device";
        }
    }
    if file.is_dir() {
        "a folder"
    } else if file.is_symlink() {
        "a link"
    } else if file.is_file() {
        "a regular file"
    } else {
        "something else"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regular_file_is_read_up_to_its_limit() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("file");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read_regular(&path, 5).unwrap(), b"12345");
        let error = read_regular(&path, 4).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileTooLarge);
        assert_eq!(error.to_string(), "expected at most 4 bytes, found 5");
        assert_eq!(read_regular(&scratch.path().join("absent"), 4).unwrap_err().kind(), ErrorKind::NotFound);
        let error = read_regular(scratch.path(), 1 << 20).unwrap_err();
        assert_eq!(error.to_string(), "expected a regular file, found a folder");
    }

    /// None of them is waited for.
    #[cfg(unix)]
    #[test]
    fn pipes_sockets_and_devices_are_refused_at_once() {
        let scratch = tempfile::tempdir().unwrap();
        let [pipe, socket, link] = ["pipe", "socket", "link"].map(|name| scratch.path().join(name));
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let _listening = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        for (path, found) in [
            (pipe.as_path(), "a named pipe"),
            (&socket, "a socket"),
            (&link, "a device"),
            (Path::new("/dev/zero"), "a device"),
        ] {
            let error = open_regular(path, u64::MAX).unwrap_err();
            assert_eq!(error.to_string(), format!("expected a regular file, found {found}"));
        }
    }

    /// A file of the system that says it has 0 bytes and goes on for longer.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_length_that_is_not_true_is_no_way_around_the_limit() {
        let path = Path::new("/proc/self/status");
        assert!(read_regular(path, 1 << 20).unwrap().len() > 100);
        assert_eq!(read_regular(path, 100).unwrap_err().kind(), ErrorKind::FileTooLarge);
    }
}

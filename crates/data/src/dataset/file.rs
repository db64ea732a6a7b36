//! Reading untrusted files: lengths are checked against the file itself before memory is asked for.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::error::DataError;
use crate::regular::open_regular;

/// Opens a regular file and returns it with its length in bytes; `expected` says what it should be.
pub(crate) fn open(path: &Path, expected: &str) -> Result<(File, u64), DataError> {
    match open_regular(path, u64::MAX) {
        Ok(opened) => Ok(opened),
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            Err(DataError::NotRegular { path: path.to_owned(), expected: expected.to_owned() })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(DataError::missing(path, expected)),
        Err(error) => Err(DataError::io(path, "open", error)),
    }
}

/// An empty vector with room for `length` bytes, or an error that names `origin`.
pub(crate) fn try_reserve(origin: &Path, length: u64) -> Result<Vec<u8>, DataError> {
    let mut buffer = Vec::new();
    let reserved = usize::try_from(length).is_ok_and(|length| buffer.try_reserve_exact(length).is_ok());
    if !reserved {
        let limit = isize::MAX as u64;
        return Err(DataError::TooLarge { origin: origin.to_owned(), limit, found: length });
    }
    Ok(buffer)
}

/// Class names from a text file: one per line, blank lines skipped, exactly `count` of them.
pub(crate) fn read_class_names(path: &Path, count: usize) -> Result<Vec<String>, DataError> {
    let expected = format!("a text file with {count} class names");
    let text = read_text(path, 64 * 1024, &expected, "class name")?;
    let names: Vec<String> = lines(&text).map(|(_, line)| line.to_owned()).collect();
    if names.len() != count {
        return Err(DataError::malformed(path, 0, "number of class names", count.to_string(), names.len()));
    }
    Ok(names)
}

/// A whole text file of at most `limit` bytes; `expected` says what it should be, `field` what is in it.
pub(crate) fn read_text(
    path: &Path,
    limit: u64,
    expected: &str,
    field: &'static str,
) -> Result<String, DataError> {
    let (mut file, length) = open(path, expected)?;
    if length > limit {
        let expected = format!("{expected}, at most {limit} bytes");
        return Err(DataError::FileSize { path: path.to_owned(), expected, found: length });
    }
    let mut bytes = Vec::new();
    file.by_ref().take(limit).read_to_end(&mut bytes).map_err(|error| DataError::io(path, "read", error))?;
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to() as u64;
        DataError::malformed(path, offset, field, "UTF-8 text", "other bytes")
    })
}

/// The lines of a text that are not blank, each with its offset in bytes, without the white space around it.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (u64, &str)> {
    let mut next = 0;
    let lines = text.split_inclusive('\n').map(move |line| {
        let offset = next;
        next += line.len() as u64;
        (offset, line.trim())
    });
    lines.filter(|(_, line)| !line.is_empty())
}

/// What lies in a folder, links followed.
#[derive(Debug)]
pub(crate) struct Entry {
    pub path: std::path::PathBuf,
    pub folder: bool,
    /// A regular file.
    pub file: bool,
    /// Whether a link leads there.
    pub link: bool,
}

/// A folder's entries, sorted by the bytes of their names; hidden entries are left out, and links that lead nowhere.
pub(crate) fn sorted_entries(folder: &Path) -> Result<Vec<Entry>, DataError> {
    let cannot_list = |error| DataError::io(folder, "list", error);
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot_list)? {
        let entry = entry.map_err(cannot_list)?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        let kind = entry.file_type().map_err(cannot_list)?;
        let (folder, file) = if kind.is_symlink() {
            // Users link data sets together; a link to nowhere is simply not there.
            let Ok(metadata) = fs::metadata(&path) else { continue };
            (metadata.is_dir(), metadata.is_file())
        } else {
            (kind.is_dir(), kind.is_file())
        };
        entries.push(Entry { path, folder, file, link: kind.is_symlink() });
    }
    entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(entries)
}

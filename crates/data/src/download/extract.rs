//! Extraction that trusts nothing in the archive.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::archive::Archive;
use crate::error::DataError;

/// Most entries of an archive.
const MAX_ENTRIES: usize = 10_000;

/// Tar's own bytes for each entry: a header and padding.
const OVERHEAD: u64 = 1024;

/// Extracts the archive's folder into `root`, where it appears at once and complete, or not at all.
///
/// Only plain files and folders inside [`Archive::folder`] are accepted: no links, devices, absolute paths or `..`.
/// Owners, permissions and times in the archive are ignored.
pub(super) fn extract(archive: &Archive, path: &Path, file: &mut File, root: &Path) -> Result<(), DataError> {
    let cannot_read = |error| DataError::io(path, "extract", error);
    let prefix = format!(".{}-", archive.folder);
    remove_leftovers(root, &prefix);
    let temporary = tempfile::Builder::new()
        .prefix(&prefix)
        .tempdir_in(root)
        .map_err(|error| DataError::io(root, "create folder", error))?;
    // So that nobody takes it for what a killed process has left; where folders cannot be locked, nobody looks.
    let _held = File::open(temporary.path()).inspect(|folder| drop(folder.try_lock()));

    file.seek(SeekFrom::Start(0)).map_err(cannot_read)?;
    // A bomb runs into this limit whatever its headers say.
    let limit = archive.max_bytes.saturating_add(OVERHEAD * MAX_ENTRIES as u64);
    let mut tar = tar::Archive::new(MultiGzDecoder::new(BufReader::new(file)).take(limit));
    let mut total = 0_u64;
    for (number, entry) in tar.entries().map_err(cannot_read)?.enumerate() {
        let mut entry = entry.map_err(cannot_read)?;
        let kind = entry.header().entry_type();
        if kind.is_pax_global_extensions() {
            continue;
        }
        let refuse = |entry: &Path, reason| DataError::UnsafeArchive {
            archive: path.to_owned(),
            entry: entry.to_owned(),
            reason,
        };
        let name = entry.path().map_err(cannot_read)?.into_owned();
        let inside = safe_path(&name, &archive.folder).map_err(|reason| refuse(&name, reason))?;
        if number >= MAX_ENTRIES {
            return Err(refuse(&name, "the archive has too many entries"));
        }
        if !kind.is_file() && !kind.is_dir() {
            return Err(refuse(&name, "it is neither a plain file nor a folder"));
        }
        total = total.saturating_add(entry.size());
        if total > archive.max_bytes {
            return Err(DataError::TooLarge {
                origin: path.to_owned(),
                limit: archive.max_bytes,
                found: total,
            });
        }
        let destination = temporary.path().join(inside);
        let size = entry.size();
        write_entry(&destination, kind.is_dir(), size, &mut entry)?;
    }

    let extracted = temporary.path().join(&archive.folder);
    if !extracted.is_dir() {
        return Err(DataError::missing(
            &path.join(&archive.folder),
            "the folder that the archive consists of",
        ));
    }
    let folder = root.join(&archive.folder);
    fs::rename(&extracted, &folder).map_err(|error| DataError::io(&folder, "create folder", error))
}

/// Removes the folders that killed processes have left half-extracted; that of one that is at work is locked.
fn remove_leftovers(root: &Path, prefix: &str) {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let left = entry.file_name().to_string_lossy().starts_with(prefix)
            && entry.file_type().is_ok_and(|kind| kind.is_dir())
            && File::open(entry.path()).is_ok_and(|folder| folder.try_lock().is_ok());
        if left {
            // What cannot be removed is only litter.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The entry's path if it stays inside `folder`, else what is wrong with it.
fn safe_path(name: &Path, folder: &str) -> Result<PathBuf, &'static str> {
    let mut safe = PathBuf::new();
    for component in name.components() {
        match component {
            Component::Normal(part) => safe.push(part),
            Component::CurDir => {}
            Component::ParentDir => return Err("its path contains `..`"),
            Component::RootDir | Component::Prefix(_) => return Err("its path is absolute"),
        }
    }
    if safe.components().next().map(Component::as_os_str) != Some(OsStr::new(folder)) {
        return Err("it is outside the expected folder");
    }
    Ok(safe)
}

fn write_entry(path: &Path, is_folder: bool, size: u64, content: &mut impl Read) -> Result<(), DataError> {
    let parent = if is_folder { Some(path) } else { path.parent() };
    if let Some(parent) = parent {
        fs::create_dir_all(parent).map_err(|error| DataError::io(parent, "create folder", error))?;
    }
    if is_folder {
        return Ok(());
    }
    let cannot_write = |error| DataError::io(path, "extract", error);
    let mut file = File::create_new(path).map_err(cannot_write)?;
    let written = io::copy(content, &mut file).map_err(cannot_write)?;
    if written != size {
        return Err(DataError::Truncated {
            path: path.to_owned(),
            offset: 0,
            expected: size,
            found: written,
        });
    }
    file.sync_all().map_err(cannot_write)
}

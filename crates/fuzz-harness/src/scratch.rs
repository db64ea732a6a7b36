//! A folder for the files of an input.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

thread_local! {
    static FOLDER: TempDir = tempfile::tempdir().expect("a temporary folder");
}

/// Writes a file into the thread's folder, over an older one of that name.
pub(crate) fn write(name: &str, content: &[u8]) -> PathBuf {
    FOLDER.with(|folder| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new(""))).expect("a writable folder");
        std::fs::write(&path, content).expect("a writable folder");
        path
    })
}

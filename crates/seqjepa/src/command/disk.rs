//! How much room files take.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::path::Path;

/// Bytes of the files below a folder; of several names of one file, one counts. What cannot be looked at counts nothing, and links
/// are not followed.
pub(super) fn bytes_below(folder: &Path) -> u64 {
    sum(folder, &mut HashSet::new())
}

fn sum(folder: &Path, seen: &mut HashSet<(u64, u64)>) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let mut bytes = 0;
    for entry in entries.flatten() {
        let Ok(data) = entry.metadata() else { continue };
        if data.is_dir() {
            bytes += sum(&entry.path(), seen);
        } else if data.is_file() && is_new(&data, seen) {
            bytes += data.len();
        }
    }
    bytes
}

#[cfg(unix)]
fn is_new(data: &Metadata, seen: &mut HashSet<(u64, u64)>) -> bool {
    use std::os::unix::fs::MetadataExt;
    data.nlink() == 1 || seen.insert((data.dev(), data.ino()))
}

#[cfg(not(unix))]
fn is_new(_: &Metadata, _: &mut HashSet<(u64, u64)>) -> bool {
    true
}

/// A number of bytes for people, as `12.5 MiB`.
pub(super) fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            let digits = usize::from(unit != "B" && value < 100.0);
            return format!("{value:.digits$} {unit}");
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_for_people() {
        let sizes = [0, 1023, 1536, 13_107_200, 316 << 20, 5 << 40].map(size);
        assert_eq!(sizes, ["0 B", "1023 B", "1.5 KiB", "12.5 MiB", "316 MiB", "5.0 TiB"]);
    }

    #[test]
    fn two_names_of_one_file_count_once() {
        let scratch = tempfile::tempdir().unwrap();
        fs::create_dir(scratch.path().join("below")).unwrap();
        fs::write(scratch.path().join("a"), [0; 100]).unwrap();
        fs::write(scratch.path().join("below/b"), [0; 10]).unwrap();
        fs::hard_link(scratch.path().join("a"), scratch.path().join("below/c")).unwrap();
        assert_eq!(bytes_below(scratch.path()), if cfg!(unix) { 110 } else { 210 });
        assert_eq!(bytes_below(&scratch.path().join("absent")), 0);
    }
}

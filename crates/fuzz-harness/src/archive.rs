//! The extraction of a data set's archive, which must not write outside its folder.

use std::fs;
use std::path::Path;

use md5::{Digest, Md5};
use seqjepa_data::download::{Archive, Downloader};

use crate::Mode;
use crate::idx::gzip;

const BLOCK: usize = 512;
const FOLDER: &str = "set";
const MAX_BYTES: u64 = 1 << 20;

/// Writes the right checksum into every header of a tar file, so that changed headers are read and not refused.
fn repair(tar: &mut [u8]) {
    let mut at = 0;
    while let Some(block) = tar.get_mut(at..at + BLOCK) {
        let mut header = tar::Header::new_old();
        header.as_mut_bytes().copy_from_slice(block);
        if block.iter().any(|byte| *byte != 0) {
            header.set_cksum();
            block.copy_from_slice(header.as_bytes());
        }
        let size = header.entry_size().unwrap_or(0).min(MAX_BYTES) as usize;
        at += BLOCK + size.next_multiple_of(BLOCK);
    }
}

/// Switches: 0 the bytes are the gzip file itself; else they are the tar file, 1 with its checksums repaired.
pub fn run(data: &[u8]) {
    let Some((mode, rest)) = Mode::split(data) else { return };
    let bytes = if mode.has(0) {
        rest.to_vec()
    } else {
        let mut tar = rest.to_vec();
        if mode.has(1) {
            repair(&mut tar);
        }
        gzip(&tar)
    };
    let outer = tempfile::tempdir().expect("a temporary folder");
    let root = outer.path().join("root");
    fs::create_dir(&root).expect("a writable folder");
    let (name, witness) = ("set.tar.gz", outer.path().join("witness"));
    fs::write(root.join(name), &bytes).expect("a writable folder");
    fs::write(&witness, "untouched").expect("a writable folder");
    let archive = Archive {
        file_name: name.into(),
        md5: Md5::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect(),
        folder: FOLDER.into(),
        max_bytes: MAX_BYTES,
    };

    let extracted = Downloader::with_base_url("http://unused.invalid")
        .download(&archive, &root, &mut |_| std::ops::ControlFlow::Continue(()));

    assert_eq!(fs::read(&witness).expect("the file beside the root"), b"untouched");
    assert_eq!(names(outer.path()), ["root", "witness"]);
    match extracted {
        Ok(folder) => {
            assert_eq!(names(&root), [FOLDER, name]);
            assert!(plain_size(&folder) <= MAX_BYTES);
        }
        // Nothing is left of a refused archive.
        Err(_) => assert_eq!(names(&root), [name]),
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

/// Bytes of all files below; fails for anything but files and folders.
fn plain_size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    entries
        .map(|entry| {
            let metadata = entry.path().symlink_metadata().expect("metadata");
            assert!(metadata.is_file() || metadata.is_dir(), "{}", entry.path().display());
            if metadata.is_dir() { plain_size(&entry.path()) } else { metadata.len() }
        })
        .sum()
}

//! What a file is, told from its header alone.

use std::io::Read;
use std::path::Path;

use seqjepa_data::regular::open_regular;
use serde_json::Value;

use super::file::HEADER_KEY;

/// The longest header that is looked at, in bytes; SafeTensors has none that is longer.
const LONGEST: u64 = 100_000_000;

/// Whether a file begins as a checkpoint of a run does, whole or not. What cannot be read is none.
#[must_use]
pub fn is_checkpoint(path: &Path) -> bool {
    header(path)
        .is_some_and(|header| header.get("__metadata__").is_some_and(|data| data.get(HEADER_KEY).is_some()))
}

fn header(path: &Path) -> Option<Value> {
    let (mut file, _) = open_regular(path, u64::MAX).ok()?;
    let mut length = [0; 8];
    file.read_exact(&mut length).ok()?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST {
        return None;
    }
    let mut text = Vec::new();
    file.take(length).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_known_by_its_metadata() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("a.safetensors");
        let write = |header: &str| {
            let length = u64::try_from(header.len()).unwrap().to_le_bytes();
            std::fs::write(&path, [&length[..], header.as_bytes()].concat()).unwrap();
            is_checkpoint(&path)
        };
        assert!(write(r#"{"__metadata__":{"seqjepa":"format: 3"}}"#));
        for other in [r#"{"__metadata__":{"format":"pt"}}"#, "{}", "no JSON", ""] {
            assert!(!write(other), "{other}");
        }
        std::fs::write(&path, [255; 64]).unwrap();
        assert!(!is_checkpoint(&path) && !is_checkpoint(scratch.path()));
    }
}

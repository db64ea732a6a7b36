//! Hashes that say which bytes a figure comes from.

use std::io::Read;
use std::path::Path;

use seqjepa_data::regular::open_regular;
use seqjepa_model::DynMethod;
use seqjepa_train::storage::StorageError;
use sha2::{Digest, Sha256};

/// SHA-256 of a file in hexadecimal digits, as `sha256sum` prints it.
///
/// # Errors
///
/// [`StorageError`] if it cannot be read.
pub fn file_sha256(path: &Path) -> Result<String, StorageError> {
    let fail = |source| StorageError::new("read", path, source);
    let (mut file, _) = open_regular(path, u64::MAX).map_err(fail)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(fail)? {
            0 => return Ok(format!("{:x}", hash.finalize())),
            read => hash.update(&buffer[..read]),
        }
    }
}

/// SHA-256 over names, shapes and values of all parameters and running statistics: the same for a method in memory and for
/// any checkpoint that holds it. Waits for the device.
#[must_use]
pub fn method_sha256(method: &dyn DynMethod) -> String {
    let mut hash = Sha256::new();
    for (name, data) in method.state_dict() {
        hash.update(name.as_bytes());
        hash.update(format!("{:?}{:?}", data.dtype(), data.shape()).as_bytes());
        hash.update(data.as_bytes());
    }
    format!("{:x}", hash.finalize())
}

/// SHA-256 of a text.
pub(crate) fn text_sha256(text: &str) -> String {
    format!("{:x}", Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    // printf abc | sha256sum
    #[test]
    fn hashes_are_those_of_the_usual_tool() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(text_sha256("abc"), expected);
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("file");
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(file_sha256(&path).unwrap(), expected);
        assert!(file_sha256(scratch.path()).unwrap_err().to_string().contains("read"));
    }
}

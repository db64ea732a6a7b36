//! Hashes that say which bytes a figure comes from.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use seqjepa_data::ImageSet;
use seqjepa_model::SeqJepa;
use seqjepa_nn::state_dict;
use sha2::{Digest, Sha256};

use crate::TrainError;

/// SHA-256 of a file in hexadecimal digits, as `sha256sum` prints it.
///
/// # Errors
///
/// [`TrainError::Io`] if it cannot be read.
pub fn file_sha256(path: &Path) -> Result<String, TrainError> {
    let fail = |source| TrainError::io("read", path, source);
    let mut file = File::open(path).map_err(fail)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(fail)? {
            0 => return Ok(hex(hash)),
            read => hash.update(&buffer[..read]),
        }
    }
}

/// SHA-256 over names, shapes and values of all parameters and running statistics: the same for a model in memory and for
/// any checkpoint that holds it.
#[must_use]
pub fn model_sha256(model: &SeqJepa) -> String {
    let mut hash = Sha256::new();
    for (name, data) in state_dict(model) {
        hash.update(name.as_bytes());
        hash.update(format!("{:?}{:?}", data.dtype(), data.shape()).as_bytes());
        hash.update(data.as_bytes());
    }
    hex(hash)
}

/// SHA-256 over the pixels and labels of a split.
pub(crate) fn images_sha256(images: &ImageSet) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{}x{}x{}", images.len(), images.height(), images.width()).as_bytes());
    hash.update(images.pixels());
    for label in images.labels() {
        hash.update(label.to_le_bytes());
    }
    hex(hash)
}

/// SHA-256 of a text.
pub(crate) fn text_sha256(text: &str) -> String {
    hex(Sha256::new().chain_update(text))
}

/// A hash in hexadecimal digits.
pub(crate) fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

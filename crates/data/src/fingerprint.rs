//! What data are known by.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A SHA-256 digest in hexadecimal digits, by which a resumed run knows its data.
///
/// Two sources with one fingerprint hold the same data; what it covers is for each source to say.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The digest of a sequence of byte strings, as if they were one.
    #[must_use]
    pub fn of<B: AsRef<[u8]>>(parts: impl IntoIterator<Item = B>) -> Self {
        let mut hash = Sha256::new();
        parts.into_iter().for_each(|part| hash.update(part));
        Self(format!("{:x}", hash.finalize()))
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // printf abc | sha256sum
    #[test]
    fn the_digest_is_that_of_the_joined_parts() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        for parts in [&["abc"][..], &["a", "", "bc"]] {
            assert_eq!(Fingerprint::of(parts).to_string(), expected);
        }
        let text = serde_json::to_string(&Fingerprint::of(["abc"])).unwrap();
        assert_eq!(text, format!("\"{expected}\""));
    }
}

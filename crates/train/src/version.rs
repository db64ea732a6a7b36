//! Which code made a file.

use serde::{Deserialize, Serialize};

/// The code that trained or measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeVersion {
    /// Version of this project.
    pub version: String,
    /// The git commit it was built from, with `-dirty` behind it if sources were changed; absent in a build outside git.
    pub commit: Option<String>,
}

impl CodeVersion {
    /// Of this release, built outside git.
    #[must_use]
    pub fn release() -> Self {
        Self { version: env!("CARGO_PKG_VERSION").into(), commit: None }
    }
}

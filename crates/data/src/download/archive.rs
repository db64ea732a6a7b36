//! What is downloaded.

use std::path::{Component, Path};

use crate::error::DataError;

/// A gzip-compressed tar archive that holds one folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// File name, appended to the base URL: `cifar-100-binary.tar.gz`.
    pub file_name: String,
    /// MD5 of the file, 32 hexadecimal digits.
    pub md5: String,
    /// The folder that the archive consists of: `cifar-100-binary`.
    pub folder: String,
    /// Most bytes that the file, and its content once extracted, may have.
    pub max_bytes: u64,
}

impl Archive {
    /// CIFAR-100 in its binary form, 161 MiB.
    #[must_use]
    pub fn cifar100() -> Self {
        Self::official("cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8", "cifar-100-binary")
    }

    /// CIFAR-10 in its binary form, 162 MiB.
    #[must_use]
    pub fn cifar10() -> Self {
        Self::official("cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530", "cifar-10-batches-bin")
    }

    fn official(file_name: &str, md5: &str, folder: &str) -> Self {
        // Both archives extract to 185 MB.
        let max_bytes = 512 << 20;
        Self { file_name: file_name.into(), md5: md5.into(), folder: folder.into(), max_bytes }
    }

    pub(super) fn validate(&self) -> Result<(), DataError> {
        for (name, value) in [("archive file name", &self.file_name), ("archive folder", &self.folder)] {
            let mut components = Path::new(value).components();
            if !matches!((components.next(), components.next()), (Some(Component::Normal(_)), None)) {
                return Err(DataError::invalid(name, "one plain file name", value));
            }
        }
        if self.md5.len() != 32 || !self.md5.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(DataError::invalid("archive md5", "32 hexadecimal digits", &self.md5));
        }
        Ok(())
    }
}

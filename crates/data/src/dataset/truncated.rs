//! What becomes of damaged pictures.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::dataset::ImageFile;
use crate::dataset::decoder::Tolerance;
use crate::error::DataError;

/// What becomes of picture files that are cut short or corrupt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum TruncatedImages {
    /// The first one is an error that names it.
    #[default]
    Error,
    /// They are left out, as are files that hold no picture of a kind that is read.
    Skip,
    /// What can be decoded is used, as Pillow does with `LOAD_TRUNCATED_IMAGES`: of a JPEG or PNG the rows that are there, the
    /// rest black, or grey where a JPEG's coefficients are missing. Files that hold no picture stay errors.
    Accept,
}

impl TruncatedImages {
    /// Decodes a file so; `None` where it is left out.
    ///
    /// # Errors
    /// Those of [`ImageFile::read`], but for what is skipped or accepted.
    pub fn read(self, path: impl Into<PathBuf>) -> Result<Option<ImageFile>, DataError> {
        match ImageFile::read_with(path, self.tolerance()) {
            Err(error) if self.skips(&error) => Ok(None),
            file => file.map(Some),
        }
    }

    /// Whether a file with this error is left out.
    pub(super) fn skips(self, error: &DataError) -> bool {
        let unreadable = matches!(
            error,
            DataError::DamagedImage { .. } | DataError::UnsupportedImage { .. } | DataError::TooLarge { .. }
        );
        self == Self::Skip && unreadable
    }

    pub(super) fn tolerance(self) -> Tolerance {
        match self {
            Self::Error | Self::Skip => Tolerance::Strict,
            Self::Accept => Tolerance::Damaged,
        }
    }
}

//! One picture file to RGB pixels.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::augment::ImageView;
use crate::augment::{AugmentParams, Scratch};
use crate::dataset::decoder::{Decoded, Fault, MAX_FILE, Tolerance, decode};
use crate::dataset::file::{open, try_reserve};
use crate::error::DataError;

/// Longest side of a decoded square, in pixels.
pub(crate) const MAX_SIDE: usize = 1024;

/// What a picture file should be, in words.
const PICTURE: &str = "a JPEG, PNG, WebP, GIF, TIFF, BMP or PNM file";

/// Decodes `path` into `out`, `[side, side, 3]`, by [`AugmentParams::centre_square`]; returns whether it is damaged.
pub(crate) fn decode_square(
    path: &Path,
    side: usize,
    tolerance: Tolerance,
    scratch: &mut Scratch,
    out: &mut [u8],
) -> Result<bool, DataError> {
    let image = decode_file(path, tolerance)?;
    let square = AugmentParams::centre_square(image.height, image.width, side);
    square.apply(ImageView::new(&image.pixels, image.height, image.width)?, scratch, out)?;
    Ok(image.damage.is_some())
}

/// Decodes a regular file, both sides at least 1 pixel long.
pub(crate) fn decode_file(path: &Path, tolerance: Tolerance) -> Result<Decoded, DataError> {
    decode(&read_file(path)?, tolerance).map_err(|fault| match fault {
        Fault::Damaged(damage) => {
            DataError::DamagedImage { path: path.to_owned(), offset: damage.offset, found: damage.found }
        }
        Fault::Unsupported(found) => {
            DataError::UnsupportedImage { path: path.to_owned(), expected: PICTURE.to_owned(), found }
        }
        Fault::TooLarge { limit, found } => DataError::TooLarge { origin: path.to_owned(), limit, found },
    })
}

/// A whole file, of bounded length.
fn read_file(path: &Path) -> Result<Vec<u8>, DataError> {
    let (file, length) = open(path, PICTURE)?;
    let too_large = |found| DataError::TooLarge { origin: path.to_owned(), limit: MAX_FILE, found };
    if length > MAX_FILE {
        return Err(too_large(length));
    }
    let mut bytes = try_reserve(path, length)?;
    // The file may grow meanwhile.
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| DataError::io(path, "read", error))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes)
}

/// One picture file, decoded at its own size: what Pillow's `Image.open(file).convert("RGB")` gives.
///
/// The format is told by the content, whatever the name says. Grey images are replicated; 16-bit colours keep their high byte,
/// 16-bit grey is clipped at 255, as it is a number for Pillow and no share of white; transparency is dropped without blending;
/// orientation tags are ignored; of several pictures in a file, the first is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFile {
    path: PathBuf,
    pixels: Vec<u8>,
    height: usize,
    width: usize,
    damaged: bool,
}

impl ImageFile {
    /// Decodes the file.
    ///
    /// # Errors
    /// With the path: [`DataError::Io`], [`DataError::NotRegular`] for what is not a regular file,
    /// [`DataError::DamagedImage`] with the offset where data end too early or are corrupt,
    /// [`DataError::UnsupportedImage`] for another kind of file, and [`DataError::TooLarge`] for a file above 256 MiB, a
    /// picture above 89 478 485 pixels, or one that declares far more pixels than its bytes can hold.
    pub fn read(path: impl Into<PathBuf>) -> Result<Self, DataError> {
        Self::read_with(path, Tolerance::Strict)
    }

    /// The same, also of a JPEG, PNG or GIF that is damaged: what cannot be decoded keeps the value that Pillow gives it with
    /// `LOAD_TRUNCATED_IMAGES`. See [`is_damaged`](Self::is_damaged).
    ///
    /// # Errors
    /// As [`read`](Self::read), for a file whose header cannot be read.
    pub fn read_damaged(path: impl Into<PathBuf>) -> Result<Self, DataError> {
        Self::read_with(path, Tolerance::Damaged)
    }

    pub(super) fn read_with(path: impl Into<PathBuf>, tolerance: Tolerance) -> Result<Self, DataError> {
        let path = path.into();
        let Decoded { pixels, height, width, damage } = decode_file(&path, tolerance)?;
        Ok(Self { path, pixels, height, width, damaged: damage.is_some() })
    }

    /// The image files in a folder and up to four folders below it, by name; of a path that is no folder, itself.
    ///
    /// # Errors
    /// [`DataError::Missing`] if nothing is there, or no file with the ending of a picture.
    pub fn list(path: &Path) -> Result<Vec<PathBuf>, DataError> {
        if path.is_dir() {
            super::listing::images_below(path)
        } else if path.exists() {
            Ok(vec![path.to_owned()])
        } else {
            Err(DataError::missing(path, "an image file, or a folder of them"))
        }
    }

    /// The path that it was read from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether some of its pixels could not be decoded; never of [`read`](Self::read).
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.damaged
    }

    /// The image, borrowed.
    #[must_use]
    pub fn image(&self) -> ImageView<'_> {
        ImageView::new(&self.pixels, self.height, self.width).expect("the decoder gives whole images")
    }
}

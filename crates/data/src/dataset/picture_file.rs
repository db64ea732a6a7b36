//! One JPEG or PNG file to RGB pixels.

use std::fs::File;
use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use ::image::error::{DecodingError, ImageError, ImageFormatHint, ImageResult};
use ::image::{ImageReader, Limits, RgbImage};

use crate::augment::ImageView;
use crate::augment::{AugmentParams, Scratch};
use crate::error::DataError;

/// Longest side of a decoded square, in pixels.
pub(crate) const MAX_SIDE: usize = 1024;

/// Longest side that a file may declare, in pixels.
const MAX_SOURCE_SIDE: u32 = 16_384;

/// Most memory that decoding one file may take, in bytes.
const MAX_ALLOCATION: u64 = 1 << 30;

/// What a byte of a file may stand for, in bytes of the RGB image: the most that PNG's DEFLATE can make of one. Photographs
/// have about 10; a JPEG of a single colour has some hundreds. Only drawings of fewer than 24 bits a pixel can need more.
const MAX_EXPANSION: u64 = 1032;

/// An image of this many bytes is decoded however short its file is.
const UNSUSPICIOUS: u64 = 16 << 20;

/// Decodes `path` into `out`, `[side, side, 3]`, by [`AugmentParams::centre_square`].
pub(crate) fn decode_square(
    path: &Path,
    side: usize,
    scratch: &mut Scratch,
    out: &mut [u8],
) -> Result<(), DataError> {
    let image = decode_rgb(path)?;
    let (width, height) = (image.width() as usize, image.height() as usize);
    let square = AugmentParams::centre_square(height, width, side);
    square.apply(ImageView::new(image.as_raw(), height, width)?, scratch, out)?;
    Ok(())
}

/// Decodes `path` to RGB, both sides at least 1 pixel long.
pub(crate) fn decode_rgb(path: &Path) -> Result<RgbImage, DataError> {
    check_declared_size(path)?;
    let mut reader = open(path)?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SOURCE_SIDE);
    limits.max_image_height = Some(MAX_SOURCE_SIDE);
    limits.max_alloc = Some(MAX_ALLOCATION);
    reader.limits(limits);
    let image = guarded(path, || reader.decode())?.into_rgb8();
    let (width, height) = image.dimensions();
    if width == 0 || height == 0 {
        return Err(DataError::malformed(
            path,
            0,
            "image size",
            "sides of 1 pixel or more",
            format!("{width}x{height}"),
        ));
    }
    Ok(image)
}

/// Runs a decoder. Some damaged files make decoders panic (fuzzing found such JPEGs): that is an error of the file, with its
/// name, like any other.
fn guarded<T>(path: &Path, decode: impl FnOnce() -> ImageResult<T>) -> Result<T, DataError> {
    let panicked = |_| {
        let reason = "the decoder panicked: the file is damaged in a way that it does not expect";
        let extension = path.extension().unwrap_or_default().into();
        Err(ImageError::Decoding(DecodingError::new(ImageFormatHint::PathExtension(extension), reason)))
    };
    let decoded = catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(panicked);
    decoded.map_err(|source| DataError::Decode { path: path.to_owned(), source })
}

fn open(path: &Path) -> Result<ImageReader<BufReader<File>>, DataError> {
    ImageReader::open(path)
        .and_then(ImageReader::with_guessed_format)
        .map_err(|error| DataError::io(path, "read", error))
}

/// Refuses a file that declares more pixels than so few bytes can hold: decoders ask for the memory of all of them first.
fn check_declared_size(path: &Path) -> Result<(), DataError> {
    let length = std::fs::metadata(path).map_err(|error| DataError::io(path, "read", error))?.len();
    let reader = open(path)?;
    let (width, height) = guarded(path, || reader.into_dimensions())?;
    let declared = (3 * u64::from(width)).saturating_mul(u64::from(height));
    let limit = length.saturating_mul(MAX_EXPANSION).max(UNSUSPICIOUS);
    if declared > limit {
        return Err(DataError::TooLarge { origin: path.to_owned(), limit, found: declared });
    }
    Ok(())
}

/// One JPEG or PNG file, decoded at its own size.
///
/// Grey images are replicated, 16-bit samples reduced to 8, transparency dropped without blending, and orientation tags
/// ignored, as in [`ImageFolder`](super::ImageFolder).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFile {
    path: PathBuf,
    pixels: Vec<u8>,
    height: usize,
    width: usize,
}

impl ImageFile {
    /// Decodes the file.
    ///
    /// # Errors
    /// [`DataError::Io`] or [`DataError::Decode`], with the path; also for sides above 16 384 pixels.
    /// [`DataError::TooLarge`] for a file that declares far more pixels than it can hold.
    pub fn read(path: impl Into<PathBuf>) -> Result<Self, DataError> {
        let path = path.into();
        let image = decode_rgb(&path)?;
        let (width, height) = image.dimensions();
        Ok(Self { path, pixels: image.into_raw(), height: height as usize, width: width as usize })
    }

    /// The image files in a folder and up to four folders below it, by name; of a path that is no folder, itself.
    ///
    /// # Errors
    /// [`DataError::Missing`] if nothing is there, or no file ending in `.png`, `.jpg` or `.jpeg`.
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

    /// The image, borrowed.
    #[must_use]
    pub fn image(&self) -> ImageView<'_> {
        ImageView::new(&self.pixels, self.height, self.width).expect("the decoder gives whole images")
    }
}

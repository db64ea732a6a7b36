//! One JPEG or PNG file to RGB pixels.

use std::path::{Path, PathBuf};

use ::image::imageops::{self, FilterType};
use ::image::{ImageReader, Limits, RgbImage};

use crate::error::DataError;
use crate::image::ImageView;

/// Longest side of a decoded square, in pixels.
pub(crate) const MAX_SIDE: usize = 1024;

/// Longest side that a file may declare, in pixels.
const MAX_SOURCE_SIDE: u32 = 16_384;

/// Most memory that decoding one file may take, in bytes.
const MAX_ALLOCATION: u64 = 1 << 30;

/// Decodes `path` into `out`, `[side, side, 3]`: the centre square, resized with an antialiasing bilinear filter.
///
/// The square is cut before it is resized, so that a very long image costs no more than a square one.
pub(crate) fn decode_square(path: &Path, side: usize, out: &mut [u8]) -> Result<(), DataError> {
    let image = decode_rgb(path)?;
    let (width, height) = image.dimensions();
    let shorter = width.min(height);
    let square = imageops::crop_imm(&image, (width - shorter) / 2, (height - shorter) / 2, shorter, shorter);
    if shorter as usize == side {
        out.copy_from_slice(square.to_image().as_raw());
    } else {
        // `MAX_SIDE` fits a `u32`.
        let resized = imageops::resize(&*square, side as u32, side as u32, FilterType::Triangle);
        out.copy_from_slice(resized.as_raw());
    }
    Ok(())
}

/// Decodes `path` to RGB, both sides at least 1 pixel long.
pub(crate) fn decode_rgb(path: &Path) -> Result<RgbImage, DataError> {
    let decode_error = |source| DataError::Decode { path: path.to_owned(), source };
    let mut reader = ImageReader::open(path)
        .and_then(ImageReader::with_guessed_format)
        .map_err(|error| DataError::io(path, "read", error))?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SOURCE_SIDE);
    limits.max_image_height = Some(MAX_SOURCE_SIDE);
    limits.max_alloc = Some(MAX_ALLOCATION);
    reader.limits(limits);
    let image = reader.decode().map_err(decode_error)?.into_rgb8();
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
            super::folder::images_below(path)
        } else if path.exists() {
            Ok(vec![path.to_owned()])
        } else {
            Err(DataError::missing(path, "an image file, or a folder of them"))
        }
    }

    /// Where it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The image, borrowed.
    pub fn image(&self) -> ImageView<'_> {
        ImageView::new(&self.pixels, self.height, self.width).expect("the decoder gives whole images")
    }
}

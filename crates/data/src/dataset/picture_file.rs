//! One JPEG or PNG file to a square of RGB pixels.

use std::path::Path;

use ::image::imageops::{self, FilterType};
use ::image::{ImageReader, Limits, RgbImage};

use crate::error::DataError;

/// Longest side of a decoded square, in pixels.
pub(crate) const MAX_SIDE: usize = 1024;

/// Longest side that a file may declare, in pixels.
const MAX_SOURCE_SIDE: u32 = 16_384;

/// Most memory that decoding one file may take, in bytes.
const MAX_ALLOCATION: u64 = 1 << 30;

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
    if width.min(height) == 0 {
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

//! Borrowed 8-bit source images.

use super::AugmentError;

/// How the bytes of an [`ImageView`] are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// Three interleaved bytes a pixel: red, green, blue.
    Rgb,
    /// One byte a pixel. Augmented as if replicated to three channels, at a third of the resize cost.
    Gray,
}

impl PixelFormat {
    /// Bytes per pixel: 3 or 1.
    #[must_use]
    pub const fn channels(self) -> usize {
        match self {
            Self::Rgb => 3,
            Self::Gray => 1,
        }
    }
}

/// A borrowed 8-bit image, row by row from the top, `[height, width, channels]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageView<'a> {
    pixels: &'a [u8],
    height: usize,
    width: usize,
    format: PixelFormat,
}

impl<'a> ImageView<'a> {
    /// Wraps interleaved RGB bytes, `[height, width, 3]`.
    ///
    /// # Errors
    /// [`AugmentError::ZeroSize`] if a side is zero, [`AugmentError::PixelCount`] if the slice is not
    /// `height * width * 3` bytes long.
    pub fn new(pixels: &'a [u8], height: usize, width: usize) -> Result<Self, AugmentError> {
        Self::with_format(pixels, height, width, PixelFormat::Rgb)
    }

    /// Wraps grey bytes, `[height, width]`.
    ///
    /// # Errors
    /// As [`ImageView::new`], with `height * width` bytes expected.
    pub fn gray(pixels: &'a [u8], height: usize, width: usize) -> Result<Self, AugmentError> {
        Self::with_format(pixels, height, width, PixelFormat::Gray)
    }

    fn with_format(
        pixels: &'a [u8],
        height: usize,
        width: usize,
        format: PixelFormat,
    ) -> Result<Self, AugmentError> {
        if height == 0 || width == 0 {
            return Err(AugmentError::ZeroSize { what: "image", height, width });
        }
        let expected = height.checked_mul(width).and_then(|n| n.checked_mul(format.channels()));
        if expected != Some(pixels.len()) {
            return Err(AugmentError::PixelCount {
                expected: expected.unwrap_or(usize::MAX),
                found: pixels.len(),
            });
        }
        Ok(Self { pixels, height, width, format })
    }

    /// The bytes, `[height, width, channels]`.
    #[must_use]
    pub fn pixels(&self) -> &'a [u8] {
        self.pixels
    }

    /// Number of rows.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// Number of columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// RGB or grey.
    #[must_use]
    pub fn format(&self) -> PixelFormat {
        self.format
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_lengths_and_zero_sides_are_errors() {
        assert!(ImageView::new(&[0; 12], 2, 2).is_ok());
        assert!(ImageView::gray(&[0; 4], 2, 2).is_ok());
        assert_eq!(ImageView::new(&[0; 11], 2, 2), Err(AugmentError::PixelCount { expected: 12, found: 11 }));
        assert_eq!(
            ImageView::new(&[], 0, 2),
            Err(AugmentError::ZeroSize { what: "image", height: 0, width: 2 })
        );
        assert!(ImageView::new(&[], usize::MAX, 3).is_err());
    }
}

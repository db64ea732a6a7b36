use crate::error::TrackingError;

/// A picture to log: the bytes of a PNG file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    png: Vec<u8>,
    width: i32,
    height: i32,
    colour_channels: i32,
}

impl Picture {
    /// A PNG file, whose size in pixels is read from its head. The pixels themselves are not looked at.
    ///
    /// # Errors
    ///
    /// [`TrackingError::NotPng`].
    pub fn from_png(png: Vec<u8>) -> Result<Self, TrackingError> {
        let refuse = |found| TrackingError::NotPng { found };
        // <https://www.w3.org/TR/png-3/>, 5.2 and 11.2.1: signature, length, IHDR, width, height, depth, colour type.
        if !png.starts_with(b"\x89PNG\r\n\x1a\n") {
            return Err(refuse("other bytes"));
        }
        if png.get(12..16) != Some(b"IHDR") || png.len() < 33 {
            return Err(refuse("a PNG file without its head"));
        }
        let side = |at: usize| {
            let bytes = png[at..at + 4].try_into().expect("four bytes");
            i32::try_from(u32::from_be_bytes(bytes)).ok().filter(|side| *side > 0)
        };
        let size = side(16).zip(side(20));
        let (width, height) = size.ok_or(refuse("a size out of range"))?;
        let colour_channels = match png[25] {
            0 => 1,
            2 | 3 => 3,
            4 => 2,
            6 => 4,
            _ => return Err(refuse("an unknown colour type")),
        };
        Ok(Self { png, width, height, colour_channels })
    }

    /// The file.
    #[must_use]
    pub fn png(&self) -> &[u8] {
        &self.png
    }

    /// Pixels from left to right.
    #[must_use]
    pub fn width(&self) -> i32 {
        self.width
    }

    /// Pixels from top to bottom.
    #[must_use]
    pub fn height(&self) -> i32 {
        self.height
    }

    /// 1 grey, 2 grey and alpha, 3 RGB (also a palette), 4 RGBA.
    #[must_use]
    pub fn colour_channels(&self) -> i32 {
        self.colour_channels
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The head of a picture, which is all that is looked at.
    pub(crate) fn png(width: u32, height: u32, colour: u8) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        bytes.extend(width.to_be_bytes().into_iter().chain(height.to_be_bytes()));
        bytes.extend([8, colour, 0, 0, 0, 0, 0, 0, 0]);
        bytes
    }

    #[test]
    fn the_size_is_that_of_the_file() {
        for (colour, channels) in [(0, 1), (2, 3), (3, 3), (4, 2), (6, 4)] {
            let picture = Picture::from_png(png(3, 70_000, colour)).unwrap();
            assert_eq!((picture.width(), picture.height(), picture.colour_channels()), (3, 70_000, channels));
        }
    }

    #[test]
    fn what_is_no_png_is_refused() {
        for (bytes, words) in [
            (Vec::new(), "other bytes"),
            (b"\xff\xd8\xff".to_vec(), "other bytes"),
            (png(1, 1, 2)[..20].to_vec(), "without its head"),
            (png(0, 1, 2), "size out of range"),
            (png(1, u32::MAX, 2), "size out of range"),
            (png(1, 1, 1), "colour type"),
        ] {
            let message = Picture::from_png(bytes).unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
    }
}

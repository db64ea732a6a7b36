//! WebP by the `image-webp` crate; of an animation, the first frame.

use std::io::Cursor;

use image_webp::{DecodingError, WebPDecoder};

use super::limits::MAX_WORKING;
use super::{Decoded, Fault, check_size};

/// The canvas of an animation, or the samples beside the RGB that is given: four bytes a pixel.
const WORKING: u64 = 4;

pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, Fault> {
    let mut cursor = Cursor::new(bytes);
    read(bytes.len(), &mut cursor).map_err(|problem| match problem {
        Problem::Known(fault) => fault,
        Problem::Decoding(DecodingError::MemoryLimitExceeded) => {
            Fault::TooLarge { limit: MAX_WORKING, found: MAX_WORKING + 1 }
        }
        Problem::Decoding(DecodingError::UnsupportedFeature(what)) => {
            Fault::Unsupported(format!("a WebP file with {what}"))
        }
        Problem::Decoding(DecodingError::IoError(_)) => {
            Fault::damaged(cursor.position(), "the end of the file before that of the picture")
        }
        Problem::Decoding(error) => Fault::damaged(cursor.position(), error.to_string()),
    })
}

enum Problem {
    Decoding(DecodingError),
    Known(Fault),
}

fn read(length: usize, cursor: &mut Cursor<&[u8]>) -> Result<Decoded, Problem> {
    let mut decoder = WebPDecoder::new(cursor).map_err(Problem::Decoding)?;
    decoder.set_memory_limit(usize::try_from(MAX_WORKING).unwrap_or(usize::MAX));
    let (width, height) = decoder.dimensions();
    check_size(length, width, height, WORKING).map_err(Problem::Known)?;
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    let (width, height) = (width as usize, height as usize);
    let mut pixels = vec![0; channels * width * height];
    decoder.read_image(&mut pixels).map_err(Problem::Decoding)?;
    if channels == 4 {
        // Alpha is left out without blending, in place.
        for pixel in 0..width * height {
            pixels.copy_within(4 * pixel..4 * pixel + 3, 3 * pixel);
        }
        pixels.truncate(3 * width * height);
    }
    Ok(Decoded { pixels, height, width, damage: None })
}

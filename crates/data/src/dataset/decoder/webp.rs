//! WebP by the `image-webp` crate; of an animation, the first frame.

use std::io::Cursor;

use image_webp::{DecodingError, WebPDecoder};

use super::limits::MAX_WORKING;
use super::{Decoded, Fault, check_size};

/// The canvas of an animation, or the samples beside the RGB that is given: four bytes a pixel.
const WORKING: u64 = 4;

pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, Fault> {
    check_chunks(bytes)?;
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

/// Refuses a file that is shorter than it says, or whose chunks do not fit in what holds them: the decoder takes what is missing for
/// zeros.
fn check_chunks(bytes: &[u8]) -> Result<(), Fault> {
    let number = |at: usize| {
        let field = bytes.get(at..at + 4).and_then(|field| field.try_into().ok());
        field.map(|field| u32::from_le_bytes(field) as usize)
    };
    let short = || Fault::damaged(bytes.len() as u64, "the end of the file before that of the picture");
    let end = 8 + number(4).ok_or_else(short)?;
    if end > bytes.len() {
        return Err(short());
    }
    // The ends of what holds the chunks: the file, and within it a frame of an animation.
    let mut ends = vec![end];
    let mut at = 12;
    while let Some(&end) = ends.last() {
        if at >= end {
            ends.pop();
            continue;
        }
        let start = at as u64;
        let overrun = |what: &str| Fault::damaged(start, format!("{what} that ends after what holds it"));
        let length = number(at + 4).filter(|_| at + 8 <= end).ok_or_else(|| overrun("a chunk's header"))?;
        let (name, data) = (&bytes[at..at + 4], at + 8);
        if length > end - data {
            return Err(overrun("a chunk"));
        }
        if at == 12 && name != b"VP8X" {
            // A picture alone; what follows is not read.
            return Ok(());
        }
        at = data + length + length % 2;
        if name == b"ANMF" && ends.len() == 1 {
            // Before its chunks, a frame has its place and its duration.
            if length < 16 {
                return Err(overrun("a frame"));
            }
            ends.push(data + length);
            at = data + 16;
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(name: &[u8], length: u32, data: &[u8]) -> Vec<u8> {
        [name, &length.to_le_bytes(), data].concat()
    }

    fn file(chunks: &[u8]) -> Vec<u8> {
        chunk(b"RIFF", u32::try_from(4 + chunks.len()).unwrap(), &[b"WEBP", chunks].concat())
    }

    fn offset(bytes: &[u8]) -> Option<u64> {
        match check_chunks(bytes) {
            Ok(()) => None,
            Err(Fault::Damaged(damage)) => Some(damage.offset),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_missing_is_noticed_before_decoding() {
        let single = file(&chunk(b"VP8L", 6, &[0; 6]));
        assert_eq!(offset(&single), None);
        assert_eq!(offset(&[single.as_slice(), b"more"].concat()), None);
        for length in 8..single.len() {
            assert_eq!(offset(&single[..length]), Some(length as u64));
        }
        assert_eq!(offset(&file(&chunk(b"VP8L", 7, &[0; 6]))), Some(12));

        let head = chunk(b"VP8X", 10, &[0; 10]);
        let frame =
            |length, inner| chunk(b"ANMF", length, &[&[0; 16][..], &chunk(b"VP8 ", inner, &[0; 4])].concat());
        let animated = |length, inner| file(&[head.clone(), frame(28, 4), frame(length, inner)].concat());
        assert_eq!(offset(&animated(28, 4)), None);
        assert_eq!(offset(&animated(30, 4)), Some(66));
        assert_eq!(offset(&animated(28, 5)), Some(90));
        assert_eq!(offset(&animated(8, 4)), Some(66));
        assert_eq!(offset(&file(&[head.as_slice(), b"VP8"].concat())), Some(30));
    }
}

//! What decoding one file may take.
//!
//! A file's bytes, its pixels and what a decoder works with together stay within 1 GiB a thread.

use super::Fault;

/// Longest file, in bytes: 256 MiB.
pub(crate) const MAX_FILE: u64 = 256 << 20;

/// Most pixels of a picture: those whose RGB takes 256 MiB. Pillow warns of a decompression bomb above the same number.
pub(super) const MAX_PIXELS: u64 = (256 << 20) / 3;

/// Most bytes that a decoder may work with, beside the file and the RGB pixels.
pub(super) const MAX_WORKING: u64 = 512 << 20;

/// What a byte of a file may stand for, in bytes of the RGB image: the most that PNG's DEFLATE can make of one. Photographs
/// have about 10; a JPEG of a single colour has some hundreds. Only drawings of fewer than 24 bits a pixel can need more.
const MAX_EXPANSION: u64 = 1032;

/// An image of this many bytes is decoded however short its file is.
const UNSUSPICIOUS: u64 = 64 << 20;

/// Refuses a picture without pixels, with too many, or with more than so few bytes can hold: decoders ask for the memory of all
/// of them first. `working` is what a pixel takes in the decoder, in bytes.
pub(super) fn check_size(length: usize, width: u32, height: u32, working: u64) -> Result<(), Fault> {
    if width == 0 || height == 0 {
        return Err(Fault::damaged(0, format!("a size of {width}x{height} pixels")));
    }
    let pixels = u64::from(width).saturating_mul(u64::from(height));
    let bytes = pixels.saturating_mul(3);
    let limit = (length as u64).saturating_mul(MAX_EXPANSION).clamp(UNSUSPICIOUS, 3 * MAX_PIXELS);
    if bytes > limit {
        return Err(Fault::TooLarge { limit, found: bytes });
    }
    let found = pixels.saturating_mul(working);
    if found > MAX_WORKING {
        return Err(Fault::TooLarge { limit: MAX_WORKING, found });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bounded_by_pixels_by_the_file_and_by_what_a_decoder_needs() {
        let large = usize::MAX;
        assert_eq!(check_size(large, 9459, 9459, 4), Ok(()));
        for (length, width, height, working, limit) in [
            (large, 9460, 9460, 1, 3 * MAX_PIXELS),
            (large, u32::MAX, u32::MAX, 1, 3 * MAX_PIXELS),
            (1000, 5000, 5000, 1, UNSUSPICIOUS),
            (100_000, 8000, 8000, 1, 100_000 * MAX_EXPANSION),
            (large, 9000, 9000, 8, MAX_WORKING),
        ] {
            let refused = check_size(length, width, height, working);
            assert!(
                matches!(refused, Err(Fault::TooLarge { limit: found, .. }) if found == limit),
                "{refused:?}"
            );
        }
        assert!(matches!(check_size(large, 0, 5, 1), Err(Fault::Damaged(_))));
        const { assert!(MAX_FILE + 3 * MAX_PIXELS + MAX_WORKING <= 1 << 30) };
    }
}

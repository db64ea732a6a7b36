//! JPEG by libjpeg-turbo's decoder, with the settings that Pillow gives it: the slow integer transform and fancy upsampling.
//!
//! Baseline, extended and progressive, Huffman and arithmetic coded, 8 bits a sample; grey, RGB, YCbCr, CMYK and YCCK. Whoever
//! wants another decoder to give the same bytes has to do the same arithmetic, down to the rounding of the upsampling.

mod libjpeg;

use self::libjpeg::{Header, Ink, Reading, Stop, Warnings};
use super::{Damage, Decoded, Fault, Tolerance, check_size, modes};

/// What the decoder of the coefficients takes, for each pixel: sequential files of one scan take a few rows only, which is why
/// this is left to the library's own limit ([`libjpeg::MAX_MEMORY`]).
const WORKING: u64 = 0;

/// End of image.
const EOI: [u8; 2] = [0xff, 0xd9];

pub(super) fn decode(bytes: &[u8], tolerance: Tolerance) -> Result<Decoded, Fault> {
    match read(bytes, Warnings::Stop) {
        Err(Fault::Damaged(damage)) if tolerance == Tolerance::Damaged => {
            // As Pillow does with LOAD_TRUNCATED_IMAGES: the end is supplied, after which the library fills what is missing.
            let ended = [bytes, &EOI].concat();
            let mut decoded = read(&ended, Warnings::Pass)?;
            decoded.damage.get_or_insert(damage);
            Ok(decoded)
        }
        decoded => decoded,
    }
}

/// With [`Warnings::Stop`] damage is a fault; with [`Warnings::Pass`] it is noted beside what could be decoded.
fn read(bytes: &[u8], warnings: Warnings) -> Result<Decoded, Fault> {
    let mut reading = Reading::new(bytes, warnings)?;
    let Header { width, height, ink } = reading.header().map_err(|stop| fault(stop, bytes, "its header"))?;
    check_size(bytes.len(), width, height, WORKING)?;
    let (width, height) = (width as usize, height as usize);
    let mut pixels = vec![0; 3 * width * height];
    let rows = read_rows(&mut reading, ink, width, &mut pixels);
    let damage = match rows {
        Ok(()) => reading.damage().map(|(offset, found)| Damage { offset, found }),
        Err((stop, row)) => {
            if warnings == Warnings::Stop || matches!(stop, Stop::Unsupported(_) | Stop::Memory) {
                return Err(fault(stop, bytes, &format!("row {row} of {height}")));
            }
            if ink == Ink::Cmyk {
                // Rows that are not there hold no ink.
                pixels[3 * width * row..].fill(255);
            }
            let (Stop::Truncated | Stop::Corrupt { .. } | Stop::Unsupported(_) | Stop::Memory) = stop;
            Some(Damage { offset: bytes.len() as u64, found: format!("no more than {row} rows of {height}") })
        }
    };
    match damage {
        Some(damage) if warnings == Warnings::Stop => Err(Fault::Damaged(damage)),
        damage => Ok(Decoded { pixels, height, width, damage }),
    }
}

/// Fills `pixels` from above; of a stop, the row that could not be read.
fn read_rows(
    reading: &mut Reading<'_>,
    ink: Ink,
    width: usize,
    pixels: &mut [u8],
) -> Result<(), (Stop, usize)> {
    reading.start().map_err(|stop| (stop, 0))?;
    let mut row = vec![0; ink.channels() * width];
    for (number, out) in pixels.chunks_exact_mut(3 * width).enumerate() {
        match ink {
            Ink::Rgb => reading.row(out),
            Ink::Grey | Ink::Cmyk => reading.row(&mut row),
        }
        .map_err(|stop| (stop, number))?;
        match ink {
            Ink::Rgb => {}
            Ink::Grey => {
                for (out, &value) in out.chunks_exact_mut(3).zip(&row) {
                    out.fill(value);
                }
            }
            // Adobe's programs write such files inverted, and Pillow takes all of them for theirs.
            Ink::Cmyk => {
                for (out, inverted) in out.chunks_exact_mut(3).zip(row.chunks_exact(4)) {
                    let ink = [inverted[0], inverted[1], inverted[2], inverted[3]].map(|value| 255 - value);
                    out.copy_from_slice(&modes::cmyk(ink));
                }
            }
        }
    }
    reading.finish().map_err(|stop| (stop, pixels.len() / (3 * width)))
}

fn fault(stop: Stop, bytes: &[u8], place: &str) -> Fault {
    match stop {
        Stop::Truncated => Fault::damaged(bytes.len() as u64, format!("the end of the file before {place}")),
        Stop::Corrupt { offset, found } => Fault::damaged(offset, found),
        Stop::Unsupported(found) => Fault::Unsupported(found),
        Stop::Memory => Fault::TooLarge { limit: libjpeg::MAX_MEMORY, found: libjpeg::MAX_MEMORY + 1 },
    }
}

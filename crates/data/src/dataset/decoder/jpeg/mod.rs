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
    let (decoded, stop) = read(bytes, tolerance)?;
    if !matches!(stop, Some(Stop::Truncated)) {
        return Ok(decoded);
    }
    // As Pillow does with LOAD_TRUNCATED_IMAGES: the end is supplied, after which the library fills what is missing.
    let (mut ended, _) = read(&[bytes, &EOI].concat(), tolerance)?;
    ended.damage = decoded.damage;
    Ok(ended)
}

/// With [`Tolerance::Damaged`], what stopped it is noted beside what could be decoded; otherwise it is a fault.
fn read(bytes: &[u8], tolerance: Tolerance) -> Result<(Decoded, Option<Stop>), Fault> {
    let warnings = match tolerance {
        Tolerance::Strict => Warnings::Stop,
        Tolerance::Damaged => Warnings::Pass,
    };
    let mut reading = Reading::new(bytes, warnings)?;
    let header = reading.header().map_err(|stop| fault(&stop, bytes, "its picture data"))?;
    let Header { width, height, ink } = header;
    check_size(bytes.len(), width, height, WORKING)?;
    let (width, height) = (width as usize, height as usize);
    let mut pixels = vec![0; 3 * width * height];
    let rows = read_rows(&mut reading, ink, width, &mut pixels);
    let mut damage = reading.damage().map(|(offset, found)| Damage { offset, found });
    let Err((stop, row)) = rows else {
        return Ok((Decoded { pixels, height, width, damage }, None));
    };
    match fault(&stop, bytes, &format!("row {row} of {height}")) {
        Fault::Damaged(found) if tolerance == Tolerance::Damaged => damage = damage.or(Some(found)),
        fault => return Err(fault),
    }
    if ink == Ink::Cmyk {
        // Rows that are not there hold no ink.
        pixels[3 * width * row..].fill(255);
    }
    Ok((Decoded { pixels, height, width, damage }, Some(stop)))
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

fn fault(stop: &Stop, bytes: &[u8], place: &str) -> Fault {
    match stop {
        Stop::Truncated => Fault::damaged(bytes.len() as u64, format!("the end of the file before {place}")),
        Stop::Corrupt { offset, found } => Fault::damaged(*offset, found),
        Stop::Unsupported(found) => Fault::Unsupported(found.clone()),
        Stop::Memory => Fault::TooLarge { limit: libjpeg::MAX_MEMORY, found: libjpeg::MAX_MEMORY + 1 },
    }
}

//! PGM and PPM, of any greatest value, scaled as Pillow's `PpmImagePlugin` does.

use super::modes::clip;
use super::{Decoded, Fault, check_size};

/// The longest number that Pillow reads.
const LONGEST: usize = 10;

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rounded, from 0 to 65535 times 65535"
)]
pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, Fault> {
    let (plain, channels) = match bytes.get(1) {
        Some(b'2') => (true, 1),
        Some(b'3') => (true, 3),
        Some(b'5') => (false, 1),
        _ => (false, 3),
    };
    let mut text = Text { bytes, at: 2 };
    let [width, height, greatest] = [text.number()?, text.number()?, text.number()?];
    if !(1..65536).contains(&greatest) {
        return Err(Fault::damaged(text.at as u64, format!("a greatest value of {greatest}")));
    }
    check_size(bytes.len(), width, height, 0)?;
    let (width, height) = (width as usize, height as usize);
    let count = width * height * channels;
    // Grey of more than 8 bits is of Pillow's mode `I`: numbers, scaled to 65535 and clipped.
    let most = if channels == 1 && greatest > 255 { 65535.0 } else { 255.0 };
    let scaled = |value: u32| clip((f64::from(value) / f64::from(greatest) * most).round_ties_even() as u32);

    let mut pixels = Vec::with_capacity(3 * width * height);
    let mut push = |value: u32| pixels.extend(std::iter::repeat_n(scaled(value), 3 / channels));
    if plain {
        for _ in 0..count {
            let value = text.number()?;
            if value > greatest {
                return Err(Fault::damaged(text.at as u64, format!("{value}, above the greatest value")));
            }
            push(value);
        }
    } else {
        let size = if greatest < 256 { 1 } else { 2 };
        let samples =
            bytes.get(text.at..).and_then(|samples| samples.get(..count * size)).ok_or_else(|| end(bytes))?;
        for sample in samples.chunks_exact(size) {
            push(sample.iter().fold(0, |value, &byte| value << 8 | u32::from(byte)));
        }
    }
    Ok(Decoded { pixels, height, width, damage: None })
}

fn end(bytes: &[u8]) -> Fault {
    Fault::damaged(bytes.len() as u64, "the end of the file before that of the picture")
}

/// The numbers of a header or of a plain file.
struct Text<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Text<'_> {
    /// The next number, with the one blank after it; comments are left out wherever they stand.
    fn number(&mut self) -> Result<u32, Fault> {
        let mut value = 0_u32;
        let mut length = 0;
        while let Some(&byte) = self.bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'#' => {
                    let rest = &self.bytes[self.at..];
                    let line = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
                    self.at += line.map_or(rest.len(), |line| line + 1);
                }
                b' ' | b'\t'..=b'\r' if length == 0 => {}
                b' ' | b'\t'..=b'\r' => return Ok(value),
                b'0'..=b'9' if length < LONGEST => {
                    value = value.saturating_mul(10).saturating_add(u32::from(byte - b'0'));
                    length += 1;
                }
                _ => return Err(Fault::damaged(self.at as u64 - 1, "something else than a number")),
            }
        }
        // A plain file may end with its last number.
        if length > 0 { Ok(value) } else { Err(end(self.bytes)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Image.open(io.BytesIO(data)).convert("RGB").tobytes()
    #[test]
    fn samples_are_scaled_as_in_pillow() {
        for (data, expected) in [
            (&b"P6 1 1 100\n\x00\x32\x64"[..], [0, 128, 255]),
            (b"P6 1 1 100\n\x01\x21\xff", [3, 84, 255]),
            (b"P6 1#x\n 1 65535\n\x00\x80\x01\x81\xff\xff", [0, 1, 255]),
            (b"P5 1 1 1000\n\x00\x02", [131; 3]),
            (b"P5 1 1 65535\n\x00\xfe", [254; 3]),
            (b"P3 1 1 7\n0 1#x\n 6", [0, 36, 219]),
        ] {
            let decoded = decode(data).unwrap();
            assert_eq!(decoded.pixels, expected, "{}", data.escape_ascii());
        }
    }

    #[test]
    fn what_is_missing_or_no_number_is_named_with_its_place() {
        for (data, expected) in [
            (&b"P6 2 1 255\n\x00\x32\x64"[..], 14),
            (b"P3 1 1 7\n0 1", 12),
            (b"P3 1 1 7\n0 8 1", 13),
            (b"P5 1 x 7\n", 5),
            (b"P5 1 1 0\n", 9),
        ] {
            let Err(Fault::Damaged(damage)) = decode(data) else { panic!("{}", data.escape_ascii()) };
            assert_eq!(damage.offset, expected, "{}", data.escape_ascii());
        }
    }
}

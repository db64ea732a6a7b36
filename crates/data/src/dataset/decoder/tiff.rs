//! The first picture of a TIFF file by the `tiff` crate: no compression, LZW, Deflate or PackBits; grey, RGB and CMYK.

use std::io::Cursor;

use ::tiff::decoder::{Decoder, DecodingResult, Limits};
use ::tiff::tags::Tag;
use ::tiff::{ColorType, TiffError};

use super::limits::MAX_WORKING;
use super::modes::{clip, clip_float, cmyk, unpack};
use super::{Decoded, Fault, check_size};

pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, Fault> {
    let mut cursor = Cursor::new(bytes);
    read(bytes.len(), &mut cursor).map_err(|problem| match problem {
        Problem::Known(fault) => fault,
        Problem::Decoding(TiffError::LimitsExceeded) => {
            Fault::TooLarge { limit: MAX_WORKING, found: MAX_WORKING + 1 }
        }
        Problem::Decoding(TiffError::UnsupportedError(what)) => {
            Fault::Unsupported(format!("a TIFF file: {what}"))
        }
        Problem::Decoding(TiffError::IoError(_)) => {
            Fault::damaged(cursor.position(), "the end of the file before that of the picture")
        }
        Problem::Decoding(error) => Fault::damaged(cursor.position(), error.to_string()),
    })
}

enum Problem {
    Decoding(TiffError),
    Known(Fault),
}

impl From<TiffError> for Problem {
    fn from(error: TiffError) -> Self {
        Self::Decoding(error)
    }
}

fn unsupported(what: impl std::fmt::Debug) -> Problem {
    Problem::Known(Fault::Unsupported(format!("a TIFF file of the kind {what:?}")))
}

/// The value of `ExtraSamples` of colours that are multiplied by their alpha.
const ASSOCIATED_ALPHA: u16 = 1;

fn read(length: usize, cursor: &mut Cursor<&[u8]>) -> Result<Decoded, Problem> {
    let mut limits = Limits::default();
    limits.decoding_buffer_size = usize::try_from(MAX_WORKING).unwrap_or(usize::MAX);
    limits.intermediate_buffer_size = limits.decoding_buffer_size / 4;
    let mut decoder = Decoder::new(cursor)?.with_limits(limits);
    let (width, height) = decoder.dimensions()?;
    let color = decoder.colortype()?;
    let bits = u64::from(color.bit_depth()) * u64::from(color.num_samples());
    check_size(length, width, height, bits.div_ceil(8)).map_err(Problem::Known)?;
    let (width, height) = (width as usize, height as usize);
    if color.num_samples() > 1 && decoder.find_tag_unsigned::<u16>(Tag::PlanarConfiguration)? == Some(2) {
        return Err(unsupported("one plane for each channel"));
    }
    let orientation = decoder.find_tag_unsigned::<u16>(Tag::Orientation).ok().flatten().unwrap_or(1);
    let extra = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples)?.unwrap_or_default();
    let premultiplied = extra.first() == Some(&ASSOCIATED_ALPHA);
    let pixels = convert(color, decoder.read_image()?, premultiplied, width, height)?;
    if pixels.len() != 3 * width * height {
        return Err(unsupported(color));
    }
    let (pixels, width, height) = turned(pixels, width, height, orientation);
    Ok(Decoded { pixels, height, width, damage: None })
}

/// The picture as its tag of orientation has it stand: Pillow turns a TIFF when it loads it, but no other format.
fn turned(pixels: Vec<u8>, width: usize, height: usize, orientation: u16) -> (Vec<u8>, usize, usize) {
    if !(2..=8).contains(&orientation) {
        return (pixels, width, height);
    }
    let (right, bottom) = (width - 1, height - 1);
    let (wide, high) = if orientation < 5 { (width, height) } else { (height, width) };
    let mut turned = Vec::with_capacity(pixels.len());
    for y in 0..high {
        for x in 0..wide {
            let (column, row) = match orientation {
                2 => (right - x, y),
                3 => (right - x, bottom - y),
                4 => (x, bottom - y),
                5 => (y, x),
                6 => (y, bottom - x),
                7 => (right - y, bottom - x),
                _ => (right - y, x),
            };
            turned.extend_from_slice(&pixels[3 * (row * width + column)..][..3]);
        }
    }
    (turned, wide, high)
}

/// The colours of a pixel that are multiplied by its alpha, the last; black where that is 0 (`unpackRGBa`).
fn divided([red, green, blue, alpha]: [u8; 4]) -> [u8; 3] {
    [red, green, blue].map(|color| (255 * u32::from(color)).checked_div(u32::from(alpha)).map_or(0, clip))
}

fn convert(
    color: ColorType,
    samples: DecodingResult,
    premultiplied: bool,
    width: usize,
    height: usize,
) -> Result<Vec<u8>, Problem> {
    let grey = |value: u8| [value; 3];
    Ok(match (color, samples) {
        (ColorType::Gray(8), DecodingResult::U8(samples)) => samples.into_iter().flat_map(grey).collect(),
        (ColorType::Gray(bits @ (1 | 2 | 4)), DecodingResult::U8(samples)) => {
            let (bits, step) = (usize::from(bits), 255 / (0xff >> (8 - bits)));
            let rows = samples.chunks_exact((width * bits).div_ceil(8)).take(height);
            rows.flat_map(|row| unpack(row, bits, width)).flat_map(|value| grey(value * step)).collect()
        }
        (ColorType::Gray(16), DecodingResult::U16(samples)) => {
            samples.into_iter().flat_map(|value| grey(clip(u32::from(value)))).collect()
        }
        (ColorType::Gray(32), DecodingResult::F32(samples)) => {
            samples.into_iter().flat_map(|value| grey(clip_float(value))).collect()
        }
        (ColorType::Gray(32), DecodingResult::U32(samples)) => {
            samples.into_iter().flat_map(|value| grey(clip(value))).collect()
        }
        (ColorType::Gray(32), DecodingResult::I32(samples)) => {
            let clipped = |value: i32| clip(u32::try_from(value).unwrap_or(0));
            samples.into_iter().flat_map(|value| grey(clipped(value))).collect()
        }
        (
            ColorType::GrayA(8) | ColorType::Multiband { bit_depth: 8, num_samples: 2 },
            DecodingResult::U8(samples),
        ) => samples.chunks_exact(2).flat_map(|pixel| grey(pixel[0])).collect(),
        (ColorType::RGB(8), DecodingResult::U8(samples)) => samples,
        (ColorType::RGBA(8), DecodingResult::U8(samples)) if premultiplied => samples
            .chunks_exact(4)
            .flat_map(|pixel| divided([pixel[0], pixel[1], pixel[2], pixel[3]]))
            .collect(),
        (ColorType::RGBA(16), DecodingResult::U16(samples)) if premultiplied => {
            let pixels = samples.chunks_exact(4);
            pixels.flat_map(|pixel| divided([0, 1, 2, 3].map(|at| pixel[at].to_be_bytes()[0]))).collect()
        }
        (ColorType::RGBA(8), DecodingResult::U8(samples)) => {
            samples.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect()
        }
        (ColorType::RGB(16) | ColorType::RGBA(16), DecodingResult::U16(samples)) => {
            let high = |value: u16| value.to_be_bytes()[0];
            let pixels = samples.chunks_exact(usize::from(color.num_samples()));
            pixels.flat_map(|pixel| [high(pixel[0]), high(pixel[1]), high(pixel[2])]).collect()
        }
        (ColorType::CMYK(8), DecodingResult::U8(samples)) => {
            samples.chunks_exact(4).flat_map(|ink| cmyk([ink[0], ink[1], ink[2], ink[3]])).collect()
        }
        (color, _) => return Err(unsupported(color)),
    })
}

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
    let pixels = convert(color, decoder.read_image()?, width, height)?;
    if pixels.len() != 3 * width * height {
        return Err(unsupported(color));
    }
    Ok(Decoded { pixels, height, width, damage: None })
}

fn convert(
    color: ColorType,
    samples: DecodingResult,
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

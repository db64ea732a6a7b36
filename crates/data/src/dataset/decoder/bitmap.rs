//! BMP and PBM by the `image` crate; PGM and PPM, whose samples Pillow scales in its own way, by [`pnm`](super::pnm).

use std::io::Cursor;

use ::image::codecs::bmp::BmpDecoder;
use ::image::codecs::pnm::PnmDecoder;
use ::image::error::ImageError;
use ::image::{ColorType, ImageDecoder};

use super::modes::clip;
use super::{Decoded, Fault, Format, check_size, pnm};

pub(super) fn decode(bytes: &[u8], format: Format) -> Result<Decoded, Fault> {
    if format == Format::Pnm && !matches!(bytes.get(1), Some(b'1' | b'4')) {
        return pnm::decode(bytes);
    }
    let mut cursor = Cursor::new(bytes);
    let decoded = match format {
        Format::Bmp => BmpDecoder::new(&mut cursor)
            .map_err(Problem::Decoding)
            .and_then(|decoder| read(bytes.len(), decoder)),
        _ => PnmDecoder::new(&mut cursor)
            .map_err(Problem::Decoding)
            .and_then(|decoder| read(bytes.len(), decoder)),
    };
    let decoded = match (decoded, format) {
        (Ok(decoded), Format::Bmp) => Ok(expanded(bytes, decoded)?),
        (decoded, _) => decoded,
    };
    decoded.map_err(|problem| match problem {
        Problem::Known(fault) => fault,
        Problem::Decoding(ImageError::Unsupported(what)) => Fault::Unsupported(what.to_string()),
        Problem::Decoding(ImageError::IoError(_)) => {
            Fault::damaged(cursor.position(), "the end of the file before that of the picture")
        }
        Problem::Decoding(error) => Fault::damaged(cursor.position(), error.to_string()),
    })
}

/// A BMP of 16 bits a pixel with the samples expanded as Pillow does (`unpackBGR15`, `unpackBGR16`), the fraction cut off.
fn expanded(bytes: &[u8], mut decoded: Decoded) -> Result<Decoded, Fault> {
    let number = |at: usize, length: usize| {
        let field = bytes.get(at..at + length).unwrap_or_default();
        field.iter().rev().fold(0_u32, |value, &byte| value << 8 | u32::from(byte))
    };
    let old = number(14, 4) == 12;
    if number(if old { 24 } else { 28 }, 2) != 16 {
        return Ok(decoded);
    }
    let masks = if old || number(30, 4) != 3 { None } else { Some([54, 58, 62].map(|at| number(at, 4))) };
    let green_bits = match masks {
        None | Some([0x7c00, 0x3e0, 0x1f]) => 5,
        Some([0xf800, 0x7e0, 0x1f]) => 6,
        Some(other) => {
            return Err(Fault::Unsupported(format!("a BMP file of 16 bits with the masks {other:x?}")));
        }
    };
    for pixel in decoded.pixels.chunks_exact_mut(3) {
        for (value, bits) in pixel.iter_mut().zip([5, green_bits, 5]) {
            // The decoder's rounding leaves the sample in the high bits.
            let sample = u32::from(*value >> (8 - bits));
            *value = clip(sample * 255 / ((1 << bits) - 1));
        }
    }
    Ok(decoded)
}

enum Problem {
    Decoding(ImageError),
    Known(Fault),
}

fn read(length: usize, decoder: impl ImageDecoder) -> Result<Decoded, Problem> {
    let (width, height) = decoder.dimensions();
    let color = decoder.color_type();
    check_size(length, width, height, u64::from(color.bytes_per_pixel())).map_err(Problem::Known)?;
    let (width, height) = (width as usize, height as usize);
    let mut samples = vec![0; width * height * usize::from(color.bytes_per_pixel())];
    decoder.read_image(&mut samples).map_err(Problem::Decoding)?;
    let pixels = match color {
        ColorType::Rgb8 => samples,
        ColorType::L8 => samples.iter().flat_map(|&grey| [grey; 3]).collect(),
        ColorType::Rgba8 => {
            samples.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect()
        }
        other => return Err(Problem::Known(Fault::Unsupported(format!("samples of the kind {other:?}")))),
    };
    Ok(Decoded { pixels, height, width, damage: None })
}

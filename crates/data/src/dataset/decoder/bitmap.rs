//! BMP and the PNM family (PPM, PGM, PBM) by the `image` crate.

use std::io::Cursor;

use ::image::codecs::bmp::BmpDecoder;
use ::image::codecs::pnm::PnmDecoder;
use ::image::error::ImageError;
use ::image::{ColorType, ImageDecoder};

use super::modes::clip;
use super::{Decoded, Fault, Format, check_size};

pub(super) fn decode(bytes: &[u8], format: Format) -> Result<Decoded, Fault> {
    let mut cursor = Cursor::new(bytes);
    let decoded = match format {
        Format::Bmp => BmpDecoder::new(&mut cursor)
            .map_err(Problem::Decoding)
            .and_then(|decoder| read(bytes.len(), decoder)),
        _ => PnmDecoder::new(&mut cursor)
            .map_err(Problem::Decoding)
            .and_then(|decoder| read(bytes.len(), decoder)),
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
        // Pillow's mode `I` is one of numbers, clipped; its `RGB` is scaled.
        ColorType::L16 => {
            let grey = |sample: &[u8]| clip(u32::from(u16::from_ne_bytes([sample[0], sample[1]])));
            samples.chunks_exact(2).flat_map(|sample| [grey(sample); 3]).collect()
        }
        other => return Err(Problem::Known(Fault::Unsupported(format!("samples of the kind {other:?}")))),
    };
    Ok(Decoded { pixels, height, width, damage: None })
}

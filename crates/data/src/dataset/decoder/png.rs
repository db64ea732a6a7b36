//! PNG by the `png` crate, row by row, with Pillow's meaning of the samples.

use std::io::Cursor;

use ::png::{
    ColorType, Decoder, DecodingError, InterlaceInfo, Limits, Reader, Transformations, expand_interlaced_row,
};

use super::limits::MAX_WORKING;
use super::modes::{clip, unpack};
use super::{Damage, Decoded, Fault, Tolerance, check_size, quiet};

type Source<'c, 'a> = &'c mut Cursor<&'a [u8]>;

pub(super) fn decode(bytes: &[u8], tolerance: Tolerance) -> Result<Decoded, Fault> {
    let read = |tolerance| {
        let mut cursor = Cursor::new(bytes);
        let decoded = read(bytes.len(), &mut cursor, tolerance);
        decoded.map_err(|error| error.at(cursor.position()))
    };
    quiet::guarded(|| match read(Tolerance::Strict) {
        // Once more, passing over wrong checksums, too.
        Err(Fault::Damaged(damage)) if tolerance == Tolerance::Damaged => {
            let mut decoded = read(tolerance)?;
            decoded.damage = Some(damage);
            Ok(decoded)
        }
        decoded => decoded,
    })
}

enum Problem {
    Decoding(DecodingError),
    Known(Fault),
}

impl Problem {
    fn at(self, offset: u64) -> Fault {
        match self {
            Self::Known(fault) => fault,
            Self::Decoding(DecodingError::LimitsExceeded) => {
                Fault::TooLarge { limit: MAX_WORKING, found: MAX_WORKING + 1 }
            }
            Self::Decoding(error) => Fault::Damaged(damage(&error, offset)),
        }
    }
}

fn damage(error: &DecodingError, offset: u64) -> Damage {
    let found = match error {
        DecodingError::IoError(_) => "the end of the file before that of the picture".to_owned(),
        error => error.to_string(),
    };
    Damage { offset, found }
}

fn read(length: usize, cursor: Source<'_, '_>, tolerance: Tolerance) -> Result<Decoded, Problem> {
    let limits = Limits { bytes: usize::try_from(MAX_WORKING).unwrap_or(usize::MAX) };
    let mut decoder = Decoder::new_with_limits(&mut *cursor, limits);
    decoder.set_transformations(Transformations::IDENTITY);
    // Neither is used, and both may expand to anything.
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.ignore_checksums(tolerance == Tolerance::Damaged);
    let header = decoder.read_header_info().map_err(Problem::Decoding)?;
    let (width, height, interlaced) = (header.width, header.height, header.interlaced);
    // An interlaced picture is put together in the file's own samples.
    let working = if interlaced { header.bytes_per_pixel() as u64 } else { 0 };
    check_size(length, width, height, working).map_err(Problem::Known)?;
    let mut reader = decoder.read_info().map_err(Problem::Decoding)?;
    let samples = Samples::of(&reader, width as usize);
    let mut pixels = vec![0; 3 * width as usize * height as usize];
    let rows = if interlaced {
        interlaced_rows(&mut reader, &samples, height as usize, &mut pixels)
    } else {
        plain_rows(&mut reader, &samples, &mut pixels)
    };
    drop(reader);
    let damage = match rows {
        Err(error) if tolerance == Tolerance::Damaged => Some(damage(&error, cursor.position())),
        rows => rows.map(|()| None).map_err(Problem::Decoding)?,
    };
    Ok(Decoded { pixels, height: height as usize, width: width as usize, damage })
}

/// Samples that are not there are 0, as in Pillow.
fn plain_rows(
    reader: &mut Reader<Source<'_, '_>>,
    samples: &Samples,
    pixels: &mut [u8],
) -> Result<(), DecodingError> {
    let absent = vec![0; samples.row_bytes()];
    let mut result = Ok(());
    for out in pixels.chunks_exact_mut(3 * samples.width) {
        let row = if result.is_ok() { reader.next_row() } else { Ok(None) };
        let row = row.unwrap_or_else(|error| {
            result = Err(error);
            None
        });
        samples.convert(row.as_ref().map_or(&absent, |row| row.data()), out);
    }
    result
}

fn interlaced_rows(
    reader: &mut Reader<Source<'_, '_>>,
    samples: &Samples,
    height: usize,
    pixels: &mut [u8],
) -> Result<(), DecodingError> {
    let stride = samples.row_bytes();
    let mut raw = vec![0; stride * height];
    let mut all_rows = || {
        while let Some(row) = reader.next_interlaced_row()? {
            if let InterlaceInfo::Adam7(place) = row.interlace() {
                expand_interlaced_row(&mut raw, stride, row.data(), place, samples.bits_per_pixel());
            }
        }
        Ok(())
    };
    let result = all_rows();
    for (row, out) in raw.chunks_exact(stride).zip(pixels.chunks_exact_mut(3 * samples.width)) {
        samples.convert(row, out);
    }
    result
}

/// What the samples of a file mean.
struct Samples {
    width: usize,
    color: ColorType,
    bits: usize,
    /// 256 colours; those that the file does not give are black.
    palette: Vec<[u8; 3]>,
}

impl Samples {
    fn of(reader: &Reader<Source<'_, '_>>, width: usize) -> Self {
        let info = reader.info();
        let mut palette = Vec::new();
        if info.color_type == ColorType::Indexed {
            let colors = info.palette.as_deref().unwrap_or_default();
            palette.extend(colors.chunks_exact(3).map(|color| [color[0], color[1], color[2]]));
            palette.resize(256, [0; 3]);
        }
        Self { width, color: info.color_type, bits: info.bit_depth as usize, palette }
    }

    fn bits_per_pixel(&self) -> u8 {
        u8::try_from(self.bits * self.color.samples()).expect("at most 4 samples of 16 bits")
    }

    fn row_bytes(&self) -> usize {
        (self.width * usize::from(self.bits_per_pixel())).div_ceil(8)
    }

    /// One row of the file to RGB, alpha left out without blending.
    fn convert(&self, row: &[u8], out: &mut [u8]) {
        if (self.color, self.bits) == (ColorType::Rgb, 8) {
            out.copy_from_slice(row);
            return;
        }
        let out = out.chunks_exact_mut(3);
        match (self.color, self.bits) {
            (ColorType::Grayscale, 8) => out.zip(row).for_each(|(out, &grey)| out.fill(grey)),
            // Pillow's mode `I;16` is one of numbers; all others with 16 bits keep the high byte.
            (ColorType::Grayscale, 16) => out.zip(row.chunks_exact(2)).for_each(|(out, grey)| {
                out.fill(clip(u32::from(u16::from_be_bytes([grey[0], grey[1]]))));
            }),
            (ColorType::Grayscale, bits) => {
                let step = 255 / (0xff >> (8 - bits));
                out.zip(unpack(row, bits, self.width)).for_each(|(out, grey)| out.fill(grey * step));
            }
            (ColorType::Indexed, bits) => {
                for (out, index) in out.zip(unpack(row, bits, self.width)) {
                    out.copy_from_slice(&self.palette[usize::from(index)]);
                }
            }
            (color, bits) => {
                let (each, step) = (bits / 8, color.samples() * bits / 8);
                let grey = color == ColorType::GrayscaleAlpha;
                for (out, pixel) in out.zip(row.chunks_exact(step)) {
                    let sample = |channel: usize| pixel[channel * each];
                    out.copy_from_slice(&if grey { [sample(0); 3] } else { [0, 1, 2].map(sample) });
                }
            }
        }
    }
}

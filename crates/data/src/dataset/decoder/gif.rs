//! The first frame of a GIF by the `gif` crate, on its canvas as Pillow lays it.

use std::io::Cursor;

use ::gif::{ColorOutput, DecodeOptions, Decoder, DecodingError, MemoryLimit};

use super::limits::MAX_WORKING;
use super::{Damage, Decoded, Fault, Tolerance, check_size};

/// The canvas, the frame and its rows before they are put in order: an index each.
const WORKING: u64 = 3;

pub(super) fn decode(bytes: &[u8], tolerance: Tolerance) -> Result<Decoded, Fault> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options.allow_unknown_blocks(true);
    options.set_memory_limit(MemoryLimit::Bytes(std::num::NonZeroU64::new(MAX_WORKING).expect("above 0")));
    let mut decoder =
        options.read_info(Cursor::new(bytes)).map_err(|error| Fault::Damaged(damage(&error, bytes.len())))?;
    let [canvas_width, canvas_height] = [decoder.width(), decoder.height()].map(usize::from);
    let frame = decoder.next_frame_info().map_err(|error| Fault::Damaged(damage(&error, bytes.len())))?;
    let frame = frame.ok_or_else(|| Fault::damaged(bytes.len() as u64, "no picture"))?;
    let [left, top, frame_width, frame_height] =
        [frame.left, frame.top, frame.width, frame.height].map(usize::from);
    let background = frame.transparent.unwrap_or(0);
    // A frame that stands out makes the canvas larger.
    let (width, height) = (canvas_width.max(left + frame_width), canvas_height.max(top + frame_height));
    let [wide, high] = [width, height].map(|side| u32::try_from(side).unwrap_or(u32::MAX));
    check_size(bytes.len(), wide, high, WORKING)?;

    let palette = palette(&decoder);
    let (indices, damage) = indices(&mut decoder, frame_width * frame_height, bytes.len(), tolerance)?;
    let damage = damage.or_else(|| cut_block(bytes));
    if let Some(damage) = damage.clone().filter(|_| tolerance == Tolerance::Strict) {
        return Err(Fault::Damaged(damage));
    }
    let mut canvas = vec![background; width * height];
    if frame_width > 0 {
        for (row, indices) in indices.chunks_exact(frame_width).enumerate() {
            canvas[(top + row) * width + left..][..frame_width].copy_from_slice(indices);
        }
    }
    let pixels = canvas.iter().flat_map(|&index| palette[usize::from(index)]).collect();
    Ok(Decoded { pixels, height, width, damage })
}

/// Whether the file ends within a block of the first picture's data: Pillow does not read such a block, though this decoder may find
/// all pixels in what there is of it.
fn cut_block(bytes: &[u8]) -> Option<Damage> {
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let mut at = 13 + table(*bytes.get(10)?);
    let mut picture = false;
    while !picture {
        match bytes.get(at)? {
            b'!' => at += 2,
            b',' => {
                picture = true;
                at += 11 + table(*bytes.get(at + 9)?);
            }
            // The decoder has passed over it.
            _ => {
                at += 1;
                continue;
            }
        }
        while let Some(&length) = bytes.get(at).filter(|&&length| length > 0) {
            at += 1 + usize::from(length);
            if at > bytes.len() {
                let found = "the end of the file within a block of data".to_owned();
                return Some(Damage { offset: bytes.len() as u64, found });
            }
        }
        at += 1;
    }
    None
}

/// 256 colours; those that the file does not give are black.
fn palette(decoder: &Decoder<Cursor<&[u8]>>) -> Vec<[u8; 3]> {
    let colors = decoder.palette().unwrap_or_default();
    let mut palette: Vec<_> = colors.chunks_exact(3).map(|color| [color[0], color[1], color[2]]).collect();
    palette.resize(256, [0; 3]);
    palette
}

fn indices(
    decoder: &mut Decoder<Cursor<&[u8]>>,
    count: usize,
    length: usize,
    tolerance: Tolerance,
) -> Result<(Vec<u8>, Option<Damage>), Fault> {
    let mut indices = vec![0; count];
    match decoder.read_into_buffer(&mut indices) {
        Ok(()) => Ok((indices, None)),
        Err(error) if tolerance == Tolerance::Damaged => Ok((indices, Some(damage(&error, length)))),
        Err(error) => Err(Fault::Damaged(damage(&error, length))),
    }
}

fn damage(error: &DecodingError, length: usize) -> Damage {
    let found = match error {
        DecodingError::UnexpectedEof | DecodingError::Io(_) => {
            "the end of the file before that of the picture".to_owned()
        }
        error => error.to_string(),
    };
    // The decoder does not say where it is.
    Damage { offset: length as u64, found }
}

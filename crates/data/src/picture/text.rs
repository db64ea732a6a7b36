//! Text in pictures.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};
use image::{Rgb, RgbImage};

/// DejaVu Sans Mono 2.37, the printable ASCII characters: what pictures are labelled in. Its licence is beside it, in the crate's
/// `assets`; `scripts/goldens/font.sh` of the repository makes it.
pub const FONT: &[u8] = include_bytes!("../../assets/DejaVuSansMono-subset.ttf");

/// Pixels from one character to the next.
pub(super) const ADVANCE: u32 = 8;
/// Pixels from one line to the next.
pub(super) const LINE: u32 = 16;

static LOADED: LazyLock<FontRef<'static>> =
    LazyLock::new(|| FontRef::try_from_slice(FONT).expect("the font in the program is whole"));

/// Draws a line of text, its upper left corner at `corner`, each character in a column of 8 x 16 pixels. What lies outside the
/// sheet is cut, and a character that the font lacks is an empty box.
pub(super) fn draw_text(sheet: &mut RgbImage, corner: [u32; 2], text: &str, ink: Rgb<u8>) {
    let font = &*LOADED;
    // So that a character is as wide as its column.
    let unit = font.as_scaled(PxScale::from(100.0));
    let font = font.as_scaled(PxScale::from(100.0 * ADVANCE as f32 / unit.h_advance(unit.glyph_id('0'))));
    let baseline = (LINE as f32 - font.height()) / 2.0 + font.ascent();
    for (place, character) in (0..).zip(text.chars()) {
        let left = corner[0] + place * ADVANCE;
        let at = point(left as f32, corner[1] as f32 + baseline.round());
        let glyph = font.glyph_id(character).with_scale_and_position(font.scale(), at);
        // A space has no outline.
        let Some(outline) = font.outline_glyph(glyph) else { continue };
        let origin = outline.px_bounds().min;
        outline
            .draw(|x, y, coverage| blend(sheet, [origin.x + x as f32, origin.y + y as f32], ink, coverage));
    }
}

/// Lays so much ink over a pixel.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be a place of the sheet; a weighted mean of bytes is a byte"
)]
fn blend(sheet: &mut RgbImage, at: [f32; 2], ink: Rgb<u8>, coverage: f32) {
    if at.iter().any(|place| *place < 0.0) {
        return;
    }
    let Some(pixel) = sheet.get_pixel_mut_checked(at[0] as u32, at[1] as u32) else { return };
    let coverage = coverage.clamp(0.0, 1.0);
    for (value, ink) in pixel.0.iter_mut().zip(ink.0) {
        *value = (f32::from(*value) + coverage * (f32::from(ink) - f32::from(*value))).round() as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAPER: Rgb<u8> = Rgb([255; 3]);
    const INK: Rgb<u8> = Rgb([20; 3]);

    /// Columns and rows with any ink.
    fn inked(sheet: &RgbImage) -> (Vec<u32>, Vec<u32>) {
        let mut places: (Vec<u32>, Vec<u32>) =
            sheet.enumerate_pixels().filter(|(_, _, pixel)| **pixel != PAPER).map(|(x, y, _)| (x, y)).unzip();
        places.0.sort_unstable();
        places.0.dedup();
        places.1.sort_unstable();
        places.1.dedup();
        places
    }

    #[test]
    fn every_character_stays_in_its_column() {
        for character in ' '..='~' {
            let mut sheet = RgbImage::from_pixel(3 * ADVANCE, LINE, PAPER);
            draw_text(&mut sheet, [ADVANCE, 0], &character.to_string(), INK);
            let (columns, rows) = inked(&sheet);
            assert_eq!(columns.is_empty(), character == ' ', "{character}");
            assert!(
                columns.iter().all(|x| (ADVANCE - 1..=2 * ADVANCE).contains(x)),
                "{character}: {columns:?}"
            );
            assert!(rows.len() < LINE as usize, "{character}: {rows:?}");
        }
    }

    #[test]
    fn what_lies_outside_is_cut() {
        let mut sheet = RgbImage::from_pixel(20, 15, PAPER);
        draw_text(&mut sheet, [15, 5], "cut é 実", INK);
        let (columns, rows) = inked(&sheet);
        assert!(columns.iter().all(|x| *x >= 14) && rows.iter().all(|y| *y >= 5) && !columns.is_empty());
    }
}

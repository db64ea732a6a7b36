//! What pictures of figures have in common: paper, ink, font, and the two formats.

use std::io::Cursor;
use std::path::Path;
use std::sync::Once;

use image::{ImageFormat, RgbImage};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::register_font;
use seqjepa_data::picture::FONT;
use seqjepa_train::storage::{StorageError, write_atomically};

use crate::report::plain_text;

/// Pixels of the letters, of a line of text, and around all.
const LETTERS: u32 = 18;
pub(crate) const LINE: u32 = 26;
pub(crate) const MARGIN: u32 = 16;
pub(crate) const INK: RGBColor = RGBColor(20, 20, 20);
pub(crate) const PAPER: RGBColor = WHITE;
/// Of the font, for `plotters` and in SVG.
const FAMILY: &str = "monospace";

/// A picture that is drawn once as pixels and once as lines and texts.
pub(crate) trait Picture {
    /// Width and height in pixels.
    fn size(&self) -> [u32; 2];

    /// Draws the picture on an area of that size.
    fn draw_on<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>>;
}

/// Writes a picture: SVG where the name ends in `.svg`, else PNG.
pub(crate) fn save(picture: &impl Picture, path: &Path) -> Result<(), StorageError> {
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("svg")) {
        return write_atomically(path, svg(picture).as_bytes());
    }
    let mut bytes = Cursor::new(Vec::new());
    let drawn = pixels_of(picture).write_to(&mut bytes, ImageFormat::Png);
    drawn.expect("an RGB image in memory encodes as PNG");
    write_atomically(path, bytes.get_ref())
}

/// The picture as pixels.
pub(crate) fn pixels_of(picture: &impl Picture) -> RgbImage {
    let size = picture.size();
    let mut sheet = RgbImage::new(size[0], size[1]);
    let area = BitMapBackend::with_buffer(&mut sheet, (size[0], size[1])).into_drawing_area();
    picture.draw_on(&area).expect("a buffer in memory takes any pixel");
    drop(area);
    sheet
}

/// The picture as SVG.
pub(crate) fn svg(picture: &impl Picture) -> String {
    let size = picture.size();
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, (size[0], size[1])).into_drawing_area();
    picture.draw_on(&area).expect("a string takes any text");
    drop(area);
    svg
}

/// The font, made known to `plotters` once in a process.
pub(crate) fn font() -> TextStyle<'static> {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        assert!(register_font(FAMILY, FontStyle::Normal, FONT).is_ok(), "the font in the program is whole");
    });
    (FAMILY, LETTERS).into_text_style(&(1, 1))
}

/// Pixels that a text takes.
pub(crate) fn width_of(text: &str) -> u32 {
    font().font.box_size(&plain_text(text)).map_or(0, |(width, _)| width)
}

/// A place as `plotters` takes it.
pub(crate) fn coordinate(place: u32) -> i32 {
    i32::try_from(place).unwrap_or(i32::MAX)
}

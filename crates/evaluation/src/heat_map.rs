//! A grid of figures as a picture.

use std::fmt::Write as _;
use std::io::Cursor;
use std::path::Path;

use image::{ImageFormat, Rgb, RgbImage};
use seqjepa_data::picture::draw_text;
use seqjepa_train::storage::{StorageError, write_atomically};

use crate::report::plain_text;

/// Pixels of a cell, of a glyph, and between things.
const CELL: [u32; 2] = [88, 44];
const GLYPH: u32 = 16;
const MARGIN: u32 = 16;
const INK: [u8; 3] = [20, 20, 20];
const PAPER: [u8; 3] = [255, 255, 255];
const EMPTY: [u8; 3] = [235, 235, 235];

/// Dark to light, evenly spaced: anchors of the viridis colour map.
const COLOURS: [[u8; 3]; 6] =
    [[68, 1, 84], [65, 68, 135], [42, 120, 142], [34, 168, 132], [122, 209, 81], [253, 231, 37]];

/// Figures by row and column, drawn with the numbers in the cells; one colour scale over all of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HeatMap {
    /// Above the grid; printable ASCII.
    pub title: String,
    /// Above the columns.
    pub columns: Vec<String>,
    /// Title and cells of each row; `None` is a cell without a figure.
    pub rows: Vec<(String, Vec<Option<f64>>)>,
    /// Below the grid.
    pub notes: Vec<String>,
}

impl HeatMap {
    /// Writes the picture: SVG where the name ends in `.svg`, else PNG.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), StorageError> {
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("svg")) {
            return write_atomically(path, self.svg().as_bytes());
        }
        let mut bytes = Cursor::new(Vec::new());
        self.draw().write_to(&mut bytes, ImageFormat::Png).expect("an RGB image in memory encodes as PNG");
        write_atomically(path, bytes.get_ref())
    }

    fn draw(&self) -> RgbImage {
        let mut sheet = RgbImage::from_pixel(self.size()[0], self.size()[1], Rgb(PAPER));
        for part in self.parts() {
            match part {
                Part::Cell { corner, colour } => {
                    for y in 0..CELL[1] - 2 {
                        for x in 0..CELL[0] - 2 {
                            sheet.put_pixel(corner[0] + x, corner[1] + y, Rgb(colour));
                        }
                    }
                }
                Part::Text { corner, text, ink } => draw_text(&mut sheet, corner, &text, 2, Rgb(ink)),
            }
        }
        sheet
    }

    /// The same picture as SVG.
    #[must_use]
    pub fn svg(&self) -> String {
        let [width, height] = self.size();
        let hex = |[r, g, b]: [u8; 3]| format!("#{r:02x}{g:02x}{b:02x}");
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"monospace\" font-size=\"{GLYPH}\">\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"{}\"/>\n",
            hex(PAPER)
        );
        for part in self.parts() {
            let line = match part {
                Part::Cell { corner: [x, y], colour } => format!(
                    "<rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" fill=\"{}\"/>",
                    CELL[0] - 2,
                    CELL[1] - 2,
                    hex(colour)
                ),
                Part::Text { corner: [x, y], text, ink } => {
                    let length = pixels(text.chars().count(), GLYPH);
                    let text =
                        plain_text(&text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                    format!(
                        "<text x=\"{x}\" y=\"{}\" textLength=\"{length}\" fill=\"{}\">{text}</text>",
                        y + GLYPH - 3,
                        hex(ink)
                    )
                }
            };
            writeln!(svg, "{line}").expect("a string takes any text");
        }
        svg + "</svg>\n"
    }

    /// Pixels that the row titles take.
    fn label_width(&self) -> u32 {
        let longest = self.rows.iter().map(|(title, _)| title.chars().count()).max().unwrap_or(0);
        pixels(longest, GLYPH) + MARGIN
    }

    fn size(&self) -> [u32; 2] {
        let texts = self.notes.iter().chain([&self.title]).map(|text| text.chars().count());
        let text = pixels(texts.max().unwrap_or(0), GLYPH);
        let grid = self.label_width() + pixels(self.columns.len(), CELL[0]);
        let lines = pixels(self.notes.len(), GLYPH + 6);
        let height = 3 * MARGIN + 2 * (GLYPH + 8) + pixels(self.rows.len(), CELL[1]) + lines;
        [2 * MARGIN + grid.max(text), height]
    }

    fn parts(&self) -> Vec<Part> {
        let figures = || self.rows.iter().flat_map(|(_, cells)| cells).flatten().copied();
        let low = figures().fold(f64::INFINITY, f64::min);
        let high = figures().fold(f64::NEG_INFINITY, f64::max);
        let text = |x, y, text: &str, ink| Part::Text { corner: [x, y], text: text.into(), ink };
        let mut parts = vec![text(MARGIN, MARGIN, &self.title, INK)];
        let left = MARGIN + self.label_width();
        let mut top = MARGIN + GLYPH + 8 + MARGIN / 2;
        for (column, title) in (0..).zip(&self.columns) {
            parts.push(text(left + column * CELL[0] + centred(title), top, title, INK));
        }
        top += GLYPH + 8;
        for (title, cells) in &self.rows {
            let middle = top + (CELL[1] - 2 - GLYPH) / 2;
            parts.push(text(MARGIN, middle, title, INK));
            for (column, figure) in (0..).zip(cells) {
                let x = left + column * CELL[0];
                let colour = figure.map_or(EMPTY, |figure| colour(figure, low, high));
                parts.push(Part::Cell { corner: [x, top], colour });
                let number = figure.map_or_else(|| "-".into(), |figure| format!("{figure:.1}"));
                // Rec. 601 luma: dark ink on light cells.
                let [r, g, b] = colour.map(u32::from);
                let ink = if 299 * r + 587 * g + 114 * b > 140_000 { INK } else { PAPER };
                parts.push(text(x + centred(&number), middle, &number, ink));
            }
            top += CELL[1];
        }
        for (line, note) in (0..).zip(&self.notes) {
            parts.push(text(MARGIN, top + MARGIN / 2 + line * (GLYPH + 6), note, INK));
        }
        parts
    }
}

enum Part {
    Cell { corner: [u32; 2], colour: [u8; 3] },
    Text { corner: [u32; 2], text: String, ink: [u8; 3] },
}

/// Pixels of `count` things of `size` pixels.
fn pixels(count: usize, size: u32) -> u32 {
    u32::try_from(count).map_or(u32::MAX, |count| count.saturating_mul(size))
}

/// Where a text starts that is centred in a cell.
fn centred(text: &str) -> u32 {
    (CELL[0] - 2).saturating_sub(pixels(text.chars().count(), GLYPH)) / 2
}

/// The colour of a figure on the scale from `low` to `high`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place on the scale is not negative, a mean of bytes a byte; what is beyond or no number saturates"
)]
fn colour(figure: f64, low: f64, high: f64) -> [u8; 3] {
    let share = if high > low { (figure - low) / (high - low) } else { 0.5 };
    let place = share * (COLOURS.len() - 1) as f64;
    let below = (place as usize).min(COLOURS.len() - 2);
    let weight = place - below as f64;
    [0, 1, 2].map(|channel| {
        let [a, b] = [COLOURS[below], COLOURS[below + 1]].map(|colour| f64::from(colour[channel]));
        (a + weight * (b - a)).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> HeatMap {
        HeatMap {
            title: "top-1 %".into(),
            columns: vec!["1".into(), "2".into()],
            rows: vec![
                ("paper".into(), vec![Some(10.0), Some(50.0)]),
                ("<run>".into(), vec![None, Some(30.0)]),
            ],
            notes: vec!["a note".into()],
        }
    }

    #[test]
    fn cells_are_coloured_by_their_figure_and_empty_ones_grey() {
        let map = map();
        let sheet = map.draw();
        let left = MARGIN + map.label_width();
        let top = MARGIN + GLYPH + 8 + MARGIN / 2 + GLYPH + 8;
        let pixel = |column: u32, row: u32| sheet.get_pixel(left + column * CELL[0], top + row * CELL[1]).0;
        assert_eq!((pixel(0, 0), pixel(1, 0)), (COLOURS[0], COLOURS[5]));
        assert_eq!(pixel(0, 1), EMPTY);
        assert_eq!(colour(3.0, 3.0, 3.0), colour(0.5, 0.0, 1.0), "one figure alone has the middle colour");
    }

    #[test]
    fn both_files_are_written() {
        let scratch = tempfile::tempdir().unwrap();
        for name in ["grid.png", "grid.svg"] {
            map().save(&scratch.path().join(name)).unwrap();
        }
        let size = image::image_dimensions(scratch.path().join("grid.png")).unwrap();
        assert_eq!(size, map().draw().dimensions());
        let svg = std::fs::read_to_string(scratch.path().join("grid.svg")).unwrap();
        assert!(svg.contains(">50.0</text>") && svg.contains("&lt;run&gt;"), "{svg}");
        HeatMap::default().save(&scratch.path().join("empty.png")).unwrap();
    }
}

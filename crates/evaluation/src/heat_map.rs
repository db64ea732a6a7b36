//! A grid of figures as a picture.

use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use seqjepa_train::storage::StorageError;

use crate::drawing::{INK, LINE, MARGIN, PAPER, Picture, coordinate, font, save, svg, width_of};
use crate::report::plain_text;

/// Pixels of a cell and the gap after it.
const CELL: [u32; 2] = [88, 44];
const GAP: u32 = 2;
const EMPTY: [u8; 3] = [235, 235, 235];

/// Dark to light, evenly spaced: anchors of the viridis colour map.
const COLOURS: [[u8; 3]; 6] =
    [[68, 1, 84], [65, 68, 135], [42, 120, 142], [34, 168, 132], [122, 209, 81], [253, 231, 37]];

/// Figures by row and column, drawn with the numbers in the cells; one colour scale over all of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HeatMap {
    /// Above the grid.
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
        save(self, path)
    }

    /// The same picture as SVG.
    #[must_use]
    pub fn svg(&self) -> String {
        svg(self)
    }

    /// Pixels that the row titles take.
    fn label_width(&self) -> u32 {
        self.rows.iter().map(|(title, _)| width_of(title)).max().unwrap_or(0) + MARGIN
    }
}

impl Picture for HeatMap {
    fn size(&self) -> [u32; 2] {
        let texts = self.notes.iter().chain([&self.title]).map(|text| width_of(text));
        let grid = self.label_width() + pixels(self.columns.len(), CELL[0]);
        let height =
            3 * MARGIN + 2 * LINE + pixels(self.rows.len(), CELL[1]) + pixels(self.notes.len(), LINE);
        [2 * MARGIN + grid.max(texts.max().unwrap_or(0)), height]
    }

    fn draw_on<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let figures = || self.rows.iter().flat_map(|(_, cells)| cells).flatten().copied();
        let low = figures().fold(f64::INFINITY, f64::min);
        let high = figures().fold(f64::NEG_INFINITY, f64::max);
        // Names come from files of others.
        let text = |text: &str, at: (u32, u32), place: HPos, ink: RGBColor| {
            let style = font().color(&ink).pos(Pos::new(place, VPos::Center));
            area.draw(&Text::new(plain_text(text), (coordinate(at.0), coordinate(at.1)), style))
        };
        area.fill(&PAPER)?;
        text(&self.title, (MARGIN, MARGIN + LINE / 2), HPos::Left, INK)?;
        let left = MARGIN + self.label_width();
        let centre = |column: u32| left + column * CELL[0] + (CELL[0] - GAP) / 2;
        let mut top = MARGIN + LINE + MARGIN / 2;
        for (column, title) in (0..).zip(&self.columns) {
            text(title, (centre(column), top + LINE / 2), HPos::Center, INK)?;
        }
        top += LINE;
        for (title, cells) in &self.rows {
            let middle = top + (CELL[1] - GAP) / 2;
            text(title, (MARGIN, middle), HPos::Left, INK)?;
            for (column, figure) in (0..).zip(cells) {
                let [r, g, b] = figure.map_or(EMPTY, |figure| colour(figure, low, high));
                let corner = (coordinate(left + column * CELL[0]), coordinate(top));
                let other = (corner.0 + coordinate(CELL[0] - GAP), corner.1 + coordinate(CELL[1] - GAP));
                area.draw(&Rectangle::new([corner, other], RGBColor(r, g, b).filled()))?;
                let number = figure.map_or_else(|| "-".into(), |figure| format!("{figure:.1}"));
                // Rec. 601 luma: dark ink on light cells.
                let luma = 299 * u32::from(r) + 587 * u32::from(g) + 114 * u32::from(b);
                let ink = if luma > 140_000 { INK } else { PAPER };
                text(&number, (centre(column), middle), HPos::Center, ink)?;
            }
            top += CELL[1];
        }
        for (line, note) in (0..).zip(&self.notes) {
            text(note, (MARGIN, top + MARGIN / 2 + line * LINE + LINE / 2), HPos::Left, INK)?;
        }
        area.present()
    }
}

/// Pixels of `count` things of `size` pixels.
fn pixels(count: usize, size: u32) -> u32 {
    u32::try_from(count).map_or(u32::MAX, |count| count.saturating_mul(size))
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
    use crate::drawing::pixels_of;

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
        let sheet = pixels_of(&map);
        let left = MARGIN + map.label_width();
        let top = MARGIN + LINE + MARGIN / 2 + LINE;
        let pixel =
            |column: u32, row: u32| sheet.get_pixel(left + column * CELL[0] + 1, top + row * CELL[1] + 1).0;
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
        assert_eq!(size, pixels_of(&map()).dimensions());
        let svg = std::fs::read_to_string(scratch.path().join("grid.svg")).unwrap();
        // plotters puts the text of an element on a line of its own.
        assert!(svg.contains("\n50.0\n</text>") && svg.contains("&lt;run&gt;"), "{svg}");
        HeatMap::default().save(&scratch.path().join("empty.png")).unwrap();
    }
}

//! Counts of pairs as coloured cells.

use std::fmt::Write as _;

use image::RgbImage;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::bitmap::{bitmap, clipped, coordinate};
use super::medium::Medium;
use super::svg::by_day;
use crate::html::{escape, short};

/// Rows and columns of counts.
#[derive(Debug, Clone)]
pub(crate) struct Matrix<'a> {
    /// The names, of rows and columns alike.
    pub(crate) names: &'a [String],
    /// `[names, names]`
    pub(crate) counts: &'a [u32],
    /// What the picture is, for those who do not see it.
    pub(crate) words: &'a str,
}

/// Steps of the colour scale.
const STEPS: f64 = 9.0;
/// Pixels of the row names.
const NAMES: usize = 128;
/// Letters of one.
const LETTERS: usize = 12;
/// Names up to which rows and columns have them, and cells their numbers.
const NAMED: usize = 24;

/// What of the picture is where, in pixels of the page.
#[derive(Default)]
struct Layout {
    size: (usize, usize),
    cells: Vec<Cell>,
    texts: Vec<Label>,
}

/// A pair of names.
struct Cell {
    row: usize,
    column: usize,
    /// Left, top, and the length of a side.
    place: [usize; 3],
    count: u32,
    /// All counts of the row.
    total: u64,
}

struct Label {
    text: String,
    /// Where it is anchored, and its middle.
    place: (usize, usize),
    anchor: HPos,
    /// A number on its cell, by whether that is a dark one.
    on_dark: Option<bool>,
}

impl Cell {
    fn share(&self) -> f64 {
        f64::from(self.count) / self.total as f64
    }

    /// The step of the colour scale.
    fn step(&self) -> f64 {
        (self.share() * STEPS).ceil().min(STEPS)
    }
}

impl Matrix<'_> {
    /// The matrix as SVG: the colour of a cell is its share of its row.
    pub(crate) fn svg(&self) -> String {
        let layout = self.layout();
        let mut svg = format!(
            "<svg class=\"chart matrix\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">",
            layout.size.0,
            layout.size.1,
            escape(self.words)
        );
        for cell in &layout.cells {
            let [x, y, side] = cell.place;
            write!(
                svg,
                "<rect class=\"f h{}\" x=\"{x}\" y=\"{y}\" width=\"{side}\" height=\"{side}\"><title>{} as {}: {} of {}</title></rect>",
                cell.step(),
                short(&self.names[cell.row], 40),
                short(&self.names[cell.column], 40),
                cell.count,
                cell.total
            )
            .expect("a string takes any text");
        }
        for label in &layout.texts {
            let class = label.on_dark.map_or("t", |dark| if dark { "i1" } else { "i0" });
            let anchor = if matches!(label.anchor, HPos::Right) { "end" } else { "middle" };
            write!(
                svg,
                "<text class=\"f {class}\" x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
                label.place.0,
                label.place.1 + 4,
                escape(&label.text)
            )
            .expect("a string takes any text");
        }
        svg + "</svg>"
    }

    /// The same as a bitmap.
    pub(crate) fn bitmap(&self) -> RgbImage {
        let layout = self.layout();
        let pixels = |of_page: usize| u32::try_from(of_page).unwrap_or(0);
        let at = |of_page: usize| coordinate(Medium::BITMAP.pixels(pixels(of_page)));
        let size = (pixels(layout.size.0), pixels(layout.size.1));
        bitmap("Confusion: rows are classes, columns what is predicted", size, &[], "", |area| {
            for cell in &layout.cells {
                let [x, y, side] = cell.place;
                let colour = by_day(&format!("h{}", cell.step()));
                let corners = [(at(x), at(y)), (at(x + side) - 1, at(y + side) - 1)];
                area.draw(&Rectangle::new(corners, colour.filled()))?;
            }
            for label in &layout.texts {
                let colour = by_day(label.on_dark.map_or("soft", |dark| if dark { "i1" } else { "i0" }));
                let style = Medium::BITMAP.letters().color(&colour);
                let place = (at(label.place.0), at(label.place.1));
                let style = style.pos(Pos::new(label.anchor, VPos::Center));
                area.draw(&Text::new(clipped(&label.text, NAMED), place, style))?;
            }
            Ok(())
        })
    }

    fn layout(&self) -> Layout {
        let count = self.names.len();
        let named = count <= NAMED;
        let cell = if count <= 12 {
            36
        } else if named {
            24
        } else {
            (640 / count.max(1)).clamp(2, 16)
        };
        let (left, top) = (if named { NAMES } else { 20 }, 24);
        let mut layout =
            Layout { size: (left + count * cell + 8, top + count * cell + 8), ..Layout::default() };
        for row in 0..count {
            let counts = &self.counts[row * count..(row + 1) * count];
            let total = counts.iter().map(|count| u64::from(*count)).sum::<u64>().max(1);
            let y = top + row * cell;
            if named {
                let text = row_name(&self.names[row], row);
                let place = (left - 8, y + cell / 2);
                layout.texts.push(Label { text, place, anchor: HPos::Right, on_dark: None });
                let place = (left + row * cell + cell / 2, top - 12);
                layout.texts.push(Label {
                    text: row.to_string(),
                    place,
                    anchor: HPos::Center,
                    on_dark: None,
                });
            }
            for (column, count) in counts.iter().copied().enumerate() {
                // Of many classes most cells are empty.
                if !named && count == 0 {
                    continue;
                }
                let x = left + column * cell;
                let place = [x, y, cell - usize::from(cell > 4)];
                let found = Cell { row, column, place, count, total };
                if named && count > 0 && count < 100_000 {
                    layout.texts.push(Label {
                        text: count.to_string(),
                        place: (x + cell / 2, y + cell / 2),
                        anchor: HPos::Center,
                        on_dark: Some(found.share() > 0.5),
                    });
                }
                layout.cells.push(found);
            }
        }
        layout
    }
}

/// A class by name and number.
fn row_name(name: &str, row: usize) -> String {
    let end = if name.chars().count() > LETTERS { "…" } else { "" };
    format!("{}{end} {row}", clipped(name, LETTERS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_coloured_by_their_share_of_the_row() {
        let names = ["<a>".to_owned(), "b".to_owned()];
        let matrix = Matrix { names: &names, counts: &[9, 1, 0, 0], words: "\"words\"" };
        let svg = matrix.svg();
        assert!(
            svg.contains("class=\"f h9\"")
                && svg.contains("class=\"f h1\"")
                && svg.contains("class=\"f h0\""),
            "{svg}"
        );
        assert!(
            svg.contains("&lt;a&gt; as b: 1 of 10") && !svg.contains("<a>") && svg.contains("&quot;words"),
            "{svg}"
        );
        let many: Vec<String> = (0..100).map(|name: u32| name.to_string()).collect();
        assert!(Matrix { names: &many, counts: &vec![1; 10_000], words: "" }.svg().len() < 2_000_000);
        let empty = Matrix { names: &[], counts: &[], words: "" };
        assert!(empty.svg().ends_with("</svg>") && empty.bitmap().width() > 0);
        let RGBColor(red, green, blue) = by_day("h9");
        assert!(matrix.bitmap().pixels().any(|pixel| pixel.0 == [red, green, blue]));
    }
}

//! Charts as bitmaps with all that the page says beside them.

use image::RgbImage;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use seqjepa_evaluation::plain_text;

use super::medium::{Area, Failure, Medium};
use super::svg::by_day;

/// Pixels of the page: a line of text, a letter of one, and the space around all.
const LINE: u32 = 18;
const LETTER: u32 = 7;
const MARGIN: u32 = 8;
/// Most entries of a legend, and letters of one.
const ENTRIES: usize = 64;
const LETTERS: usize = 48;

/// What stands for a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Circle,
    Square,
    Triangle,
    Diamond,
}

/// What a colour and a shape stand for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) shape: Shape,
    pub(crate) colour: RGBColor,
    pub(crate) words: String,
}

/// The first letters of a text, none of which steers what shows it.
pub(super) fn clipped(text: &str, most: usize) -> String {
    plain_text(text).chars().take(most).collect()
}

/// A bitmap of a chart that has this size on the page: its title, the chart, what its marks are, and a note.
pub(super) fn bitmap(
    title: &str,
    size: (u32, u32),
    legend: &[Entry],
    note: &str,
    draw: impl FnOnce(&Area<BitMapBackend<'_>>) -> Result<(), Failure<BitMapBackend<'static>>>,
) -> RgbImage {
    let legend = &legend[..legend.len().min(ENTRIES)];
    let words: Vec<String> = legend.iter().map(|entry| clipped(&entry.words, LETTERS)).collect();
    let longest = words.iter().map(|words| words.chars().count()).max().unwrap_or(0);
    let column = u32::try_from(longest).unwrap_or(0) * LETTER + 2 * LINE;
    let columns = (size.0 / column).max(1) as usize;
    let lines = legend.len().div_ceil(columns) + usize::from(!note.is_empty());
    let below = u32::try_from(lines).unwrap_or(0) * LINE;
    let pixels = |of_page: u32| Medium::BITMAP.pixels(of_page);
    let (width, height) = (pixels(size.0 + 2 * MARGIN), pixels(size.1 + below + LINE + 3 * MARGIN));
    let mut picture = RgbImage::new(width, height);
    let area = BitMapBackend::with_buffer(&mut picture, (width, height)).into_drawing_area();
    let paint = || -> Result<(), Failure<BitMapBackend<'static>>> {
        area.fill(&by_day("raised"))?;
        let (head, rest) = area
            .margin(pixels(MARGIN), pixels(MARGIN), pixels(MARGIN), pixels(MARGIN))
            .split_vertically(pixels(LINE + MARGIN));
        let style = Medium::BITMAP.letters().pos(Pos::new(HPos::Left, VPos::Top));
        let ink = by_day("ink");
        let heading = style.color(&ink);
        head.draw(&Text::new(clipped(title, 120), (0, 0), heading))?;
        let (body, foot) = rest.split_vertically(pixels(size.1));
        draw(&body)?;
        let at = |of_page: u32| coordinate(pixels(of_page));
        for (index, (entry, words)) in legend.iter().zip(words).enumerate() {
            let place = |number: usize| u32::try_from(number).unwrap_or(0);
            let (x, y) = (place(index % columns) * column, place(index / columns) * LINE);
            mark(&foot, entry.shape, (at(x + LINE / 2), at(y + LINE / 2)), pixels(4), entry.colour.filled())?;
            let beside = style.pos(Pos::new(HPos::Left, VPos::Center));
            foot.draw(&Text::new(words, (at(x + LINE), at(y + LINE / 2)), beside))?;
        }
        if !note.is_empty() {
            foot.draw(&Text::new(clipped(note, 240), (0, at(below - LINE + 3)), style))?;
        }
        area.present()
    };
    paint().expect("a buffer in memory takes any pixel");
    drop(area);
    picture
}

/// A length in pixels as a coordinate.
pub(super) fn coordinate(pixels: u32) -> i32 {
    i32::try_from(pixels).unwrap_or(i32::MAX)
}

/// Draws a point of this radius.
pub(super) fn mark<B: DrawingBackend>(
    area: &Area<B>,
    shape: Shape,
    (x, y): (i32, i32),
    radius: u32,
    style: ShapeStyle,
) -> Result<(), Failure<B>> {
    let r = coordinate(radius);
    match shape {
        Shape::Circle => area.draw(&Circle::new((x, y), radius, style)),
        Shape::Square => area.draw(&Rectangle::new([(x - r, y - r), (x + r, y + r)], style)),
        Shape::Triangle => area.draw(&TriangleMarker::new((x, y), radius + radius / 2, style)),
        Shape::Diamond => {
            let r = r + r / 3;
            area.draw(&Polygon::new([(x, y - r), (x + r, y), (x, y + r), (x - r, y)], style))
        }
    }
}

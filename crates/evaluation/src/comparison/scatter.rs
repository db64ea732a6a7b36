//! Two figures of several methods against each other, as a picture.

use std::ops::Range;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use seqjepa_train::storage::StorageError;

use crate::drawing::{INK, LINE, MARGIN, PAPER, Picture, coordinate, font, save, svg, width_of};

/// Pixels of the plotting area of a panel, and below and beside it for numbers and titles.
const AREA: [u32; 2] = [720, 460];
const BESIDE: u32 = 84;
const BELOW: u32 = 64;
/// Half the side of a mark.
const MARK: i32 = 5;
/// How much of its colour a bar has.
const PALE: f64 = 0.35;
const GRID: RGBColor = RGBColor(225, 225, 225);

/// Told apart also by those who see fewer colours: the palette of Okabe and Ito, its yellow darkened for white paper.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 130, 180),
    RGBColor(160, 120, 0),
    RGBColor(60, 60, 60),
];

/// A point for each method, with its spread in both figures, and its name beside it; one panel below the other.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScatterPlot {
    /// What is to the right.
    pub(super) x: String,
    /// What is up.
    pub(super) y: String,
    pub(super) panels: Vec<Panel>,
    /// Below all.
    pub(super) note: String,
}

/// The methods on one data set.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Panel {
    pub(super) data_set: String,
    pub(super) title: String,
    pub(super) points: Vec<Point>,
}

/// One method: mean, and standard deviation where there is one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    pub(super) label: String,
    pub(super) x: (f64, Option<f64>),
    pub(super) y: (f64, Option<f64>),
}

impl ScatterPlot {
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
}

impl Picture for ScatterPlot {
    fn size(&self) -> [u32; 2] {
        let texts = self.panels.iter().map(|panel| width_of(&panel.title)).chain([width_of(&self.note)]);
        let width = (BESIDE + AREA[0]).max(texts.max().unwrap_or(0));
        let panels = u32::try_from(self.panels.len()).unwrap_or(u32::MAX);
        let height = panels.saturating_mul(LINE + AREA[1] + BELOW + MARGIN).saturating_add(LINE + 2 * MARGIN);
        [2 * MARGIN + width, height]
    }

    fn draw_on<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        area.fill(&PAPER)?;
        let mut top = MARGIN;
        for panel in &self.panels {
            text(area, &panel.title, (coordinate(MARGIN), coordinate(top + LINE / 2)), HPos::Left, &INK)?;
            self.panel(area, panel, [MARGIN + BESIDE, top + LINE].map(coordinate))?;
            top += LINE + AREA[1] + BELOW + MARGIN;
        }
        text(area, &self.note, (coordinate(MARGIN), coordinate(top + LINE / 2)), HPos::Left, &INK)?;
        area.present()
    }
}

impl ScatterPlot {
    /// One panel, whose plotting area begins at `corner`.
    fn panel<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        panel: &Panel,
        corner: [i32; 2],
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let [width, height] = AREA.map(coordinate);
        let [left, top] = corner;
        let (right, bottom) = (left + width, top + height);
        let horizontal = Axis::over(panel.points.iter().map(|point| point.x));
        let vertical = Axis::over(panel.points.iter().map(|point| point.y));
        let x = |value: f64| left + horizontal.pixel(value, width);
        let y = |value: f64| bottom - vertical.pixel(value, height);
        for tick in horizontal.ticks() {
            line(area, (x(tick), top), (x(tick), bottom), &GRID)?;
            text(area, &horizontal.number(tick), (x(tick), bottom + 14), HPos::Center, &INK)?;
        }
        for tick in vertical.ticks() {
            line(area, (left, y(tick)), (right, y(tick)), &GRID)?;
            text(area, &vertical.number(tick), (left - 8, y(tick)), HPos::Right, &INK)?;
        }
        area.draw(&Rectangle::new([(left, top), (right, bottom)], INK.stroke_width(1)))?;
        text(area, &self.x, ((left + right) / 2, bottom + 40), HPos::Center, &INK)?;
        text(area, &self.y, (right - 8, top + 14), HPos::Right, &INK)?;

        let mut taken = vec![Frame::around((right - 8, top + 14), &self.y, HPos::Right)];
        taken.extend(panel.points.iter().map(|point| Frame::of_mark((x(point.x.0), y(point.y.0)))));
        let whole = Frame { x: left..right, y: top..bottom };
        let colour = |number: usize| COLOURS[number % COLOURS.len()];
        // Below marks and names, and lighter than they are.
        for (number, point) in panel.points.iter().enumerate() {
            let (at, pale) = ((x(point.x.0), y(point.y.0)), colour(number).mix(PALE));
            if let Some(spread) = point.x.1 {
                let [low, high] = [-spread, spread].map(|spread| x(point.x.0 + spread));
                line(area, (low, at.1), (high, at.1), &pale)?;
            }
            if let Some(spread) = point.y.1 {
                let [low, high] = [-spread, spread].map(|spread| y(point.y.0 + spread));
                line(area, (at.0, low), (at.0, high), &pale)?;
            }
        }
        for (number, point) in panel.points.iter().enumerate() {
            let (at, colour) = ((x(point.x.0), y(point.y.0)), colour(number));
            // Round, square and turned, so that a colour that comes again is told from the first.
            match number / COLOURS.len() % 3 {
                0 => area.draw(&Circle::new(at, MARK, colour.filled()))?,
                1 => area.draw(&Rectangle::new(
                    [(at.0 - MARK, at.1 - MARK), (at.0 + MARK, at.1 + MARK)],
                    colour.filled(),
                ))?,
                _ => area.draw(&TriangleMarker::new(at, MARK + 2, colour.filled()))?,
            }
            let (place, anchor) = label_place(at, &point.label, &whole, &taken);
            let frame = Frame::around(place, &point.label, anchor);
            // A name that had to move away is tied to its point.
            if (place.1 - at.1).abs() > coordinate(LINE) {
                let end = if matches!(anchor, HPos::Left) { frame.x.start } else { frame.x.end };
                line(area, at, (end, place.1), &colour)?;
            }
            text(area, &point.label, place, anchor, &colour)?;
            taken.push(frame);
        }
        Ok(())
    }
}

/// Where a name stands: beside its point, or the nearest place above or below where it covers nothing.
fn label_place(at: (i32, i32), label: &str, whole: &Frame, taken: &[Frame]) -> ((i32, i32), HPos) {
    const STEPS: i32 = 24;
    let step = coordinate(LINE) * 3 / 4;
    let beside = 2 * MARK + 2;
    for distance in 0..STEPS {
        for sign in if distance == 0 { &[0][..] } else { &[-1, 1][..] } {
            for (anchor, shift) in [(HPos::Left, beside), (HPos::Right, -beside)] {
                let place = (at.0 + shift, at.1 + sign * distance * step);
                let frame = Frame::around(place, label, anchor);
                if frame.is_in(whole) && !taken.iter().any(|other| frame.overlaps(other)) {
                    return (place, anchor);
                }
            }
        }
    }
    ((at.0 + beside, at.1), HPos::Left)
}

/// A rectangle of pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Frame {
    x: Range<i32>,
    y: Range<i32>,
}

impl Frame {
    fn of_mark((x, y): (i32, i32)) -> Self {
        Self { x: x - MARK - 1..x + MARK + 1, y: y - MARK - 1..y + MARK + 1 }
    }

    /// That of a text which is anchored at a place.
    fn around((x, y): (i32, i32), text: &str, anchor: HPos) -> Self {
        let (width, half) = (coordinate(width_of(text)), coordinate(LINE) * 3 / 8);
        let start = match anchor {
            HPos::Left => x,
            HPos::Center => x - width / 2,
            HPos::Right => x - width,
        };
        Self { x: start..start + width, y: y - half..y + half }
    }

    fn overlaps(&self, other: &Self) -> bool {
        let common = |a: &Range<i32>, b: &Range<i32>| a.start < b.end && b.start < a.end;
        common(&self.x, &other.x) && common(&self.y, &other.y)
    }

    fn is_in(&self, other: &Self) -> bool {
        let within = |a: &Range<i32>, b: &Range<i32>| a.start >= b.start && a.end <= b.end;
        within(&self.x, &other.x) && within(&self.y, &other.y)
    }
}

/// A range of values with round numbers on it.
#[derive(Debug, Clone, PartialEq)]
struct Axis {
    low: f64,
    high: f64,
    step: f64,
}

impl Axis {
    /// An axis that holds all values with their spread, and some room.
    fn over(values: impl Iterator<Item = (f64, Option<f64>)>) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for (mean, spread) in values {
            let spread = spread.unwrap_or(0.0);
            (low, high) = (low.min(mean - spread), high.max(mean + spread));
        }
        if !(low.is_finite() && high.is_finite()) {
            (low, high) = (0.0, 1.0);
        }
        // One value alone has neighbours to be read by.
        let room = if high > low { 0.12 * (high - low) } else { 0.1 * low.abs().max(0.1) };
        (low, high) = (low - room, high + room);
        let step = round_step((high - low) / 6.0);
        Self { low, high, step }
    }

    fn ticks(&self) -> Vec<f64> {
        let first = (self.low / self.step).ceil();
        (0..32)
            .map(|tick| (first + f64::from(tick)) * self.step)
            .take_while(|tick| *tick <= self.high)
            .collect()
    }

    /// A number on the axis, with the digits that tell it from the next.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of digits, 0 to 12")]
    fn number(&self, tick: f64) -> String {
        let digits = (-self.step.log10()).ceil().clamp(0.0, 12.0) as usize;
        // No minus before a zero.
        let tick = if tick.abs() < self.step / 2.0 { 0.0 } else { tick };
        format!("{tick:.digits$}")
    }

    /// Pixels from the lower end of an axis of so many.
    #[expect(clippy::cast_possible_truncation, reason = "within the axis, or saturated")]
    fn pixel(&self, value: f64, pixels: i32) -> i32 {
        ((value - self.low) / (self.high - self.low) * f64::from(pixels)).round() as i32
    }
}

/// The least of 1, 2, 5, 10, 20, ... and their decimal fractions that is at least `step`.
fn round_step(step: f64) -> f64 {
    let power = 10.0_f64.powf(step.log10().floor());
    let found = [1.0, 2.0, 5.0].into_iter().map(|factor| factor * power).find(|found| *found >= step);
    found.unwrap_or(10.0 * power)
}

fn line<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    from: (i32, i32),
    to: (i32, i32),
    colour: &impl Color,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    area.draw(&PathElement::new([from, to], ShapeStyle::from(colour).stroke_width(1)))
}

fn text<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    text: &str,
    at: (i32, i32),
    place: HPos,
    colour: &RGBColor,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    // Names come from files of others.
    let style = font().color(colour).pos(Pos::new(place, VPos::Center));
    area.draw(&Text::new(crate::report::plain_text(text), at, style))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(points: Vec<Point>) -> ScatterPlot {
        let panel = Panel { data_set: "d".into(), title: "d, protocol exact".into(), points };
        ScatterPlot { x: "R2".into(), y: "top-1 %".into(), panels: vec![panel], note: "a note".into() }
    }

    fn point(label: &str, x: f64, y: f64) -> Point {
        Point { label: label.into(), x: (x, Some(0.01)), y: (y, None) }
    }

    #[test]
    fn axes_have_round_numbers() {
        for (step, expected) in [(0.013, 0.02), (1.0, 1.0), (2.1, 5.0), (6.0, 10.0), (0.5, 0.5)] {
            assert!((round_step(step) - expected).abs() < 1e-12, "{step}");
        }
        let axis = Axis::over([(0.2, Some(0.1)), (0.9, None)].into_iter());
        assert!(axis.low < 0.1 && axis.high > 0.9);
        let numbers: Vec<String> = axis.ticks().into_iter().map(|tick| axis.number(tick)).collect();
        assert_eq!(numbers, ["0.2", "0.4", "0.6", "0.8"]);
        let axis = Axis::over([(-0.3, None), (0.3, None)].into_iter());
        assert!(axis.ticks().into_iter().map(|tick| axis.number(tick)).any(|number| number == "0.0"));
        assert_eq!(Axis::over(std::iter::empty()).ticks(), [0.0, 0.5, 1.0]);
        assert!(Axis::over([(50.0, None)].into_iter()).ticks().len() > 2);
    }

    #[test]
    fn names_cover_neither_each_other_nor_points() {
        let whole = Frame { x: 0..720, y: 0..460 };
        let mut taken: Vec<Frame> = Vec::new();
        let points = (0..11).map(|index| (300 + index % 3, 200 + index * 2));
        let marks: Vec<Frame> = points.clone().map(Frame::of_mark).collect();
        taken.extend(marks);
        for at in points {
            let (place, anchor) = label_place(at, "a method's name", &whole, &taken);
            let frame = Frame::around(place, "a method's name", anchor);
            assert!(frame.is_in(&whole) && taken.iter().all(|other| !frame.overlaps(other)));
            taken.push(frame);
        }
    }

    #[test]
    fn both_files_are_written() {
        let scratch = tempfile::tempdir().unwrap();
        let plot = plot(vec![point("seqjepa", 0.5, 40.0), point("<b>", 0.2, 50.0)]);
        for name in ["methods.png", "methods.svg"] {
            plot.save(&scratch.path().join(name)).unwrap();
        }
        let size = image::image_dimensions(scratch.path().join("methods.png")).unwrap();
        assert_eq!([size.0, size.1], plot.size());
        let svg = std::fs::read_to_string(scratch.path().join("methods.svg")).unwrap();
        assert!(svg.contains("\nseqjepa\n</text>") && svg.contains("&lt;b&gt;"), "{svg}");
        plot_of_nothing().save(&scratch.path().join("empty.png")).unwrap();
    }

    fn plot_of_nothing() -> ScatterPlot {
        ScatterPlot { panels: vec![Panel::default()], ..ScatterPlot::default() }
    }
}

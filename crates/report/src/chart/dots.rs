//! Figures with their intervals, one a line.

use std::fmt::Write as _;

use image::RgbImage;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::bitmap::{Entry, Shape, bitmap, clipped, coordinate, mark};
use super::medium::{Area, Failure, Medium};
use super::svg::{Ink, styled};
use crate::html::escape;
use crate::number::figure;

/// One figure.
#[derive(Debug, Clone)]
pub(crate) struct Dot {
    /// The line that it stands on, from the top.
    pub(crate) line: usize,
    /// Number of the run; `None` for the model as initialised and published figures.
    pub(crate) run: Option<usize>,
    /// Whether it is a published one.
    pub(crate) published: bool,
    pub(crate) value: f64,
    pub(crate) interval: Option<[f64; 2]>,
    /// What it is.
    pub(crate) label: String,
}

/// A figure and its place in pixels.
type Placed<'a> = (&'a Dot, (i32, i32));

/// Figures on lines that have names.
#[derive(Debug, Clone)]
pub(crate) struct DotChart {
    pub(crate) title: String,
    pub(crate) x: String,
    pub(crate) lines: Vec<String>,
    pub(crate) dots: Vec<Dot>,
}

/// Least pixels of a line, those of each of its figures, and the chart's width.
const LINE: u32 = 28;
const FIGURE: u32 = 11;
const WIDTH: u32 = 400;
/// Characters of a line's name.
const NAME: usize = 16;

impl Dot {
    fn ink(&self) -> Ink {
        self.run.map_or(Ink::Beside(u8::from(self.published)), |run| Ink::run(run, false))
    }

    fn shape(&self) -> Shape {
        if self.published { Shape::Triangle } else { Shape::Circle }
    }
}

impl DotChart {
    /// The chart as a figure with its heading, alternative text, and values under the pointer.
    pub(crate) fn figure(&self) -> String {
        let words: Vec<String> = self.dots.iter().filter_map(|dot| self.in_words(dot)).collect();
        let words = format!("{}, {}. {}", self.title, self.x, words.join("; "));
        format!(
            "<figure class=\"dots\"><figcaption>{}</figcaption><svg class=\"chart\" viewBox=\"0 0 {WIDTH} {}\" role=\"img\" \
             aria-label=\"{}\">{}</svg></figure>\n",
            escape(&self.title),
            self.height(),
            escape(&words),
            self.svg()
        )
    }

    /// The same as a bitmap, with a legend.
    pub(crate) fn bitmap(&self) -> RgbImage {
        let mut legend: Vec<Entry> = Vec::new();
        for dot in &self.dots {
            if !legend.iter().any(|entry| entry.words == dot.label) {
                legend.push(Entry {
                    shape: dot.shape(),
                    colour: dot.ink().colour(),
                    words: dot.label.clone(),
                });
            }
        }
        bitmap(&self.title, (WIDTH, self.height()), &legend, "lines: 95 % bootstrap intervals", |area| {
            self.draw(area, Medium::BITMAP).map(drop)
        })
    }

    fn in_words(&self, dot: &Dot) -> Option<String> {
        Some(format!("{}, {}: {}", self.lines.get(dot.line)?, dot.label, figure(dot.value)))
    }

    fn height(&self) -> u32 {
        let crowd =
            (0..self.lines.len()).map(|line| self.dots.iter().filter(|dot| dot.line == line).count()).max();
        let line = (u32::try_from(crowd.unwrap_or(0)).unwrap_or(0).min(64) * FIGURE).max(LINE);
        u32::try_from(self.lines.len()).unwrap_or(1).clamp(1, 200) * line + 44
    }

    fn svg(&self) -> String {
        let mut drawing = String::new();
        let area = SVGBackend::with_string(&mut drawing, (WIDTH, self.height())).into_drawing_area();
        let places = self.draw(&area, Medium::PAGE).expect("a drawing in memory has no errors");
        drop(area);
        let mut inks = vec![Ink::Grid, Ink::Axis, Ink::Text, Ink::Beside(0), Ink::Beside(1)];
        inks.extend(self.dots.iter().filter_map(|dot| Some(Ink::run(dot.run?, false))));
        let mut svg = styled(&drawing, &inks);
        for (dot, (x, y)) in places {
            let Some(words) = self.in_words(dot) else { continue };
            let words = escape(&words);
            let interval = dot
                .interval
                .map_or_else(String::new, |[low, high]| format!(" [{}, {}]", figure(low), figure(high)));
            write!(svg, "<circle class=\"hit\" cx=\"{x}\" cy=\"{y}\" r=\"7\"><title>{words}{interval}</title></circle>")
                .expect("a string takes any text");
        }
        svg
    }

    /// Draws the chart, and says where each of its figures is, in pixels from the area's corner.
    fn draw<B: DrawingBackend>(&self, area: &Area<B>, medium: Medium) -> Result<Vec<Placed<'_>>, Failure<B>> {
        let values = self.dots.iter().flat_map(|dot| dot.interval.into_iter().flatten().chain([dot.value]));
        let values: Vec<f64> =
            values.filter(|value| value.is_finite() && value.abs() < 1e9).chain([0.0]).collect();
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max).max(low + 0.1);
        let margin = 0.04 * (high - low);
        let count = self.lines.len().clamp(1, 200);
        let mut chart = ChartBuilder::on(area)
            .margin_top(medium.pixels(4))
            .margin_right(medium.pixels(14))
            .x_label_area_size(medium.pixels(38))
            .y_label_area_size(medium.pixels(112))
            .build_cartesian_2d(low - margin..high + margin, -(count as f64) + 0.5..0.5)?;
        let style = medium.letters();
        chart
            .configure_mesh()
            .disable_y_axis()
            .disable_y_mesh()
            .bold_line_style(medium.colour(Ink::Grid))
            .light_line_style(TRANSPARENT)
            .axis_style(medium.colour(Ink::Axis))
            .label_style(style.clone())
            .axis_desc_style(style.clone())
            .x_labels(6)
            .x_label_formatter(&|value| figure(if value.abs() < 1e-9 { 0.0 } else { *value }))
            .x_desc(self.x.as_str())
            .draw()?;
        // Of the chart's places, which are those of the whole drawing, to the area's.
        let corner = area.get_base_pixel();
        let place = |value: f64, height: f64| {
            let (x, y) = chart.backend_coord(&(value, height));
            (x - corner.0, y - corner.1)
        };
        let right = style.pos(Pos::new(HPos::Right, VPos::Center));
        for (index, name) in self.lines.iter().take(count).enumerate() {
            let (left, height) = place(low - margin, -(index as f64));
            let left = left - coordinate(medium.pixels(8));
            area.draw(&Text::new(clipped(name, NAME), (left, height), right.clone()))?;
        }
        let mut places = Vec::new();
        for line in 0..count {
            // The dots of a line stand one below the other.
            let own: Vec<&Dot> =
                self.dots.iter().filter(|dot| dot.line == line && drawable(dot.value)).collect();
            for (index, dot) in own.iter().enumerate() {
                let share = (index as f64 + 0.5) / own.len() as f64 - 0.5;
                let height = -(line as f64) - 0.7 * share;
                let ink = medium.colour(dot.ink());
                if let Some([low, high]) = dot.interval.filter(|ends| ends.iter().all(|end| drawable(*end))) {
                    let ends = [place(low, height), place(high, height)];
                    area.draw(&PathElement::new(ends, ink.stroke_width(medium.pixels(2))))?;
                }
                let at = place(dot.value, height);
                mark(area, dot.shape(), at, medium.pixels(4), ink.filled())?;
                places.push((*dot, at));
            }
        }
        drop(chart);
        area.present()?;
        Ok(places)
    }
}

/// Whether a figure has a place beside others: one that is beyond all measure has its text alone.
fn drawable(value: f64) -> bool {
    value.abs() < 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_is_drawn_and_said() {
        let dot = |line, run, value, interval| Dot {
            line,
            run,
            published: run.is_none(),
            value,
            interval,
            label: "frozen".into(),
        };
        let chart = DotChart {
            title: "R2".into(),
            x: "R2".into(),
            lines: vec!["<crop>".into(), "blur".into()],
            dots: vec![
                dot(0, Some(0), 0.5, Some([0.4, 0.6])),
                dot(1, None, 0.25, None),
                dot(1, Some(1), f64::NAN, Some([f64::NAN, f64::INFINITY])),
                dot(0, Some(1), 1e300, Some([-1e300, 0.5])),
            ],
        };
        let html = chart.figure();
        assert!(html.contains("&lt;crop&gt;, frozen: 0.5; blur, frozen: 0.25"), "{html}");
        assert!(
            html.contains("class=\"f c0\"")
                && html.contains("class=\"l c0\"")
                && html.contains("class=\"f o1\""),
            "{html}"
        );
        assert!(!html.contains("<crop>") && !html.contains("NaN"), "{html}");
        assert!(
            html.contains("<title>&lt;crop&gt;, frozen: 0.5 [0.4, 0.6]</title>")
                && html.contains("<title>blur, frozen: 0.25</title>"),
            "{html}"
        );
        let bitmap = chart.bitmap();
        for ink in [Ink::run(0, false), Ink::Beside(1)] {
            let RGBColor(red, green, blue) = ink.colour();
            assert!(bitmap.pixels().any(|pixel| pixel.0 == [red, green, blue]), "{ink:?}");
        }
        let empty = DotChart { lines: vec![], dots: vec![], ..chart };
        assert!(empty.figure().contains("</figure>") && empty.bitmap().width() > 0);
    }
}

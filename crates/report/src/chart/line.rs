//! Curves over epochs or numbers of views.

use std::fmt::Write as _;

use image::RgbImage;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::bitmap::{Entry, Shape, bitmap};
use super::medium::{Area, Failure, Medium};
use super::svg::{Ink, styled};
use crate::html::{escape, json_number, json_numbers, json_text};
use crate::number::figure;

/// Pixels of a chart, before the page scales it.
const SIZE: (u32, u32) = (384, 240);
/// Where what is farther off is drawn, and the least part of its size that a range spans: beyond, ticks cannot be counted.
const FAR: f64 = 1e12;
const NEAR: f64 = 1e-9;
/// Points up to which each has a mark.
const MARKED: usize = 24;

/// One curve.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    /// What the hover values call it.
    pub(crate) label: String,
    /// Number of the run, by which it has its colour; `None` for what is not of a run.
    pub(crate) run: Option<usize>,
    /// A broken line.
    pub(crate) broken: bool,
    /// By ascending x, finite.
    pub(crate) points: Vec<(f64, f64)>,
}

impl Series {
    /// Of the series of this number in its chart.
    fn ink(&self, index: usize) -> Ink {
        self.run.map_or(Ink::Beside(u8::from(index % 2 == 1)), |run| Ink::run(run, self.broken))
    }
}

/// Curves in one frame.
#[derive(Debug, Clone)]
pub(crate) struct LineChart {
    /// Its heading; plain text.
    pub(crate) title: String,
    /// What x is.
    pub(crate) x: &'static str,
    /// What y is, with its unit.
    pub(crate) y: String,
    /// What to know of it, below; plain text.
    pub(crate) note: String,
    pub(crate) series: Vec<Series>,
}

impl LineChart {
    /// The chart as a figure with its heading, its alternative text and its values.
    pub(crate) fn figure(&self) -> String {
        let [x, y] = self.ranges();
        let (drawing, corners) = self.svg(x, y);
        let title = escape(&self.title);
        let mut html = format!(
            "<figure class=\"plot\" tabindex=\"0\" role=\"group\" aria-label=\"{title}: left and right arrow keys read values\">\
             <figcaption>{title}</figcaption><svg class=\"chart\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">{drawing}\
             <g class=\"cursor\"></g></svg>",
            SIZE.0,
            SIZE.1,
            escape(&self.in_words()),
        );
        if !self.note.is_empty() {
            write!(html, "<p class=\"note\">{}</p>", escape(&self.note)).expect("a string takes any text");
        }
        let [left, top, right, bottom] = corners;
        let series = self.series.iter().map(|series| {
            format!(
                "{{\"n\":{},\"k\":{},\"x\":{},\"y\":{}}}",
                json_text(&series.label),
                series.run.map_or_else(|| "null".into(), |run| (run % super::svg::COLOURS).to_string()),
                json_numbers(series.points.iter().map(|point| point.0)),
                json_numbers(series.points.iter().map(|point| point.1)),
            )
        });
        let series: Vec<String> = series.collect();
        writeln!(
            html,
            "<script type=\"application/json\">{{\"box\":[{left},{top},{right},{bottom}],\"x\":[{},{}],\"y\":[{},{}],\"name\":{},\
             \"series\":[{}]}}</script></figure>",
            json_number(x.0),
            json_number(x.1),
            json_number(y.0),
            json_number(y.1),
            json_text(self.x),
            series.join(",")
        )
        .expect("a string takes any text");
        html
    }

    /// The same as a bitmap, with a legend.
    pub(crate) fn bitmap(&self) -> RgbImage {
        let entry = |(index, series): (usize, &Series)| Entry {
            shape: Shape::Circle,
            colour: series.ink(index).colour(),
            words: series.label.clone(),
        };
        let legend: Vec<Entry> = self.series.iter().enumerate().map(entry).collect();
        let [x, y] = self.ranges();
        bitmap(&self.title, SIZE, &legend, "", |area| self.draw(area, Medium::BITMAP, x, y).map(drop))
    }

    /// What a person who does not see it must know.
    fn in_words(&self) -> String {
        let mut words = format!("{}, {} by {}.", self.title, self.y, self.x);
        for series in &self.series {
            let (Some(first), Some(last)) = (series.points.first(), series.points.last()) else { continue };
            let least =
                series.points.iter().copied().reduce(|a, b| if b.1 < a.1 { b } else { a }).unwrap_or(*first);
            let most =
                series.points.iter().copied().reduce(|a, b| if b.1 > a.1 { b } else { a }).unwrap_or(*first);
            write!(
                words,
                " {}: from {} to {}, least {} at {}, greatest {} at {}.",
                series.label,
                figure(first.1),
                figure(last.1),
                figure(least.1),
                figure(least.0),
                figure(most.1),
                figure(most.0)
            )
            .expect("a string takes any text");
        }
        words
    }

    fn ranges(&self) -> [(f64, f64); 2] {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let range = |value: fn(&(f64, f64)) -> f64, margin: f64| {
            let drawn = || points().map(value).map(near);
            let low = drawn().fold(f64::INFINITY, f64::min);
            let high = drawn().fold(f64::NEG_INFINITY, f64::max);
            // Without a point, or of one value.
            if !low.is_finite() {
                (0.0, 1.0)
            } else if high - low > NEAR * low.abs().max(high.abs()).max(NEAR) {
                (low - margin * (high - low), high + margin * (high - low))
            } else {
                let around = if low.abs() < NEAR { 1.0 } else { low.abs() * 0.5 };
                (low - around, high + around)
            }
        };
        [range(|point| point.0, 0.02), range(|point| point.1, 0.06)]
    }

    /// The drawing and the corners of its frame: left, top, right, bottom.
    fn svg(&self, x: (f64, f64), y: (f64, f64)) -> (String, [i32; 4]) {
        let mut drawing = String::new();
        let area = SVGBackend::with_string(&mut drawing, SIZE).into_drawing_area();
        let corners = self.draw(&area, Medium::PAGE, x, y).expect("a drawing in memory has no errors");
        drop(area);
        let mut inks = vec![Ink::Grid, Ink::Axis, Ink::Text, Ink::Beside(0), Ink::Beside(1)];
        inks.extend(self.series.iter().filter_map(|series| Some(Ink::run(series.run?, series.broken))));
        (styled(&drawing, &inks), corners)
    }

    fn draw<B: DrawingBackend>(
        &self,
        area: &Area<B>,
        medium: Medium,
        x: (f64, f64),
        y: (f64, f64),
    ) -> Result<[i32; 4], Failure<B>> {
        let mut chart = ChartBuilder::on(area)
            .margin_top(medium.pixels(6))
            .margin_right(medium.pixels(14))
            .x_label_area_size(medium.pixels(36))
            .y_label_area_size(medium.pixels(64))
            .build_cartesian_2d(x.0..x.1, y.0..y.1)?;
        let style = medium.letters();
        chart
            .configure_mesh()
            .bold_line_style(medium.colour(Ink::Grid))
            .light_line_style(TRANSPARENT)
            .axis_style(medium.colour(Ink::Axis))
            .label_style(style.clone())
            .axis_desc_style(style.pos(Pos::new(HPos::Center, VPos::Center)))
            .x_labels(6)
            .y_labels(6)
            .x_label_formatter(&whole)
            .y_label_formatter(&|value| figure(if value.abs() < 1e-9 * (y.1 - y.0) { 0.0 } else { *value }))
            .x_desc(self.x)
            .y_desc(self.y.as_str())
            .draw()?;
        for (index, series) in self.series.iter().enumerate() {
            let ink = medium.colour(series.ink(index));
            chart.draw_series(LineSeries::new(
                series.points.iter().map(placed),
                ink.stroke_width(medium.pixels(2)),
            ))?;
            if series.points.len() <= MARKED {
                let mark = |point: &(f64, f64)| Circle::new(placed(point), medium.pixels(3), ink.filled());
                chart.draw_series(series.points.iter().map(mark))?;
            }
        }
        let (low, high) = (chart.backend_coord(&(x.0, y.0)), chart.backend_coord(&(x.1, y.1)));
        let corners = [low.0, high.1, high.0, low.1];
        drop(chart);
        area.present()?;
        Ok(corners)
    }
}

fn near(value: f64) -> f64 {
    value.clamp(-FAR, FAR)
}

fn placed(point: &(f64, f64)) -> (f64, f64) {
    (near(point.0), near(point.1))
}

/// Epochs and numbers of views are whole; what lies between has no label.
fn whole(value: &f64) -> String {
    if (value - value.round()).abs() > 1e-9 {
        String::new()
    } else if value.abs() < 1e6 {
        format!("{}", value.round())
    } else {
        figure(*value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<(f64, f64)>) -> LineChart {
        let series = |run, broken| Series { label: "<run>".into(), run, broken, points: points.clone() };
        LineChart {
            title: "loss & more".into(),
            x: "epoch",
            y: "loss".into(),
            note: String::new(),
            series: vec![series(Some(0), false), series(Some(9), true), series(None, false)],
        }
    }

    #[test]
    fn a_chart_has_words_values_and_no_colour_of_its_own() {
        let html = chart(vec![(1.0, 0.5), (2.0, 0.25)]).figure();
        assert!(html.contains("from 0.5 to 0.25, least 0.25 at 2"), "{html}");
        assert!(
            html.contains("class=\"l c0\"")
                && html.contains("class=\"l c1 b\"")
                && html.contains("class=\"l o0\""),
            "{html}"
        );
        assert!(!html.contains("#0") && !html.contains("http") && !html.contains("<run>"), "{html}");
        assert!(html.contains("\"x\":[1,2],\"y\":[0.5,0.25]"), "{html}");
    }

    #[test]
    fn any_values_can_be_drawn() {
        for points in [
            vec![],
            vec![(1.0, 3.0)],
            vec![(1.0, 0.0), (2.0, 0.0)],
            vec![(1.0, f64::MAX), (2.0, f64::MIN)],
            vec![(1.0, f64::MIN_POSITIVE), (2.0, -f64::MIN_POSITIVE), (1.8e19, 1e-12)],
            vec![(1.0, 1.0), (2.0, 1.0 + f64::EPSILON)],
            vec![(1.0, 1e-300), (2.0, 2e-300)],
            vec![(1.0, 1e17), (2.0, 1e17 + 16.0)],
            (0..2000).map(|x| (f64::from(x), f64::from(x).sin())).collect(),
        ] {
            let chart = chart(points);
            assert!(chart.figure().ends_with("</figure>\n"));
            assert!(chart.bitmap().width() > 0);
        }
    }
}

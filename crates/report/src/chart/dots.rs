//! Figures with their intervals, one a line.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use seqjepa_evaluation::plain_text;

use super::font;
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

impl DotChart {
    /// The chart as a figure with its heading and alternative text.
    pub(crate) fn figure(&self) -> String {
        let words: Vec<String> = self
            .dots
            .iter()
            .filter_map(|dot| {
                Some(format!("{}, {}: {}", self.lines.get(dot.line)?, dot.label, figure(dot.value)))
            })
            .collect();
        let words = format!("{}, {}. {}", self.title, self.x, words.join("; "));
        format!(
            "<figure class=\"dots\"><figcaption>{}</figcaption><svg class=\"chart\" viewBox=\"0 0 {WIDTH} {}\" role=\"img\" \
             aria-label=\"{}\">{}</svg></figure>\n",
            escape(&self.title),
            self.height(),
            escape(&words),
            self.draw()
        )
    }

    fn height(&self) -> u32 {
        let crowd =
            (0..self.lines.len()).map(|line| self.dots.iter().filter(|dot| dot.line == line).count()).max();
        let line = (u32::try_from(crowd.unwrap_or(0)).unwrap_or(0).min(64) * FIGURE).max(LINE);
        u32::try_from(self.lines.len()).unwrap_or(1).clamp(1, 200) * line + 44
    }

    fn draw(&self) -> String {
        font::register();
        let mut drawing = String::new();
        self.draw_into(&mut drawing).expect("a drawing in memory has no errors");
        let mut inks = vec![Ink::Grid, Ink::Axis, Ink::Text, Ink::Beside(0), Ink::Beside(1)];
        inks.extend(self.dots.iter().filter_map(|dot| Some(Ink::run(dot.run?, false))));
        styled(&drawing, &inks)
    }

    fn draw_into(&self, drawing: &mut String) -> Result<(), Box<dyn std::error::Error>> {
        let values = self.dots.iter().flat_map(|dot| dot.interval.into_iter().flatten().chain([dot.value]));
        let values: Vec<f64> =
            values.filter(|value| value.is_finite() && value.abs() < 1e9).chain([0.0]).collect();
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max).max(low + 0.1);
        let margin = 0.04 * (high - low);
        let count = self.lines.len().clamp(1, 200);
        let area = SVGBackend::with_string(drawing, (WIDTH, self.height())).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin_top(4)
            .margin_right(14)
            .x_label_area_size(38)
            .y_label_area_size(112)
            .build_cartesian_2d(low - margin..high + margin, -(count as f64) + 0.5..0.5)?;
        let style = (font::FAMILY, 12).into_font().color(&Ink::Text.colour());
        chart
            .configure_mesh()
            .disable_y_axis()
            .disable_y_mesh()
            .bold_line_style(Ink::Grid.colour())
            .light_line_style(TRANSPARENT)
            .axis_style(Ink::Axis.colour())
            .label_style(style.clone())
            .axis_desc_style(style.clone())
            .x_labels(6)
            .x_label_formatter(&|value| figure(if value.abs() < 1e-9 { 0.0 } else { *value }))
            .x_desc(self.x.as_str())
            .draw()?;
        let right = style.pos(Pos::new(HPos::Right, VPos::Center));
        for (index, name) in self.lines.iter().take(count).enumerate() {
            let (left, height) = chart.backend_coord(&(low - margin, -(index as f64)));
            let name: String = plain_text(name).chars().take(NAME).collect();
            area.draw(&Text::new(name, (left - 8, height), right.clone()))?;
        }
        for line in 0..count {
            // The dots of a line stand one below the other.
            let own: Vec<&Dot> =
                self.dots.iter().filter(|dot| dot.line == line && drawable(dot.value)).collect();
            for (place, dot) in own.iter().enumerate() {
                let share = (place as f64 + 0.5) / own.len() as f64 - 0.5;
                let height = -(line as f64) - 0.7 * share;
                let ink =
                    dot.run.map_or(Ink::Beside(u8::from(dot.published)), |run| Ink::run(run, false)).colour();
                if let Some([low, high]) = dot.interval.filter(|ends| ends.iter().all(|end| drawable(*end))) {
                    let ends = [(low, height), (high, height)];
                    chart.draw_series([PathElement::new(ends, ink.stroke_width(2))])?;
                }
                if dot.published {
                    chart.draw_series([TriangleMarker::new((dot.value, height), 6, ink.filled())])?;
                } else {
                    chart.draw_series([Circle::new((dot.value, height), 4, ink.filled())])?;
                }
            }
        }
        drop(chart);
        area.present()?;
        Ok(())
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
        let empty = DotChart { lines: vec![], dots: vec![], ..chart };
        assert!(empty.figure().contains("</figure>"));
    }
}

//! Points in the plane, coloured in several ways.

use image::RgbImage;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::bitmap::{Entry, Shape, bitmap, clipped, coordinate, mark};
use super::medium::Medium;

/// Pixels of the page of a panel, and of its title; panels of a row.
const PANEL: u32 = 132;
const TITLE: u32 = 16;
const COLUMNS: usize = 4;
/// Pixels of the bitmap from a point's middle to its edge. Points are opaque: a bitmap of mixed colours is several times as large.
const RADIUS: u32 = 3;

/// The same points several times, each time in other colours.
#[derive(Debug)]
pub(crate) struct Scatter<'a> {
    pub(crate) title: String,
    /// In no unit.
    pub(crate) points: &'a [[f64; 2]],
    pub(crate) panels: &'a [Panel],
    pub(crate) legend: &'a [Entry],
    /// What else is to be known, below.
    pub(crate) note: &'a str,
}

/// One way of colouring.
#[derive(Debug)]
pub(crate) struct Panel {
    pub(crate) title: String,
    /// Of every point.
    pub(crate) marks: Vec<(Shape, RGBColor)>,
}

impl Scatter<'_> {
    pub(crate) fn bitmap(&self) -> RgbImage {
        let rows = self.panels.len().div_ceil(COLUMNS);
        let count = |number: usize| u32::try_from(number).unwrap_or(0);
        let size = (PANEL * count(COLUMNS), (PANEL + TITLE) * count(rows));
        let pixels = |of_page: u32| Medium::BITMAP.pixels(of_page);
        let side = f64::from(pixels(PANEL));
        let places = placed(self.points, side, f64::from(pixels(5)));
        bitmap(&self.title, size, self.legend, self.note, |area| {
            if self.panels.is_empty() {
                return Ok(());
            }
            for (area, panel) in area.split_evenly((rows, COLUMNS)).iter().zip(self.panels) {
                let (head, body) = area.split_vertically(pixels(TITLE));
                let style = Medium::BITMAP.letters().pos(Pos::new(HPos::Center, VPos::Top));
                let middle = coordinate(pixels(PANEL / 2));
                head.draw(&Text::new(clipped(&panel.title, 20), (middle, 0), style))?;
                for ([x, y], (shape, colour)) in places.iter().zip(&panel.marks) {
                    #[expect(clippy::cast_possible_truncation, reason = "a place within the panel")]
                    let place = (x.round() as i32, y.round() as i32);
                    mark(&body, *shape, place, RADIUS, colour.filled())?;
                }
            }
            Ok(())
        })
    }
}

/// Points in the pixels of a square with this margin, without distortion.
pub(crate) fn placed(points: &[[f64; 2]], side: f64, margin: f64) -> Vec<[f64; 2]> {
    let range = |axis: usize| {
        let low = points.iter().map(|point| point[axis]).fold(f64::INFINITY, f64::min);
        let high = points.iter().map(|point| point[axis]).fold(f64::NEG_INFINITY, f64::max);
        (low, high - low)
    };
    let ranges = [range(0), range(1)];
    let widest = ranges[0].1.max(ranges[1].1);
    let scale = if widest > 0.0 && widest.is_finite() { (side - 2.0 * margin) / widest } else { 0.0 };
    let place = |point: &[f64; 2], axis: usize| {
        let (low, spread) = ranges[axis];
        let centred = (point[axis] - low - spread / 2.0) * scale;
        side / 2.0 + if axis == 1 { -centred } else { centred }
    };
    points.iter().map(|point| [place(point, 0), place(point, 1)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_keep_their_shape_and_are_inside() {
        let places = placed(&[[0.0, 0.0], [4.0, 0.0], [4.0, 2.0]], 100.0, 10.0);
        assert_eq!(places, [[10.0, 70.0], [90.0, 70.0], [90.0, 30.0]]);
        assert_eq!(placed(&[[3.0, 3.0]], 100.0, 10.0), [[50.0, 50.0]]);
        assert!(placed(&[], 100.0, 10.0).is_empty());
    }

    #[test]
    fn every_panel_has_the_points_in_its_colours() {
        let colour = |blue| RGBColor(0, 0, blue);
        let panel = |blue| Panel { title: "a".into(), marks: vec![(Shape::Circle, colour(blue)); 2] };
        let panels: Vec<Panel> = (0..5).map(|index| panel(40 * index)).collect();
        let scatter = Scatter {
            title: "map".into(),
            points: &[[0.0, 0.0], [1.0, 1.0]],
            panels: &panels,
            legend: &[],
            note: "",
        };
        let bitmap = scatter.bitmap();
        let drawn = |blue: u8| bitmap.pixels().any(|pixel| pixel.0 == [0, 0, blue]);
        assert!([0, 40, 80, 120, 160].into_iter().all(drawn));
        assert!(Scatter { points: &[], panels: &[], ..scatter }.bitmap().width() > 0);
    }
}

//! Outlines as signed distances.
//!
//! Only `+ - * /`, `sqrt`, `abs`, `min` and `max` are used here and in the rest of the renderer: IEEE 754 fixes their
//! results to the last bit, so images are the same on every platform. Sines from a system's library would not be.

/// A point of the plane; outlines fill about the unit disc.
pub(super) type Point = [f32; 2];

/// The outline of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Disc,
    Ring,
    Square,
    Triangle,
    Star,
    Cross,
    Crescent,
    Heart,
    Bar,
    Flower,
}

impl Shape {
    /// About the distance from the outline, negative inside.
    pub(super) fn distance(self, point: Point) -> f32 {
        let [x, y] = point;
        match self {
            Self::Disc => length(point) - 0.85,
            Self::Ring => (length(point) - 0.68).abs() - 0.22,
            Self::Square => x.abs().max(y.abs()) - 0.74,
            Self::Triangle => triangle(point),
            Self::Star => star(point),
            Self::Cross => rectangle(point, 0.95, 0.33).min(rectangle(point, 0.33, 0.95)),
            Self::Crescent => (length(point) - 0.9).max(0.68 - length([x - 0.5, y])),
            Self::Heart => heart(point),
            Self::Bar => length([(x.abs() - 0.66).max(0.0), y]) - 0.32,
            Self::Flower => flower(point),
        }
    }
}

pub(super) fn length([x, y]: Point) -> f32 {
    (x * x + y * y).sqrt()
}

fn rectangle([x, y]: Point, half_width: f32, half_height: f32) -> f32 {
    (x.abs() - half_width).max(y.abs() - half_height)
}

/// Equilateral, one corner on the positive y axis.
fn triangle([x, y]: Point) -> f32 {
    const HALF_SQRT_3: f32 = 0.866_025_4;
    (HALF_SQRT_3 * x.abs() + 0.5 * y).max(-y) - 0.52
}

/// Five points; the plane is folded onto one half point, whose edge is a straight line.
fn star([x, y]: Point) -> f32 {
    /// Sine and cosine of a tenth of a turn.
    const TENTH: Point = [0.587_785_25, 0.809_017];
    const INNER_RADIUS: f32 = 0.45;
    let mut point = [x.abs(), y];
    // Mirrors at angles of 36 and -36 degrees from the y axis bring every point next to that axis.
    for normal in [[TENTH[1], -TENTH[0]], [-TENTH[1], -TENTH[0]]] {
        let beyond = (point[0] * normal[0] + point[1] * normal[1]).max(0.0);
        point = [point[0] - 2.0 * beyond * normal[0], point[1] - 2.0 * beyond * normal[1]];
    }
    // The edge from the tip (0, 1) to the inner corner at 36 degrees.
    let edge = [INNER_RADIUS * TENTH[0], INNER_RADIUS * TENTH[1] - 1.0];
    let across = [-edge[1], edge[0]];
    (point[0].abs() * across[0] + (point[1] - 1.0) * across[1]) / length(across)
}

/// A square on its corner with a half disc on each of its upper sides.
fn heart([x, y]: Point) -> f32 {
    const HALF_SQRT_2: f32 = std::f32::consts::FRAC_1_SQRT_2;
    const HALF: f32 = 0.5;
    let (first, second) = (HALF_SQRT_2 * (y + x), HALF_SQRT_2 * (y - x));
    let square = rectangle([first, second], HALF, HALF);
    let lobes = (length([first - HALF, second]) - HALF).min(length([first, second - HALF]) - HALF);
    square.min(lobes)
}

/// Five petals: a circle whose radius follows `cos(5 angle)`, written as a polynomial of the cosine.
fn flower(point: Point) -> f32 {
    let radius = length(point).max(1e-6);
    let cosine = point[0] / radius;
    let square = cosine * cosine;
    let petals = cosine * (5.0 + square * (16.0 * square - 20.0));
    // The outline is steep between petals; the factor keeps the result below the true distance.
    0.7 * (radius - 0.7 - 0.24 * petals)
}

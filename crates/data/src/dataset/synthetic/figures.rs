//! The figures of a pattern as they lie in one image.

use super::pattern::{Pattern, Point, length};
use crate::rng::{KeyedRng, uniform};

/// A pattern with its share, size, tilt and place.
pub(super) struct Figures {
    pattern: Pattern,
    /// Field of the pattern at the figures' edges.
    threshold: f32,
    /// Unit vector of the pattern's x axis.
    axis: Point,
    /// Length of a period.
    scale: f32,
    /// Coordinates of the image's middle in the pattern.
    middle: Point,
}

impl Figures {
    pub(super) fn sample(pattern: Pattern, rng: &mut KeyedRng) -> Self {
        Self {
            pattern,
            threshold: pattern.threshold(uniform(rng, [0.44, 0.5])),
            axis: axis(uniform(rng, [-0.1, 0.1]), pattern.turned()),
            scale: pattern.edge_length() / uniform(rng, [8.5, 9.5]),
            // Fields repeat with period 2, so every place of the pattern is as likely.
            middle: [uniform(rng, [0.0, 2.0]), uniform(rng, [0.0, 2.0])],
        }
    }

    /// Share of a point that figures cover, whose edges are softened over `softness` to either side.
    pub(super) fn coverage(&self, [x, y]: Point, softness: f32) -> f32 {
        let [cosine, sine] = self.axis;
        let [along, across] = [(x * cosine + y * sine) / self.scale, (y * cosine - x * sine) / self.scale];
        let local = [along + self.middle[0], across + self.middle[1]];
        soften((self.pattern.field(local) - self.threshold) * self.scale, softness)
    }
}

/// Share of a point that lies inside an edge which is `distance` away, negative inside.
pub(super) fn soften(distance: f32, softness: f32) -> f32 {
    (0.5 - 0.5 * distance / softness).clamp(0.0, 1.0)
}

/// The unit vector whose slope is `slope`, turned by 45 degrees or not.
fn axis(slope: f32, turned: bool) -> Point {
    let [x, y] = if turned { [1.0 - slope, 1.0 + slope] } else { [1.0, slope] };
    let length = length([x, y]);
    [x / length, y / length]
}

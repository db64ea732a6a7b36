//! One image: a patterned cloth under a lamp.

use super::color::{Color, mix, with_luma};
use super::figures::Figures;
use super::paint::paint;
use super::pattern::{Pattern, Point};
use crate::rng::{KeyedRng, uniform};

/// Standard deviation of the grain, of 255.
const GRAIN: f32 = 6.0;

/// Everything about one image but its size. Coordinates run from -1 to 1 over the image, y upwards.
pub(super) struct Scene {
    figures: Figures,
    ground: Ramp,
    figure: Ramp,
    rng: KeyedRng,
}

/// A colour that changes from the image's left edge to its right.
struct Ramp {
    left: Color,
    right: Color,
}

impl Scene {
    /// Draws a scene; nothing but the pattern depends on the class.
    pub(super) fn sample(pattern: Pattern, mut rng: KeyedRng) -> Self {
        let rng_ref = &mut rng;
        let figures = Figures::sample(pattern, rng_ref);
        // The figures are brighter than the ground, so that greyscale views keep them.
        let luma = uniform(rng_ref, [0.42, 0.58]);
        let contrast = uniform(rng_ref, [0.46, 0.62]);
        let ground = Ramp::new(luma - 0.5 * contrast, 0.62 + uniform(rng_ref, [-0.015, 0.015]), 0.6);
        let figure = Ramp::new(luma + 0.5 * contrast, 0.1 + uniform(rng_ref, [-0.015, 0.015]), 0.42);
        Self { figures, ground, figure, rng }
    }

    /// Renders to `[side, side, 3]`.
    pub(super) fn render(&self, side: usize, out: &mut [u8]) {
        paint(side, GRAIN, &mut self.rng.clone(), out, |point, softness| self.color(point, softness));
    }

    /// The colour at a point; edges are softened over `softness` to either side.
    fn color(&self, point: Point, softness: f32) -> Color {
        let coverage = self.figures.coverage(point, softness);
        let color = mix(self.ground.at(point[0]), self.figure.at(point[0]), coverage);
        color.map(|value| value * light(point))
    }
}

impl Ramp {
    /// Of one luma; the hue goes from 0.175 turns below `hue` to as much above it.
    fn new(luma: f32, hue: f32, saturation: f32) -> Self {
        const HALF: f32 = 0.175;
        Self { left: with_luma(luma, hue - HALF, saturation), right: with_luma(luma, hue + HALF, saturation) }
    }

    fn at(&self, x: f32) -> Color {
        mix(self.left, self.right, 0.5 + 0.5 * x)
    }
}

/// Brightest in the middle: a crop's light tells where it was cut, and how large.
fn light([x, y]: Point) -> f32 {
    1.3 - 0.5 * (x * x + y * y)
}

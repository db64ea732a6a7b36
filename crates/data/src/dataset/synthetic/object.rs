//! One image: a patterned disc somewhere on a muted ground.

use super::color::{Color, mix, with_luma};
use super::figures::{Figures, soften};
use super::paint::paint;
use super::pattern::{Pattern, length};
use crate::rng::{KeyedRng, uniform};

/// Cells of the ground's coarser mottles along a side.
const CELLS: usize = 8;

/// Standard deviation of the grain, of 255.
const GRAIN: f32 = 4.0;

/// Everything about one image but its size. Coordinates run from -1 to 1 over the image, y upwards.
pub(super) struct ObjectScene {
    figures: Figures,
    middle: [f32; 2],
    radius: f32,
    colors: [Color; 2],
    ground: [Color; 2],
    mottles: Box<[[f32; 2 * CELLS + 1]; 2 * CELLS + 1]>,
    rng: KeyedRng,
}

impl ObjectScene {
    /// Draws a scene; nothing but the pattern depends on the class.
    pub(super) fn sample(pattern: Pattern, mut rng: KeyedRng) -> Self {
        let rng_ref = &mut rng;
        let figures = Figures::sample(pattern, rng_ref);
        let radius = uniform(rng_ref, [0.34, 0.46]);
        let middle = [0; 2].map(|_| uniform(rng_ref, [-0.5, 0.5]));
        // Vivid figures on a darker disc of the other side of the colour circle, on a ground that has hardly any colour.
        let hue = uniform(rng_ref, [0.0, 1.0]);
        let colors = [with_luma(0.25, hue + 0.5, 0.9), with_luma(0.75, hue, 0.8)];
        let ground_hue = uniform(rng_ref, [0.0, 1.0]);
        let luma = uniform(rng_ref, [0.4, 0.6]);
        let ground = [-0.07, 0.07].map(|step| with_luma(luma + step, ground_hue, 0.12));
        let mottles = Box::new(
            [[0; 2 * CELLS + 1]; 2 * CELLS + 1].map(|row| row.map(|_| uniform(rng_ref, [0.0, 1.0]))),
        );
        Self { figures, middle, radius, colors, ground, mottles, rng }
    }

    /// Renders to `[side, side, 3]`.
    pub(super) fn render(&self, side: usize, out: &mut [u8]) {
        paint(side, GRAIN, &mut self.rng.clone(), out, |point, softness| self.color(point, softness));
    }

    /// The colour at a point; edges are softened over `softness` to either side.
    fn color(&self, point: [f32; 2], softness: f32) -> Color {
        let ground = mix(self.ground[0], self.ground[1], self.mottle(point));
        let distance = length([point[0] - self.middle[0], point[1] - self.middle[1]]) - self.radius;
        let disc = soften(distance, softness);
        if disc == 0.0 {
            return ground;
        }
        let figure = self.figures.coverage(point, softness);
        mix(ground, mix(self.colors[0], self.colors[1], figure), disc)
    }

    /// The ground's brightness in `[0, 1]`: random values at the corners of a grid and of one twice as fine, blended.
    fn mottle(&self, point: [f32; 2]) -> f32 {
        let at = |cells: usize| {
            let [x, y] = point.map(|place| (0.5 + 0.5 * place) * cells as f32);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to `cells - 1`")]
            let [left, low] = [x, y].map(|place| (place.max(0.0) as usize).min(cells - 1));
            let [x, y] = [x - left as f32, y - low as f32];
            let blend = |row: &[f32]| row[left] + (row[left + 1] - row[left]) * x;
            let [below, above] = [blend(&self.mottles[low]), blend(&self.mottles[low + 1])];
            below + (above - below) * y
        };
        0.6 * at(CELLS) + 0.4 * at(2 * CELLS)
    }
}

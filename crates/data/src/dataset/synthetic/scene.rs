//! One image: a patterned cloth under a lamp.

use rand::Rng;

use super::color::{Color, mix, with_luma};
use super::pattern::{Pattern, Point, length};
use crate::rng::{KeyedRng, uniform};

/// Samples along each side of a pixel.
const SUBPIXELS: usize = 2;

/// Standard deviation of the grain, the same for the three channels of a pixel, of 255.
const GRAIN: f32 = 6.0;

/// Everything about one image but its size. Coordinates run from -1 to 1 over the image, y upwards.
pub(super) struct Scene {
    pattern: Pattern,
    /// Field of the pattern at the figures' edges.
    threshold: f32,
    frame: Frame,
    ground: Ramp,
    figure: Ramp,
    rng: KeyedRng,
}

/// A rotated, scaled and shifted coordinate system.
pub(super) struct Frame {
    /// Unit vector of the frame's x axis.
    axis: Point,
    /// Length of one unit of the frame.
    scale: f32,
    /// Coordinates of the image's middle in the frame.
    middle: Point,
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
        let threshold = pattern.threshold(uniform(rng_ref, [0.44, 0.5]));
        let frame = Frame::sample(pattern, rng_ref);
        // The figures are brighter than the ground, so that greyscale views keep them.
        let luma = uniform(rng_ref, [0.42, 0.58]);
        let contrast = uniform(rng_ref, [0.46, 0.62]);
        let ground = Ramp::new(luma - 0.5 * contrast, 0.62 + uniform(rng_ref, [-0.015, 0.015]), 0.6);
        let figure = Ramp::new(luma + 0.5 * contrast, 0.1 + uniform(rng_ref, [-0.015, 0.015]), 0.42);
        Self { pattern, threshold, frame, ground, figure, rng }
    }

    /// Renders to `[side, side, 3]`.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a byte")]
    pub(super) fn render(mut self, side: usize, out: &mut [u8]) {
        let samples = side * SUBPIXELS;
        let spacing = 2.0 / samples as f32;
        let weight = 1.0 / (SUBPIXELS * SUBPIXELS) as f32;
        for (index, pixel) in out.chunks_exact_mut(3).enumerate() {
            let (row, column) = (index / side, index % side);
            let mut sum = [0.0; 3];
            for sub in 0..SUBPIXELS * SUBPIXELS {
                let x = (column * SUBPIXELS + sub % SUBPIXELS) as f32 + 0.5;
                let y = (row * SUBPIXELS + sub / SUBPIXELS) as f32 + 0.5;
                let color = self.color([x * spacing - 1.0, 1.0 - y * spacing], 0.5 * spacing);
                sum = [0, 1, 2].map(|channel| sum[channel] + color[channel]);
            }
            let grain = GRAIN * noise(&mut self.rng);
            for (byte, sum) in pixel.iter_mut().zip(sum) {
                *byte = (sum * weight * 255.0 + grain).clamp(0.0, 255.0) as u8;
            }
        }
    }

    /// The colour at a point; edges are softened over `softness` to either side.
    fn color(&self, point: Point, softness: f32) -> Color {
        let distance = (self.pattern.field(self.frame.local(point)) - self.threshold) * self.frame.scale;
        let coverage = (0.5 - 0.5 * distance / softness).clamp(0.0, 1.0);
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

impl Frame {
    pub(super) fn sample(pattern: Pattern, rng: &mut KeyedRng) -> Self {
        Self {
            axis: axis(uniform(rng, [-0.1, 0.1]), pattern.turned()),
            scale: pattern.edge_length() / uniform(rng, [8.5, 9.5]),
            // Fields repeat with period 2, so every place of the pattern is as likely.
            middle: [uniform(rng, [0.0, 2.0]), uniform(rng, [0.0, 2.0])],
        }
    }

    /// Length of one unit of the frame.
    pub(super) fn scale(&self) -> f32 {
        self.scale
    }

    /// Coordinates in the frame.
    pub(super) fn local(&self, [x, y]: Point) -> Point {
        let [cosine, sine] = self.axis;
        let [along, across] = [(x * cosine + y * sine) / self.scale, (y * cosine - x * sine) / self.scale];
        [along + self.middle[0], across + self.middle[1]]
    }
}

/// Brightest in the middle: a crop's light tells where it was cut, and how large.
fn light([x, y]: Point) -> f32 {
    1.3 - 0.5 * (x * x + y * y)
}

/// The unit vector whose slope is `slope`, turned by 45 degrees or not.
fn axis(slope: f32, turned: bool) -> Point {
    let [x, y] = if turned { [1.0 - slope, 1.0 + slope] } else { [1.0, slope] };
    let length = length([x, y]);
    [x / length, y / length]
}

/// Noise of about unit variance: the four bytes of one draw, summed (a variance of 4 x (256^2 - 1) / 12 = 21 845).
pub(super) fn noise(rng: &mut KeyedRng) -> f32 {
    let sum: u32 = rng.next_u32().to_le_bytes().iter().map(|&byte| u32::from(byte)).sum();
    (sum as f32 - 510.0) / 147.8
}

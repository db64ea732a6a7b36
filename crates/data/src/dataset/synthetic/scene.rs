//! One image: an object, a background and a light.

use rand::Rng;

use super::color::{Color, mix, with_luma};
use super::pattern::{Pattern, smooth};
use super::shape::{Point, Shape};
use crate::rng::{KeyedRng, below, uniform};

/// Samples along each side of a pixel.
const SUBPIXELS: usize = 2;

/// Standard deviation of the sensor noise, of 255.
const NOISE: f32 = 3.0;

/// Everything about one image but its size. Coordinates run from -1 to 1 over the image, y upwards.
pub(super) struct Scene {
    shape: Shape,
    pattern: Pattern,
    frame: Frame,
    stretch: f32,
    frequency: f32,
    object_colors: [Color; 2],
    ground: Ground,
    light: Point,
    shadow: Point,
    rng: KeyedRng,
}

/// A rotated, scaled and shifted coordinate system.
struct Frame {
    origin: Point,
    /// Unit vector of the frame's x axis.
    axis: Point,
    scale: f32,
}

struct Ground {
    pattern: Pattern,
    frame: Frame,
    frequency: f32,
    colors: [Color; 2],
}

impl Scene {
    /// Draws a scene; nothing but `shape` and `pattern` depends on the class.
    pub(super) fn sample(shape: Shape, pattern: Pattern, mut rng: KeyedRng) -> Self {
        let rng_ref = &mut rng;
        let frame = Frame {
            origin: [uniform(rng_ref, [-0.15, 0.15]), uniform(rng_ref, [-0.15, 0.15])],
            axis: tilt(rng_ref),
            scale: uniform(rng_ref, [0.6, 0.95]),
        };
        let stretch = uniform(rng_ref, [0.92, 1.08]);
        let frequency = uniform(rng_ref, [1.6, 2.0]);

        // The object is brighter than the ground, so that greyscale views keep the outline.
        let ground_luma = uniform(rng_ref, [0.05, 0.35]);
        let object_luma = ground_luma + uniform(rng_ref, [0.3, 0.6]);
        let object_colors = two_colors(object_luma, [0.2, 0.26], rng_ref);
        let ground = Ground::sample(ground_luma, rng_ref);

        let strength = uniform(rng_ref, [0.0, 0.3]);
        let light = direction(rng_ref).map(|side| side * strength);
        let shadow = direction(rng_ref).map(|side| side * 0.12);
        Self { shape, pattern, frame, stretch, frequency, object_colors, ground, light, shadow, rng }
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
            for (byte, sum) in pixel.iter_mut().zip(sum) {
                let value = sum * weight * 255.0 + NOISE * noise(&mut self.rng);
                *byte = value.clamp(0.0, 255.0) as u8;
            }
        }
    }

    /// The colour at a point; edges are softened over `softness` to either side.
    fn color(&self, point: Point, softness: f32) -> Color {
        let shadow_distance = self.object_distance([point[0] - self.shadow[0], point[1] - self.shadow[1]]);
        let shade = 1.0 - 0.3 * smooth(0.5 - shadow_distance / 0.24);
        let ground = self.ground.color(point).map(|value| value * shade);

        let [x, y] = self.frame.local(point);
        let second = self.pattern.shade([x, y], self.frequency);
        let object = mix(self.object_colors[0], self.object_colors[1], second);
        let coverage = (0.5 - 0.5 * self.object_distance(point) / softness).clamp(0.0, 1.0);

        let lit = 1.0 + point[0] * self.light[0] + point[1] * self.light[1];
        mix(ground, object, coverage).map(|value| value * lit)
    }

    /// About the distance from the object's outline in image coordinates, negative inside.
    fn object_distance(&self, point: Point) -> f32 {
        let [x, y] = self.frame.local(point);
        self.shape.distance([x * self.stretch, y / self.stretch]) * self.frame.scale
    }
}

impl Ground {
    fn sample(luma: f32, rng: &mut KeyedRng) -> Self {
        const PATTERNS: [Pattern; 5] =
            [Pattern::Plain, Pattern::Stripes, Pattern::Checks, Pattern::Dots, Pattern::Rings];
        Self {
            pattern: PATTERNS[below(rng, PATTERNS.len())],
            frame: Frame {
                origin: [uniform(rng, [-1.5, 1.5]), uniform(rng, [-1.5, 1.5])],
                axis: direction(rng),
                scale: 1.0,
            },
            frequency: uniform(rng, [0.8, 3.0]),
            colors: two_colors(luma, [0.0, 0.01], rng),
        }
    }

    fn color(&self, point: Point) -> Color {
        let second = self.pattern.shade(self.frame.local(point), self.frequency);
        mix(self.colors[0], self.colors[1], second)
    }
}

impl Frame {
    fn local(&self, point: Point) -> Point {
        let [x, y] = [point[0] - self.origin[0], point[1] - self.origin[1]];
        let [cosine, sine] = self.axis;
        [(x * cosine + y * sine) / self.scale, (y * cosine - x * sine) / self.scale]
    }
}

/// Two colours of different hue, `luma` plus and minus a draw from `spread`.
fn two_colors(luma: f32, spread: [f32; 2], rng: &mut KeyedRng) -> [Color; 2] {
    let spread = uniform(rng, spread);
    [luma - spread, luma + spread].map(|luma| with_luma(luma.clamp(0.03, 0.97), rng))
}

/// A unit vector at most 22 degrees off the x axis.
fn tilt(rng: &mut KeyedRng) -> Point {
    let y = uniform(rng, [-0.4, 0.4]);
    let length = (1.0 + y * y).sqrt();
    [1.0 / length, y / length]
}

/// A unit vector of uniformly random direction.
fn direction(rng: &mut KeyedRng) -> Point {
    loop {
        let [x, y] = [uniform(rng, [-1.0, 1.0]), uniform(rng, [-1.0, 1.0])];
        let square = x * x + y * y;
        if (0.01..=1.0).contains(&square) {
            let length = square.sqrt();
            return [x / length, y / length];
        }
    }
}

/// Noise of about unit variance: the four bytes of one draw, summed (a variance of 4 x (256^2 - 1) / 12 = 21 845).
fn noise(rng: &mut KeyedRng) -> f32 {
    let sum: u32 = rng.next_u32().to_le_bytes().iter().map(|&byte| u32::from(byte)).sum();
    (sum as f32 - 510.0) / 147.8
}

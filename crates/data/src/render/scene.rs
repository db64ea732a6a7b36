//! A solid under its latents, as an image.

use super::camera::{self, Projected};
use super::color::{Color, byte, from_hsv};
use super::raster::{DepthBuffer, NOTHING, SAMPLES};
use super::solid::{Solid, Triangle};
use super::vector::{Rotation, Vector, dot, minus, scaled, unit};
use crate::three_d::{ViewLatents, quaternion_from_euler};

/// Height of the floor, as in 3DIEBench.
const FLOOR: f64 = -1.0;

/// Distance of the light from the object's middle, as in 3DIEBench.
const LIGHT_DISTANCE: f64 = 4.0;

/// Cosines of the angles from the light's axis at which its cone begins to fade, and has faded.
const CONE: [f64; 2] = [0.99, 0.965];

/// Intensities of the white light from above, on what looks up and on what looks down, and of the coloured light.
const ABOVE: [f64; 2] = [0.78, 0.35];
const SPOT: f64 = 0.85;

/// Working memory to render in, one per thread.
#[derive(Debug, Default)]
pub(super) struct Canvas {
    depths: DepthBuffer,
    colors: Vec<Color>,
}

/// What shines on a view.
struct Light {
    place: Vector,
    /// From the object's middle to the light.
    direction: Vector,
    color: Color,
}

impl Light {
    fn new(latents: &ViewLatents) -> Self {
        let (sine, cosine) = libm::sincos(latents.light_theta);
        let (sine_phi, cosine_phi) = libm::sincos(latents.light_phi);
        let direction = [sine * cosine_phi, sine * sine_phi, cosine];
        // Saturation and value of 3DIEBench.
        let color = from_hsv(latents.light_hue, 1.0, 0.8);
        Self { place: scaled(direction, LIGHT_DISTANCE), direction, color }
    }

    /// Lambert's law: what a surface sends out, of which `lit` is in the coloured light.
    fn on(&self, albedo: Color, normal: Vector, lit: f64) -> Color {
        let above = ABOVE[1] + (ABOVE[0] - ABOVE[1]) * (0.5 + 0.5 * normal[2]);
        let spot = SPOT * lit * dot(normal, self.direction).max(0.0);
        [0, 1, 2].map(|channel| albedo[channel] * (above + spot * self.color[channel]))
    }

    /// How much of the light's cone reaches a point.
    fn reaching(&self, point: Vector) -> f64 {
        let cosine = -dot(unit(minus(point, self.place)), self.direction);
        ((cosine - CONE[1]) / (CONE[0] - CONE[1])).clamp(0.0, 1.0)
    }
}

/// Renders a solid into `out`, `[side, side, 3]`.
pub(super) fn render(solid: &Solid, latents: &ViewLatents, side: usize, canvas: &mut Canvas, out: &mut [u8]) {
    let rotation = Rotation::new(quaternion_from_euler(latents.rotation));
    let light = Light::new(latents);
    let Canvas { depths, colors } = canvas;
    depths.clear(side);
    colors.clear();
    let samples = depths.side() as f64;
    for (surface, triangle) in (0..NOTHING).zip(&solid.triangles) {
        let Triangle { corners, normal, albedo } = triangle;
        let seen: [Projected; 3] = corners.map(|corner| camera::project(rotation.apply(corner), samples));
        depths.draw(seen, surface);
        colors.push(light.on(*albedo, rotation.apply(*normal), 1.0));
    }
    // Saturation and value of 3DIEBench.
    let floor = from_hsv(latents.floor_hue, 0.6, 0.6);
    let all = (SAMPLES * SAMPLES) as f64;
    for (row, line) in out.chunks_exact_mut(3 * side).enumerate() {
        for (column, pixel) in line.chunks_exact_mut(3).enumerate() {
            let (mut sum, mut missed) = ([0.0; 3], 0.0);
            for surface in depths.pixel(row, column) {
                match colors.get(usize::from(surface)) {
                    Some(color) => sum = [sum[0] + color[0], sum[1] + color[1], sum[2] + color[2]],
                    None => missed += 1.0,
                }
            }
            if missed > 0.0 {
                let color = floor_color(&light, floor, [column, row], side);
                sum = [0, 1, 2].map(|channel| sum[channel] + missed * color[channel]);
            }
            for (out, sum) in pixel.iter_mut().zip(sum) {
                *out = byte(sum / all);
            }
        }
    }
}

/// The floor as it is seen in the middle of a pixel.
fn floor_color(light: &Light, albedo: Color, [column, row]: [usize; 2], side: usize) -> Color {
    let ray = camera::ray(column as f64 + 0.5, row as f64 + 0.5, side as f64);
    // The camera looks down, so that every ray meets the floor.
    let distance = (FLOOR - camera::position()[2]) / ray[2];
    let point = super::vector::add(camera::position(), scaled(ray, distance));
    light.on(albedo, [0.0, 0.0, 1.0], light.reaching(point))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 96;

    fn view(solid: &Solid, rotation: [f64; 3]) -> Vec<u8> {
        let latents =
            ViewLatents { rotation, ..ViewLatents::from_columns([0.0, 0.0, 0.0, 0.3, 0.2, 1.0, 0.6]) };
        let mut out = vec![0; SIDE * SIDE * 3];
        render(solid, &latents, SIDE, &mut Canvas::default(), &mut out);
        out
    }

    /// The middle of the pixels in which a solid shows.
    fn seen_at(solid: &Solid, rotation: [f64; 3]) -> [f64; 2] {
        let (empty, shown) = (view(&Solid::default(), rotation), view(solid, rotation));
        let (mut sum, mut count) = ([0.0; 2], 0.0);
        for (place, (a, b)) in empty.chunks_exact(3).zip(shown.chunks_exact(3)).enumerate() {
            if a != b {
                sum = [sum[0] + (place % SIDE) as f64 + 0.5, sum[1] + (place / SIDE) as f64 + 0.5];
                count += 1.0;
            }
        }
        assert!(count > 0.0);
        sum.map(|sum| sum / count)
    }

    fn marked(point: Vector) -> Solid {
        let mut solid = Solid::default();
        solid.add_ball(point, 0.04, [1.0; 3]);
        solid
    }

    /// A quarter turn about z takes x to y, one about x takes y to z, one about y takes z to x.
    #[test]
    fn a_point_is_seen_where_the_rotation_takes_it() {
        let quarter = std::f64::consts::FRAC_PI_2;
        for (point, rotation, expected) in [
            ([0.6, 0.0, 0.0], [0.0; 3], [0.6, 0.0, 0.0]),
            ([0.6, 0.0, 0.0], [0.0, 0.0, quarter], [0.0, 0.6, 0.0]),
            ([0.0, 0.6, 0.0], [quarter, 0.0, 0.0], [0.0, 0.0, 0.6]),
            ([0.0, 0.0, 0.6], [0.0, quarter, 0.0], [0.6, 0.0, 0.0]),
            // About the fixed axes, x first: y to z, then z to x.
            ([0.0, 0.6, 0.0], [quarter, quarter, 0.0], [0.6, 0.0, 0.0]),
        ] {
            let seen = seen_at(&marked(point), rotation);
            // By hand: the camera 2.5 away, 45 degrees up on the side of y; half the view has the tangent 0.36.
            let [x, y, z]: [f64; 3] = expected;
            let half = 0.5_f64.sqrt();
            let depth = 2.5 - half * (y + z);
            let place = [-x / depth / 0.36, (half * y - half * z) / depth / 0.36];
            let place = place.map(|place| 0.5 * SIDE as f64 * (1.0 + place));
            let off = (0..2).map(|axis| (seen[axis] - place[axis]).abs()).fold(0.0, f64::max);
            assert!(off < 0.5, "{seen:?} {place:?}");
        }
    }

    #[test]
    fn turning_twice_is_turning_by_the_product() {
        let product = |[ax, ay, az, aw]: [f64; 4], [bx, by, bz, bw]: [f64; 4]| {
            [
                aw * bx + ax * bw + ay * bz - az * by,
                aw * by - ax * bz + ay * bw + az * bx,
                aw * bz + ax * by - ay * bx + az * bw,
                aw * bw - ax * bx - ay * by - az * bz,
            ]
        };
        let (first, second) =
            (quaternion_from_euler([0.3, -1.1, 0.7]), quaternion_from_euler([-0.9, 0.4, 1.5]));
        let both = Rotation::new(product(second, first));
        for point in [[1.0, 0.0, 0.0], [0.2, -0.7, 0.5]] {
            let twice = Rotation::new(second).apply(Rotation::new(first).apply(point));
            for (twice, once) in twice.into_iter().zip(both.apply(point)) {
                assert!((twice - once).abs() < 1e-14, "{twice} {once}");
            }
        }
    }

    #[test]
    fn the_nearer_surface_hides_the_farther() {
        let mut solid = Solid::default();
        // On the axis of the camera: a black ball before a white one.
        solid.add_ball([0.0, 0.3, 0.3], 0.25, [0.0; 3]);
        solid.add_ball([0.0, -0.3, -0.3], 0.2, [1.0; 3]);
        let middle = 3 * (SIDE / 2 * SIDE + SIDE / 2);
        assert_eq!(view(&solid, [0.0; 3])[middle..middle + 3], [0; 3]);
        solid.triangles.reverse();
        assert_eq!(view(&solid, [0.0; 3])[middle..middle + 3], [0; 3]);
    }
}

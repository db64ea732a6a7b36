//! The classes of objects, and the draw of one object.

use rand::Rng;

use super::color::from_hsv;
use super::solid::{Solid, half_circle};
use super::vector::{Vector, dot, unit};
use crate::rng::{KeyedRng, below};

/// The distance of an object's farthest point from its middle.
const RADIUS: f64 = 0.78;

/// Sides of an object are painted lighter the more they look this way, and darker the more they look away, which tells also
/// round bodies' turns.
const PAINTED: Vector = [0.6, -0.48, 0.64];

/// The classes, by label.
pub(super) const CLASSES: [&str; 10] =
    ["box", "cylinder", "cone", "torus", "pyramid", "capsule", "ell", "cross", "stairs", "table"];

/// A uniform draw from `low` to `high`, on a grid of 2^53 steps.
pub(super) fn uniform(rng: &mut KeyedRng, low: f64, high: f64) -> f64 {
    const STEP: f64 = 1.0 / (1_u64 << 53) as f64;
    low + (high - low) * ((rng.next_u64() >> 11) as f64 * STEP)
}

/// An object of a class. Its axes are those of all objects of the class: a dark beam stands out along x, a light ball between y and
/// z, so that no turn of it looks like another.
pub(super) fn object(class: usize, rng: &mut KeyedRng) -> Solid {
    let [hue, saturation, value] = [uniform(rng, 0.0, 1.0), uniform(rng, 0.15, 0.5), uniform(rng, 0.6, 0.8)];
    let mut solid = body(CLASSES[class], from_hsv(hue, saturation, value), rng);
    let size = dot(solid.extreme([0.0, 0.0, 1.0]), [0.0, 0.0, 1.0]).abs().max(0.5);
    let mut parts = Solid::default();
    let place = solid.extreme([1.0, 0.0, 0.0]);
    let half = [uniform(rng, 0.2, 0.35), uniform(rng, 0.09, 0.15), uniform(rng, 0.09, 0.15)];
    parts.add_block(place, half.map(|side| side * size), from_hsv(hue, saturation, 0.18));
    let place = solid.extreme([0.0, 0.6, 0.8]);
    parts.add_ball(place, uniform(rng, 0.14, 0.2) * size, from_hsv(hue, 0.1, 1.0));
    // Up to two bumps anywhere tell an object from others of its class.
    for _ in 0..below(rng, 3) {
        let direction = unit([(); 3].map(|()| uniform(rng, -1.0, 1.0)));
        let (radius, value) = (uniform(rng, 0.08, 0.14) * size, uniform(rng, 0.3, 0.9));
        parts.add_ball(solid.extreme(direction), radius, from_hsv(hue + 0.5, saturation, value));
    }
    for triangle in &mut solid.triangles {
        let paint = 1.0 + 0.3 * dot(triangle.normal, PAINTED);
        triangle.albedo = triangle.albedo.map(|share| share * paint);
    }
    solid.triangles.append(&mut parts.triangles);
    solid.fit(RADIUS * uniform(rng, 0.88, 1.0));
    solid
}

/// An object without its parts, about 1 in each direction.
fn body(class: &str, albedo: [f64; 3], rng: &mut KeyedRng) -> Solid {
    let mut solid = Solid::default();
    let mut draw = |low: f64, high: f64| uniform(rng, low, high);
    match class {
        "box" => solid.add_block([0.0; 3], [draw(0.7, 1.0), draw(0.7, 1.0), draw(0.7, 1.0)], albedo),
        "cylinder" => {
            let (radius, half) = (draw(0.5, 0.75), draw(0.8, 1.1));
            solid.add_turned(
                [0.0; 3],
                &[[0.0, -half], [radius, -half], [radius, half], [0.0, half]],
                None,
                albedo,
            );
        }
        "cone" => {
            let (radius, half) = (draw(0.7, 0.95), draw(0.8, 1.1));
            solid.add_turned([0.0; 3], &[[0.0, -half], [radius, -half], [0.0, half]], None, albedo);
        }
        "torus" => {
            let (radius, tube) = (draw(0.75, 0.9), draw(0.22, 0.34));
            solid.add_turned([0.0; 3], &half_circle(radius, tube, -2.0, 2.0, 12), None, albedo);
        }
        "pyramid" => {
            let (radius, half) = (draw(0.9, 1.2), draw(0.7, 1.0));
            solid.add_turned([0.0; 3], &[[0.0, -half], [radius, -half], [0.0, half]], Some(4), albedo);
        }
        "capsule" => {
            let (radius, half) = (draw(0.4, 0.5), draw(0.5, 0.8));
            let lower = half_circle(0.0, radius, -1.0, 0.0, 5);
            let upper = half_circle(0.0, radius, 0.0, 1.0, 5);
            let lower = lower.into_iter().map(|[radius, height]| [radius, height - half]);
            let upper = upper.into_iter().map(|[radius, height]| [radius, height + half]);
            solid.add_turned([0.0; 3], &lower.chain(upper).collect::<Vec<_>>(), None, albedo);
        }
        "ell" => {
            let (thick, deep, long) = (draw(0.25, 0.35), draw(0.3, 0.5), draw(0.75, 1.0));
            solid.add_block([0.0, 0.0, thick - 1.0], [long, deep, thick], albedo);
            solid.add_block([thick - long, 0.0, 0.0], [thick, deep, 1.0], albedo);
        }
        "cross" => {
            let (thick, deep, arm) = (draw(0.22, 0.32), draw(0.22, 0.4), draw(0.7, 1.0));
            let height = draw(0.0, 0.4);
            solid.add_block([0.0; 3], [thick, deep, 1.0], albedo);
            solid.add_block([0.0, 0.0, height], [arm, deep, thick], albedo);
        }
        "stairs" => {
            let (deep, step) = (draw(0.5, 0.8), draw(0.28, 0.36));
            for number in 0..3 {
                let number = f64::from(number);
                let (half, left) = (step * (number + 1.0), 2.0 * step * number - 2.0 * step);
                solid.add_block([left, 0.0, half - 3.0 * step], [step, deep, half], albedo);
            }
        }
        "table" => {
            let (wide, deep, thick) = (draw(0.8, 1.0), draw(0.55, 0.8), draw(0.1, 0.18));
            let (leg, high) = (draw(0.09, 0.14), draw(0.5, 0.8));
            solid.add_block([0.0, 0.0, high], [wide, deep, thick], albedo);
            for [x, y] in [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]] {
                solid.add_block([x * (wide - leg), y * (deep - leg), 0.0], [leg, leg, high], albedo);
            }
        }
        _ => unreachable!("every class has a body"),
    }
    solid
}

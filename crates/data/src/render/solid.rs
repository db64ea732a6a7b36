//! Bodies made of triangles.

use super::color::Color;
use super::vector::{Vector, add, cross, minus, scaled, unit};

/// Corners of the cross-section of a round body.
const SEGMENTS: usize = 24;

/// A flat piece of a surface, its corners against the clock as seen from outside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Triangle {
    pub(super) corners: [Vector; 3],
    /// Points outwards, of length 1.
    pub(super) normal: Vector,
    /// Share of each colour that is reflected.
    pub(super) albedo: Color,
}

/// A closed surface, or several that may lie in one another.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Solid {
    pub(super) triangles: Vec<Triangle>,
}

impl Solid {
    fn triangle(&mut self, corners: [Vector; 3], albedo: Color) {
        let normal = cross(minus(corners[1], corners[0]), minus(corners[2], corners[0]));
        // The poles of a round body have triangles without area.
        if normal.iter().any(|x| x.abs() > 1e-12) {
            self.triangles.push(Triangle { corners, normal: unit(normal), albedo });
        }
    }

    fn quadrangle(&mut self, [a, b, c, d]: [Vector; 4], albedo: Color) {
        self.triangle([a, b, c], albedo);
        self.triangle([a, c, d], albedo);
    }

    /// Adds a box with sides along the axes.
    pub(super) fn add_block(&mut self, centre: Vector, half: Vector, albedo: Color) {
        let corner = |x: f64, y: f64, z: f64| add(centre, [x * half[0], y * half[1], z * half[2]]);
        for axis in 0..3 {
            for sign in [-1.0, 1.0] {
                // The face's own axes, so that turning from the first to the second goes around the outward normal.
                let face = |u: f64, v: f64| {
                    let mut place = [0.0; 3];
                    place[axis] = sign;
                    place[(axis + 1) % 3] = u * sign;
                    place[(axis + 2) % 3] = v;
                    corner(place[0], place[1], place[2])
                };
                self.quadrangle([face(-1.0, -1.0), face(1.0, -1.0), face(1.0, 1.0), face(-1.0, 1.0)], albedo);
            }
        }
    }

    /// Adds the body that a line of points `(radius, height)` makes as it turns about a vertical axis through `centre`, with
    /// `segments` corners or [`SEGMENTS`]. The outside is to the right of the line as it goes.
    pub(super) fn add_turned(
        &mut self,
        centre: Vector,
        line: &[[f64; 2]],
        segments: Option<usize>,
        albedo: Color,
    ) {
        let segments = segments.unwrap_or(SEGMENTS);
        let turn = |number: usize| {
            let turns = (number % segments) as f64 / segments as f64;
            let (sine, cosine) = libm::sincos(turns * std::f64::consts::TAU);
            move |[radius, height]: [f64; 2]| add(centre, [radius * cosine, radius * sine, height])
        };
        for number in 0..segments {
            let (here, next) = (turn(number), turn(number + 1));
            for pair in line.windows(2) {
                self.quadrangle([here(pair[0]), next(pair[0]), next(pair[1]), here(pair[1])], albedo);
            }
        }
    }

    /// Adds a ball.
    pub(super) fn add_ball(&mut self, centre: Vector, radius: f64, albedo: Color) {
        self.add_turned(centre, &half_circle(0.0, radius, -1.0, 1.0, 8), Some(12), albedo);
    }

    /// The middle of the points that lie farthest in a direction.
    pub(super) fn extreme(&self, direction: Vector) -> Vector {
        let along = |point: &Vector| super::vector::dot(*point, direction);
        let points = || self.triangles.iter().flat_map(|triangle| triangle.corners);
        let most = points().map(|point| along(&point)).fold(f64::MIN, f64::max);
        let (mut sum, mut count) = ([0.0; 3], 0.0);
        for point in points().filter(|point| along(point) > most - 1e-9) {
            sum = add(sum, point);
            count += 1.0;
        }
        if count > 0.0 { scaled(sum, 1.0 / count) } else { sum }
    }

    /// Moves the middle of its bounding box to the origin and makes its farthest point `radius` away.
    pub(super) fn fit(&mut self, radius: f64) {
        let axis = |axis: usize| {
            let mut bounds = [f64::MAX, f64::MIN];
            for corner in self.triangles.iter().flat_map(|triangle| triangle.corners) {
                bounds = [bounds[0].min(corner[axis]), bounds[1].max(corner[axis])];
            }
            0.5 * (bounds[0] + bounds[1])
        };
        let middle = [axis(0), axis(1), axis(2)];
        let mut farthest: f64 = 0.0;
        for corner in self.triangles.iter_mut().flat_map(|triangle| &mut triangle.corners) {
            *corner = minus(*corner, middle);
            farthest = farthest.max(super::vector::dot(*corner, *corner));
        }
        let scale = radius / farthest.sqrt();
        for corner in self.triangles.iter_mut().flat_map(|triangle| &mut triangle.corners) {
            *corner = scaled(*corner, scale);
        }
    }
}

/// Points `(radius, height)` of a circle from an angle to another, in quarter turns from the horizontal, outside to the right: of a
/// ball or a ring's cross-section, whose middle is `centre` away from the axis.
pub(super) fn half_circle(centre: f64, radius: f64, from: f64, to: f64, steps: usize) -> Vec<[f64; 2]> {
    let point = |step: usize| {
        let share = step as f64 / steps as f64;
        let quarters = from + (to - from) * share;
        let (sine, cosine) = libm::sincos(quarters * std::f64::consts::FRAC_PI_2);
        [(centre + radius * cosine).max(0.0), radius * sine]
    };
    (0..=steps).map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::vector::dot;

    /// Six times the volume, which is negative where the outside is taken for the inside.
    fn volume(solid: &Solid) -> f64 {
        let each = |triangle: &Triangle| {
            let [a, b, c] = triangle.corners;
            dot(a, cross(b, c))
        };
        solid.triangles.iter().map(each).sum::<f64>() / 6.0
    }

    #[test]
    fn surfaces_are_closed_and_look_outwards() {
        let mut block = Solid::default();
        block.add_block([0.3, -0.2, 0.1], [0.5, 1.0, 1.5], [1.0; 3]);
        assert!((volume(&block) - 6.0).abs() < 1e-12);
        let mut ball = Solid::default();
        ball.add_ball([1.0, 2.0, 3.0], 1.0, [1.0; 3]);
        let full = 4.0 / 3.0 * std::f64::consts::PI;
        assert!((0.85 * full..full).contains(&volume(&ball)), "{}", volume(&ball));
        let mut cone = Solid::default();
        cone.add_turned([0.0; 3], &[[0.0, -1.0], [1.0, -1.0], [0.0, 1.0]], None, [1.0; 3]);
        let full = 2.0 / 3.0 * std::f64::consts::PI;
        assert!((0.97 * full..full).contains(&volume(&cone)), "{}", volume(&cone));
        let mut ring = Solid::default();
        ring.add_turned([0.0; 3], &half_circle(1.0, 0.25, -2.0, 2.0, 16), None, [1.0; 3]);
        let full = 2.0 * std::f64::consts::PI.powi(2) * 0.0625;
        assert!((0.93 * full..full).contains(&volume(&ring)), "{}", volume(&ring));
    }

    #[test]
    fn a_fitted_solid_has_its_radius() {
        let mut block = Solid::default();
        block.add_block([3.0, 2.0, 1.0], [1.0, 2.0, 2.0], [1.0; 3]);
        assert_eq!(block.extreme([1.0, 0.0, 0.0]), [4.0, 2.0, 1.0]);
        block.fit(0.75);
        assert_eq!(block.extreme([0.0, 0.0, -1.0]), [0.0, 0.0, -0.5]);
    }
}

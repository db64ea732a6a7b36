//! Where points of the scene lie in the image.

use super::vector::{Vector, add, scaled};

/// Distance of the camera from the object's middle, as in 3DIEBench.
const DISTANCE: f64 = 2.5;

/// Tangent of half the field of view, about that of 3DIEBench.
const HALF_VIEW: f64 = 0.36;

const SLOPE: f64 = std::f64::consts::FRAC_1_SQRT_2;

/// The camera's axes in the scene: to the right, up and forward. It looks down at the origin, 45 degrees above the floor.
const RIGHT: Vector = [-1.0, 0.0, 0.0];
const UP: Vector = [0.0, -SLOPE, SLOPE];
const FORWARD: Vector = [0.0, -SLOPE, -SLOPE];

/// A point of the image: a place, and the inverse of its distance along the camera's axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Projected {
    /// Columns from the left edge of the image.
    pub(super) x: f64,
    /// Rows from the upper edge.
    pub(super) y: f64,
    /// Larger is nearer.
    pub(super) inverse_depth: f64,
}

/// Where the camera is.
pub(super) fn position() -> Vector {
    scaled(FORWARD, -DISTANCE)
}

/// Where a point of the scene lies in an image of `side` rows and columns; the point must be before the camera.
pub(super) fn project(point: Vector, side: f64) -> Projected {
    let [x, y, z] = point;
    let along = |axis: Vector| x * axis[0] + y * axis[1] + z * axis[2];
    let inverse_depth = 1.0 / (DISTANCE + along(FORWARD));
    let scale = 0.5 * side * inverse_depth / HALF_VIEW;
    Projected { x: 0.5 * side + scale * along(RIGHT), y: 0.5 * side - scale * along(UP), inverse_depth }
}

/// The direction of what is seen at a place of an image; not of length 1.
pub(super) fn ray(x: f64, y: f64, side: f64) -> Vector {
    let [right, up] = [2.0 * x / side - 1.0, 1.0 - 2.0 * y / side].map(|place| place * HALF_VIEW);
    add(FORWARD, add(scaled(RIGHT, right), scaled(UP, up)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ray_leads_to_the_point_that_is_seen_there() {
        for point in [[0.0; 3], [0.4, -0.2, 0.3], [-0.5, 0.5, -0.6]] {
            let seen = project(point, 64.0);
            let along = scaled(ray(seen.x, seen.y, 64.0), 1.0 / seen.inverse_depth);
            for (found, expected) in add(position(), along).into_iter().zip(point) {
                assert!((found - expected).abs() < 1e-12, "{found} {expected}");
            }
        }
        // The middle is in the middle, up is up, and the camera stands on the side of positive y, where x goes to the left.
        let middle = project([0.0; 3], 64.0);
        assert_eq!((middle.x, middle.y, middle.inverse_depth), (32.0, 32.0, 1.0 / 2.5));
        assert!(project([0.0, 0.0, 0.1], 64.0).y < 32.0);
        assert!(project([0.1, 0.0, 0.0], 64.0).x < 32.0);
    }
}

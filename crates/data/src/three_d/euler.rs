//! Rotations by three angles.

/// The unit quaternion `(x, y, z, w)` of extrinsic Euler angles in radians: first about the fixed x axis, then y, then z.
///
/// SciPy's `Rotation.from_euler("xyz", angles).as_quat()`, with its sign, which is not canonical: `w` may be negative. Sines and
/// cosines are those of the crate `libm`, the same bits on every platform.
#[must_use]
pub fn quaternion_from_euler(angles: [f64; 3]) -> [f64; 4] {
    let [(sx, cx), (sy, cy), (sz, cz)] = angles.map(|angle| libm::sincos(angle / 2.0));
    [
        sx * cy * cz - cx * sy * sz,
        cx * sy * cz + sx * cy * sz,
        cx * cy * sz - sx * sy * cz,
        cx * cy * cz + sx * sy * sz,
    ]
}

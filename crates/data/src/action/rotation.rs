//! From one rotation to the next.

/// How far the norm of a recorded rotation may be from 1: what f32, or a text file with four digits, loses.
const TOLERANCE: f64 = 1e-3;

/// The norm of a recorded rotation where it is not 1.
pub(super) fn wrong_norm(values: &[f32]) -> Option<f64> {
    let norm = norm(values.iter().map(|&x| f64::from(x)));
    // This way round a NaN is wrong too.
    let right = (norm - 1.0).abs() <= TOLERANCE;
    (!right).then_some(norm)
}

/// `before⁻¹ after` of two unit quaternions `(x, y, z, w)`, with norm 1 and `w >= 0`.
pub(super) fn relative_quaternion(before: &[f32], after: &[f32], out: &mut [f32]) {
    let wide = |values: &[f32]| -> [f64; 4] { std::array::from_fn(|i| f64::from(values[i])) };
    let ([ax, ay, az, aw], [bx, by, bz, bw]) = (wide(before), wide(after));
    // The inverse of a unit quaternion is its conjugate.
    let [ax, ay, az] = [-ax, -ay, -az];
    write_unit(
        [
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
            aw * bw - ax * bx - ay * by - az * bz,
        ],
        out,
    );
    // `q` and `-q` are one rotation: the first of w, x, y, z that is not 0 decides which it is.
    let decisive = [out[3], out[0], out[1], out[2]].into_iter().find(|&x| x != 0.0);
    if decisive.is_some_and(|x| x < 0.0) {
        // 0 - x, not -x, which would make -0 of 0.
        out.iter_mut().for_each(|x| *x = 0.0 - *x);
    }
}

/// Sine and cosine of the angle from `before` to `after`, both given as `(sin, cos)`.
pub(super) fn relative_angle(before: &[f32], after: &[f32], out: &mut [f32]) {
    let [[sin_a, cos_a], [sin_b, cos_b]] = [before, after].map(|pair| [0, 1].map(|i| f64::from(pair[i])));
    write_unit([sin_b * cos_a - cos_b * sin_a, cos_b * cos_a + sin_b * sin_a], out);
}

#[expect(clippy::cast_possible_truncation, reason = "computed in f64, rounded once")]
fn write_unit<const N: usize>(values: [f64; N], out: &mut [f32]) {
    let norm = norm(values.into_iter());
    for (out, value) in out.iter_mut().zip(values) {
        *out = (value / norm) as f32;
    }
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|x| x * x).sum::<f64>().sqrt()
}

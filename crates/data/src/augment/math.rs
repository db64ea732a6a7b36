//! Elementary functions whose bits do not depend on the platform's mathematics library.

/// The exponential function for `|x| < 700`, within 1 unit in the last place: `2^k` times the Taylor series on
/// `[-ln 2 / 2, ln 2 / 2]`, with plain f64 arithmetic.
#[expect(clippy::cast_possible_truncation, reason = "k is a whole number of at most 1010, of either sign")]
pub(crate) fn exp(x: f64) -> f64 {
    // ln 2 in two parts, the first with enough trailing zeros for `k * LN2_HIGH` to be exact.
    const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let x = x.clamp(-700.0, 700.0);
    let k = (x * std::f64::consts::LOG2_E).round_ties_even();
    let r = (x - k * LN2_HIGH) - k * LN2_LOW;
    let mut sum = 1.0;
    for n in (1..=16).rev() {
        sum = 1.0 + r / f64::from(n) * sum;
    }
    sum * f64::from_bits((k as i64 + 1023).cast_unsigned() << 52)
}

/// Sine and cosine of an angle of at most a turn, `|x| <= 2 pi`, in radians, each within 2e-16: the Taylor series on
/// `[-pi / 4, pi / 4]`, with plain f64 arithmetic. Exact at 0.
#[expect(clippy::cast_possible_truncation, reason = "k is a whole number of at most 4, of either sign")]
pub(crate) fn sin_cos(x: f64) -> (f64, f64) {
    // pi / 2 in two parts, the first with enough trailing zeros for `k * HIGH` to be exact.
    const HIGH: f64 = 1.570_796_326_734_125_6;
    const LOW: f64 = 6.077_100_506_506_192e-11;
    let k = (x * std::f64::consts::FRAC_2_PI).round_ties_even();
    let r = (x - k * HIGH) - k * LOW;
    let square = r * r;
    let (mut sine, mut cosine) = (1.0, 1.0);
    for n in (1..=9).rev() {
        let n = f64::from(2 * n);
        cosine = 1.0 - square / (n * (n - 1.0)) * cosine;
        sine = 1.0 - square / (n * (n + 1.0)) * sine;
    }
    sine *= r;
    match (k as i64).rem_euclid(4) {
        0 => (sine, cosine),
        1 => (cosine, -sine),
        2 => (-sine, -cosine),
        _ => (-cosine, sine),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sine_and_cosine_agree_with_the_library() {
        for i in -6283..=6283 {
            let x = f64::from(i) * 0.001;
            let (sine, cosine) = sin_cos(x);
            let (expected_sine, expected_cosine) = x.sin_cos();
            assert!((sine - expected_sine).abs() < 4e-16 && (cosine - expected_cosine).abs() < 4e-16, "{x}");
        }
        assert_eq!(sin_cos(0.0), (0.0, 1.0));
    }

    #[test]
    fn exp_agrees_with_the_library() {
        for i in -6000..6000 {
            let x = f64::from(i) * 0.1;
            let expected = x.exp();
            assert!(((exp(x) - expected) / expected).abs() < 5e-16, "{x}");
        }
        assert_eq!(exp(0.0), 1.0);
    }
}

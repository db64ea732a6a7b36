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

#[cfg(test)]
mod tests {
    use super::*;

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

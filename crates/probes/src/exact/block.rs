//! Softmax of blocks of f32, `[classes, rows]`: row stands beside row, so that vectors take many at once.

use crate::vectorized::vectorized;

/// Takes logits to their probabilities' differences from the classes of the rows. Returns the sums of cross-entropies and of `1 - Σ p²`.
pub(super) fn residuals(logits: &mut [f32], classes: &[usize]) -> (f64, f64) {
    let rows = classes.len();
    let mut own = vec![0.0_f32; rows];
    let (largest, sums) = vectorized(|| exponentials(logits, rows, Some((classes, &mut own))));
    // A product of eight sums of at most 2^27 terms stays within f64, and takes one logarithm.
    let logarithm: f64 =
        sums.chunks(8).map(|sums| sums.iter().map(|sum| f64::from(*sum)).product::<f64>().ln()).sum();
    let at = |row: usize| classes[row] * rows + row;
    let mut of_own = 0.0;
    let mut exponentials_of_own = vec![0.0_f32; rows];
    for row in 0..rows {
        of_own += f64::from(own[row]) - f64::from(largest[row]);
        exponentials_of_own[row] = std::mem::take(&mut logits[at(row)]);
    }
    let mut others = vec![0.0_f32; rows];
    let spread = vectorized(|| {
        let inverses: Vec<f32> = sums.iter().map(|sum| sum.recip()).collect();
        let mut squares: Vec<f32> = exponentials_of_own
            .iter()
            .zip(&inverses)
            .map(|(e, inverse)| (e * inverse) * (e * inverse))
            .collect();
        for logits in logits.chunks_exact_mut(rows) {
            for (((value, inverse), others), square) in
                logits.iter_mut().zip(&inverses).zip(&mut others).zip(&mut squares)
            {
                *value *= inverse;
                *others += *value;
                *square += *value * *value;
            }
        }
        squares.iter().map(|square| f64::from(1.0 - square)).sum::<f64>()
    });
    for row in 0..rows {
        // Less than 1 by those of the others, which says more digits of it.
        logits[at(row)] = -others[row];
    }
    (logarithm - of_own, spread)
}

/// Takes logits to probabilities.
pub(super) fn shares(logits: &mut [f32], rows: usize) {
    vectorized(|| {
        let (_, sums) = exponentials(logits, rows, None);
        let inverses: Vec<f32> = sums.iter().map(|sum| sum.recip()).collect();
        for logits in logits.chunks_exact_mut(rows) {
            logits.iter_mut().zip(&inverses).for_each(|(value, inverse)| *value *= inverse);
        }
    });
}

/// Takes changes z of logits to `p (z - Σ p z)`, which are those of probabilities. Returns the largest `|z - Σ p z|`.
pub(super) fn jacobian(changes: &mut [f32], shares: &[f32], rows: usize) -> f32 {
    vectorized(|| {
        let mut means = vec![0.0_f32; rows];
        for (changes, shares) in changes.chunks_exact(rows).zip(shares.chunks_exact(rows)) {
            for ((mean, change), share) in means.iter_mut().zip(changes).zip(shares) {
                *mean += change * share;
            }
        }
        let mut most = vec![0.0_f32; rows];
        for (changes, shares) in changes.chunks_exact_mut(rows).zip(shares.chunks_exact(rows)) {
            for (((change, share), mean), most) in changes.iter_mut().zip(shares).zip(&means).zip(&mut most) {
                let off = *change - mean;
                *most = if off.abs() > *most { off.abs() } else { *most };
                *change = share * off;
            }
        }
        most.iter().fold(0.0, |a, b| if *b > a { *b } else { a })
    })
}

/// The largest distance of a value from the mean of its row.
pub(super) fn largest_change(values: &[f32], rows: usize) -> f32 {
    vectorized(|| {
        let mut means = vec![0.0_f32; rows];
        for values in values.chunks_exact(rows) {
            means.iter_mut().zip(values).for_each(|(mean, value)| *mean += value);
        }
        let inverse = rows as f32 / values.len() as f32;
        means.iter_mut().for_each(|mean| *mean *= inverse);
        let mut most = vec![0.0_f32; rows];
        for values in values.chunks_exact(rows) {
            for ((most, value), mean) in most.iter_mut().zip(values).zip(&means) {
                let off = (value - mean).abs();
                *most = if off > *most { off } else { *most };
            }
        }
        most.iter().fold(0.0, |a, b| if *b > a { *b } else { a })
    })
}

/// A sum in a fixed order that vectors can follow.
#[inline(always)]
pub(super) fn sum(values: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 16];
    let chunks = values.chunks_exact(16);
    let rest: f32 = chunks.remainder().iter().sum();
    for chunk in chunks {
        sums.iter_mut().zip(chunk).for_each(|(sum, value)| *sum += value);
    }
    sums.iter().sum::<f32>() + rest
}

/// Takes logits to exponentials of their differences from the largest of the row; returns those largest and the sums. Copies out the
/// logits of the rows' own classes on request.
#[inline(always)]
fn exponentials(
    logits: &mut [f32],
    rows: usize,
    own: Option<(&[usize], &mut [f32])>,
) -> (Vec<f32>, Vec<f32>) {
    let mut largest = vec![f32::NEG_INFINITY; rows];
    for logits in logits.chunks_exact(rows) {
        largest
            .iter_mut()
            .zip(logits)
            .for_each(|(most, value)| *most = if *value > *most { *value } else { *most });
    }
    if let Some((classes, own)) = own {
        for (row, (own, class)) in own.iter_mut().zip(classes).enumerate() {
            *own = logits[class * rows + row];
        }
    }
    let mut sums = vec![0.0_f32; rows];
    for logits in logits.chunks_exact_mut(rows) {
        for ((value, most), sum) in logits.iter_mut().zip(&largest).zip(&mut sums) {
            *value = exp(*value - most);
            *sum += *value;
        }
    }
    (largest, sums)
}

/// The exponential of a number that is not positive, to 2 units in the last place; 0 from -87 on.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // Adding it rounds to a whole number, which then stands in the last bits.
    const ROUND: f32 = 12_582_912.0;
    const HIGH: f32 = 0.693_359_4;
    const LOW: f32 = -2.121_944_4e-4;
    let clamped = if x > -87.0 { x } else { -87.0 };
    let shifted = clamped * std::f32::consts::LOG2_E + ROUND;
    let whole = shifted - ROUND;
    let rest = (clamped - whole * HIGH) - whole * LOW;
    // Taylor's polynomial would be off by 1e-7 at the ends; this is Cephes's.
    let mut sum = 1.987_569_1e-4_f32;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5] {
        sum = sum * rest + coefficient;
    }
    let value = sum * rest * rest + rest + 1.0;
    let power = f32::from_bits(shifted.to_bits().wrapping_shl(23).wrapping_add(0x3f80_0000));
    let value = value * power;
    if x > -87.0 { value } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::exact::softmax::probabilities;

    #[test]
    fn the_exponential_is_within_two_units_in_the_last_place() {
        for step in 0..1_000_000_u32 {
            let x = -87.0 * (step as f32 / 1e6);
            let exact = f64::from(x).exp();
            let error = (f64::from(exp(x)) / exact - 1.0).abs();
            assert!(error <= 2.0 * f64::from(f32::EPSILON), "{x}: {error}");
        }
        assert_eq!((exp(0.0), exp(-87.0), exp(f32::NEG_INFINITY)), (1.0, 0.0, 0.0));
    }

    /// Logits `[classes, rows]`, and their rows in f64 with a class each.
    fn blocks() -> impl Strategy<Value = (Vec<f32>, Vec<usize>, usize)> {
        (1..40usize, 1..12usize).prop_flat_map(|(rows, classes)| {
            let logits = prop::collection::vec(-60.0_f32..60.0, rows * classes);
            (logits, prop::collection::vec(0..classes, rows), Just(classes))
        })
    }

    fn row(block: &[f32], rows: usize, row: usize) -> Vec<f64> {
        block.iter().skip(row).step_by(rows).map(|value| f64::from(*value)).collect()
    }

    proptest! {
        #[test]
        fn residuals_and_shares_are_those_of_a_plain_softmax((logits, of_rows, _) in blocks()) {
            let rows = of_rows.len();
            let (mut residual, mut share) = (logits.clone(), logits.clone());
            let (loss, spread) = residuals(&mut residual, &of_rows);
            shares(&mut share, rows);
            let (mut plain_loss, mut plain_spread) = (0.0, 0.0);
            for (index, class) in of_rows.iter().enumerate() {
                let mut expected = row(&logits, rows, index);
                plain_loss += probabilities(&mut expected, *class);
                plain_spread += 1.0 - expected.iter().map(|p| p * p).sum::<f64>();
                let (share, residual) = (row(&share, rows, index), row(&residual, rows, index));
                for (k, expected) in expected.iter().enumerate() {
                    let own = if k == *class { 1.0 } else { 0.0 };
                    prop_assert!((share[k] - expected).abs() < 1e-6);
                    prop_assert!((residual[k] - (expected - own)).abs() < 2e-6);
                }
            }
            prop_assert!((loss - plain_loss).abs() < 1e-5 * (1.0 + plain_loss), "{loss} for {plain_loss}");
            prop_assert!((spread - plain_spread).abs() < 1e-5 * (1.0 + plain_spread), "{spread}");
        }

        #[test]
        fn the_jacobian_is_that_of_a_plain_softmax((changes, of_rows, classes) in blocks()) {
            let rows = of_rows.len();
            let mut share: Vec<f32> = changes.iter().rev().copied().collect();
            shares(&mut share, rows);
            let mut found = changes.clone();
            let most = jacobian(&mut found, &share, rows);
            let (mut largest, mut from_mean) = (0.0_f64, 0.0_f64);
            for index in 0..rows {
                let (share, changes) = (row(&share, rows, index), row(&changes, rows, index));
                let mean: f64 = share.iter().zip(&changes).map(|(p, z)| p * z).sum();
                let plain_mean = changes.iter().sum::<f64>() / classes as f64;
                let found = row(&found, rows, index);
                for ((found, share), change) in found.iter().zip(&share).zip(&changes) {
                    largest = largest.max((change - mean).abs());
                    from_mean = from_mean.max((change - plain_mean).abs());
                    prop_assert!((found - share * (change - mean)).abs() < 1e-4);
                }
            }
            prop_assert!((f64::from(most) - largest).abs() < 1e-3, "{most} for {largest}");
            let change = f64::from(largest_change(&changes, rows));
            prop_assert!((change - from_mean).abs() < 1e-4, "{change} for {from_mean}");
        }

        #[test]
        fn sums_are_sums(values in prop::collection::vec(-1.0_f32..1.0, 0..200)) {
            let expected: f64 = values.iter().map(|value| f64::from(*value)).sum();
            prop_assert!((f64::from(sum(&values)) - expected).abs() < 1e-5);
        }
    }
}

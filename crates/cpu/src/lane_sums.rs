//! Sums whose order is fixed, lanes first, so that they become vector operations with the same bits everywhere.

/// The sum of the terms of all values, in `LANES` lanes that are added up as a tree.
#[inline(always)]
pub(crate) fn lane_sum<const LANES: usize>(values: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let mut sums = [0.0; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            sums[lane] += term(chunk[lane]);
        }
    }
    for (sum, value) in sums.iter_mut().zip(rest) {
        *sum += term(*value);
    }
    tree(sums)
}

/// The sums of two terms of each pair of values, as [`lane_sum`].
#[inline(always)]
pub(crate) fn lane_sums_of_pairs<const LANES: usize>(
    left: &[f32],
    right: &[f32],
    terms: impl Fn(f32, f32) -> [f32; 2],
) -> [f32; 2] {
    assert_eq!(left.len(), right.len());
    // Two arrays and no array of arrays: the compiler keeps them in registers.
    let (mut first, mut second) = ([0.0; LANES], [0.0; LANES]);
    let (left_chunks, left_rest) = left.as_chunks::<LANES>();
    let (right_chunks, right_rest) = right.as_chunks::<LANES>();
    for (left, right) in left_chunks.iter().zip(right_chunks) {
        for lane in 0..LANES {
            let terms = terms(left[lane], right[lane]);
            first[lane] += terms[0];
            second[lane] += terms[1];
        }
    }
    for (lane, (left, right)) in left_rest.iter().zip(right_rest).enumerate() {
        let terms = terms(*left, *right);
        first[lane] += terms[0];
        second[lane] += terms[1];
    }
    [tree(first), tree(second)]
}

#[inline(always)]
fn tree<const LANES: usize>(mut sums: [f32; LANES]) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            sums[lane] += sums[lane + half];
        }
        half /= 2;
    }
    sums[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_counts_once() {
        for length in [0, 1, 15, 16, 17, 64, 100] {
            let values: Vec<f32> = (0..length).map(|index| index as f32).collect();
            let expected = (0..length).sum::<usize>() as f32;
            assert_eq!(lane_sum::<16>(&values, |_| 1.0), length as f32);
            assert_eq!(lane_sum::<16>(&values, |value| value), expected);
            let pairs = lane_sums_of_pairs::<16>(&values, &values, |left, right| [left, right + 1.0]);
            assert_eq!(pairs, [expected, expected + length as f32]);
        }
    }
}

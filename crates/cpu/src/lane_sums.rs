//! Sums whose order is fixed, lanes first, so that they become vector operations with the same bits everywhere.

/// The sums of `N` terms of each index below `length`, in `LANES` lanes that are added up as a tree.
#[inline(always)]
pub(crate) fn lane_sums<const LANES: usize, const N: usize>(
    length: usize,
    mut terms: impl FnMut(usize) -> [f32; N],
) -> [f32; N] {
    let mut sums = [[0.0_f32; LANES]; N];
    let whole = length / LANES * LANES;
    for start in (0..whole).step_by(LANES) {
        for lane in 0..LANES {
            let terms = terms(start + lane);
            for (sums, term) in sums.iter_mut().zip(terms) {
                sums[lane] += term;
            }
        }
    }
    for index in whole..length {
        for (sums, term) in sums.iter_mut().zip(terms(index)) {
            sums[index - whole] += term;
        }
    }
    sums.map(|mut sums| {
        let mut half = LANES / 2;
        while half > 0 {
            for lane in 0..half {
                sums[lane] += sums[lane + half];
            }
            half /= 2;
        }
        sums[0]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_counts_once() {
        for length in [0, 1, 15, 16, 17, 64, 100] {
            let [ones, indices] = lane_sums::<16, 2>(length, |index| [1.0, index as f32]);
            assert_eq!(ones, length as f32);
            assert_eq!(indices, (0..length).sum::<usize>() as f32);
        }
    }
}

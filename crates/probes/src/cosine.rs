//! Cosine similarities in f64, block by block.

use std::ops::Range;

use faer::MatRef;
use rayon::prelude::*;

use crate::algebra::{BLOCK, multiply};
use crate::features::Features;

/// Adding this to a similarity and taking it off again leaves a multiple of 2^-40, the distance of
/// neighbouring f64 between 4096 and 8192: far above the rounding of a product and far below that of
/// f32 features, so that equal rows are equally similar wherever they stand.
const ROUNDING: f64 = 6144.0;

/// Rows of length 1, row-major; a row of zeros stays one, whose cosine with anything is 0.
pub(crate) fn unit_rows(features: &Features<'_>, rows: Range<usize>) -> Vec<f64> {
    let width = features.width();
    let mut out = vec![0.0; rows.len() * width];
    out.par_chunks_mut(BLOCK * width).enumerate().for_each(|(block, out)| {
        for (offset, out) in out.chunks_exact_mut(width).enumerate() {
            features.copy_row(rows.start + block * BLOCK + offset, out, |_, value| value);
            normalize(out);
        }
    });
    out
}

/// Scales a vector to length 1.
pub(crate) fn normalize(vector: &mut [f64]) {
    let length = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
}

/// Cosines of unit rows with unit rows, `[left rows, right rows]`, rounded to multiples of 2^-40.
pub(crate) fn similarities(out: &mut [f64], left: &[f64], right: &[f64], width: usize) {
    let right = MatRef::from_row_major_slice(right, right.len() / width, width);
    multiply(out, left, right.transpose());
    out.iter_mut().for_each(|value| *value = (*value + ROUNDING) - ROUNDING);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similarities_are_multiples_of_the_step() {
        let rows = unit_rows(&Features::new(&[0.3, 0.7, -0.2, 0.9, 0.1, 0.1, 0.0, 0.0], 2).unwrap(), 0..4);
        let mut cosines = vec![0.0; 16];
        similarities(&mut cosines, &rows, &rows, 2);
        let step = 2f64.powi(-40);
        for (index, cosine) in cosines.iter().enumerate() {
            let (left, right) = (&rows[index / 4 * 2..][..2], &rows[index % 4 * 2..][..2]);
            let exact = left[0] * right[0] + left[1] * right[1];
            assert!((cosine - exact).abs() <= step / 2.0 + 1e-15);
            assert_eq!((cosine / step).fract(), 0.0);
        }
        assert_eq!((cosines[0], cosines[15]), (1.0, 0.0));
    }
}

//! Cosine similarities in f64, block by block.

use std::ops::Range;

use faer::MatRef;
use rayon::prelude::*;

use crate::algebra::{BLOCK, multiply};
use crate::features::Features;

/// Similarities are rounded to this step, far above the rounding of f64 and far below that of f32
/// features, so that equal rows are equally similar wherever they stand.
const STEP: f64 = 1.0 / (1u64 << 40) as f64;

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
    out.iter_mut().for_each(|value| *value = (*value / STEP).round() * STEP);
}

//! Where L2-normalised features lie on the sphere.

use rayon::prelude::*;

use super::views::ViewFeatures;
use crate::algebra::BLOCK;
use crate::cosine::{normalize, similarities};

/// Rows of the first views, of length 1.
fn first_views(views: &ViewFeatures<'_>, samples: std::ops::Range<usize>) -> Vec<f64> {
    let width = views.features().width();
    let mut out = vec![0.0; samples.len() * width];
    for (sample, out) in samples.zip(out.chunks_exact_mut(width)) {
        views.features().copy_row(sample * views.views(), out, |_, value| value);
        normalize(out);
    }
    out
}

/// Standard deviation of each normalised feature, averaged over features.
pub(super) fn standard_deviation(views: &ViewFeatures<'_>) -> f64 {
    let width = views.features().width();
    let count = views.samples() as f64;
    let sums = |term: &dyn Fn(usize, f64) -> f64| {
        let mut sums = vec![0.0; width];
        for start in (0..views.samples()).step_by(BLOCK) {
            let rows = first_views(views, start..(start + BLOCK).min(views.samples()));
            for row in rows.chunks_exact(width) {
                for (column, (sum, value)) in sums.iter_mut().zip(row).enumerate() {
                    *sum += term(column, *value);
                }
            }
        }
        sums
    };
    let means: Vec<f64> = sums(&|_, value| value).into_iter().map(|sum| sum / count).collect();
    let squares = sums(&|column, value| (value - means[column]).powi(2));
    squares.into_iter().map(|sum| (sum / count).sqrt()).sum::<f64>() / width as f64
}

/// Mean squared distance of the views of a sample, over pairs.
pub(super) fn alignment(views: &ViewFeatures<'_>) -> f64 {
    let (count, width) = (views.views(), views.features().width());
    let mut sum = 0.0;
    let mut rows = vec![0.0; count * width];
    for sample in 0..views.samples() {
        for (view, row) in rows.chunks_exact_mut(width).enumerate() {
            views.features().copy_row(sample * count + view, row, |_, value| value);
            normalize(row);
        }
        for (view, row) in rows.chunks_exact(width).enumerate() {
            for other in rows[(view + 1) * width..].chunks_exact(width) {
                sum += row.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
            }
        }
    }
    sum / (views.samples() * count * (count - 1) / 2) as f64
}

/// `ln mean exp(-t d²)` over pairs of samples.
pub(super) fn uniformity(views: &ViewFeatures<'_>, t: f64) -> f64 {
    let (samples, width) = (views.samples(), views.features().width());
    let blocks = samples.div_ceil(BLOCK);
    let range = |block: usize| block * BLOCK..((block + 1) * BLOCK).min(samples);
    // By rows of blocks, each in a fixed order; of two blocks, only the later meets the earlier.
    let sums: Vec<f64> = (0..blocks)
        .into_par_iter()
        .map(|block| {
            let rows = first_views(views, range(block));
            let mut sum = 0.0;
            for other in 0..=block {
                let others = if other == block { rows.clone() } else { first_views(views, range(other)) };
                let columns = range(other).len();
                let mut cosines = vec![0.0; range(block).len() * columns];
                similarities(&mut cosines, &rows, &others, width);
                for (row, cosines) in cosines.chunks_exact(columns).enumerate() {
                    let pairs = if other == block { &cosines[..row] } else { cosines };
                    sum += pairs.iter().map(|cosine| (-2.0 * t * (1.0 - cosine)).exp()).sum::<f64>();
                }
            }
            sum
        })
        .collect();
    let pairs = samples as f64 * (samples - 1) as f64 / 2.0;
    (sums.iter().sum::<f64>() / pairs).ln()
}

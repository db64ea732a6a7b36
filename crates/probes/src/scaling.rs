//! Columns of mean 0 and variance 1.

use std::ops::Range;

use rayon::prelude::*;

use crate::algebra::{BLOCK, CHUNK};
use crate::features::Features;
use crate::vectorized::narrow;

/// A shift and a factor for each column of features.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scaling {
    columns: Vec<Column>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Column {
    mean: f64,
    /// 1 over the standard deviation; 0 for a constant column.
    factor: f64,
}

impl Scaling {
    /// The scaling that gives each column mean 0 and (biased) variance 1, as scikit-learn's
    /// `StandardScaler`. Sums run over fixed pieces of rows, whatever the number of threads.
    pub(crate) fn of(features: &Features<'_>) -> Self {
        let width = features.width();
        let count = features.samples().max(1) as f64;
        let mut means = column_sums(features, width, |row, sums| {
            features.copy_row(row, sums, |_, value| value);
        });
        means.iter_mut().for_each(|mean| *mean /= count);
        let squares = column_sums(features, width, |row, squares| {
            features.copy_row(row, squares, |column, value| (value - means[column]).powi(2));
        });
        let mut constant = vec![true; width];
        if features.samples() > 0 {
            let first: Vec<f32> = features.row(0).collect();
            for row in 1..features.samples() {
                for ((constant, value), first) in constant.iter_mut().zip(features.row(row)).zip(&first) {
                    *constant &= value == *first;
                }
            }
        }
        let columns = means.into_iter().zip(squares).zip(constant).map(|((mean, square), constant)| {
            let deviation = (square / count).sqrt();
            Column { mean, factor: if constant || deviation == 0.0 { 0.0 } else { deviation.recip() } }
        });
        Self { columns: columns.collect() }
    }

    /// The same shifts with factors of 1; constant columns keep their 0.
    pub(crate) fn only_shift(mut self) -> Self {
        self.columns.iter_mut().for_each(|column| column.factor = column.factor.signum());
        self
    }

    /// The factor of a column; 0 if it is constant.
    pub(crate) fn factor(&self, column: usize) -> f64 {
        self.columns[column].factor
    }

    /// The shift of a column.
    pub(crate) fn mean(&self, column: usize) -> f64 {
        self.columns[column].mean
    }

    /// Scales rows in place; constant columns are only shifted.
    #[cfg(feature = "burn")]
    #[expect(clippy::cast_possible_truncation, reason = "scaled in f64, rounded once")]
    pub(crate) fn apply(&self, rows: &mut [f32]) {
        for row in rows.chunks_exact_mut(self.columns.len()) {
            for (value, Column { mean, factor }) in row.iter_mut().zip(&self.columns) {
                let factor = if *factor == 0.0 { 1.0 } else { *factor };
                *value = ((f64::from(*value) - mean) * factor) as f32;
            }
        }
    }

    /// Shifts and factors, rounded to f32.
    pub(crate) fn narrowed(&self) -> (Vec<f32>, Vec<f32>) {
        self.columns.iter().map(|column| (narrow(column.mean), narrow(column.factor))).unzip()
    }

    /// Writes the rows of these numbers in f64 into `out`, `[rows, width]`: shifted and scaled,
    /// constant columns as 0.
    pub(crate) fn widen(&self, features: &Features<'_>, rows: impl Iterator<Item = usize>, out: &mut [f64]) {
        for (out, row) in out.chunks_exact_mut(self.columns.len()).zip(rows) {
            features.copy_row(row, out, |column, value| {
                let Column { mean, factor } = self.columns[column];
                (value - mean) * factor
            });
        }
    }
}

impl Scaling {
    /// As [`widen`](Self::widen), of a range of rows and by several threads.
    pub(crate) fn widened(&self, features: &Features<'_>, rows: Range<usize>) -> Vec<f64> {
        let width = self.columns.len();
        let mut out = vec![0.0; rows.len() * width];
        out.par_chunks_mut(BLOCK * width).enumerate().for_each(|(block, out)| {
            let start = rows.start + block * BLOCK;
            self.widen(features, start..start + out.len() / width, out);
        });
        out
    }
}

/// Sums over rows of what `write` makes of a row, by fixed pieces.
fn column_sums(features: &Features<'_>, width: usize, write: impl Fn(usize, &mut [f64]) + Sync) -> Vec<f64> {
    let samples = features.samples();
    let pieces: Vec<Vec<f64>> = (0..samples.div_ceil(CHUNK))
        .into_par_iter()
        .map(|piece| {
            let (mut sums, mut terms) = (vec![0.0; width], vec![0.0; width]);
            for row in piece * CHUNK..((piece + 1) * CHUNK).min(samples) {
                write(row, &mut terms);
                sums.iter_mut().zip(&terms).for_each(|(sum, term)| *sum += term);
            }
            sums
        })
        .collect();
    let mut sums = vec![0.0; width];
    for piece in pieces {
        sums.iter_mut().zip(piece).for_each(|(sum, term)| *sum += term);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_mean_zero_and_variance_one() {
        let rows = vec![1.0, 0.1, 3.0, 0.1, 5.0, 0.1, 7.0, 0.1];
        let features = Features::new(&rows, 2).unwrap();
        let scaling = Scaling::of(&features);
        #[cfg(feature = "burn")]
        {
            let mut scaled = rows.clone();
            scaling.apply(&mut scaled);
            let unit = 5.0f32.sqrt();
            for (got, expected) in scaled.iter().step_by(2).zip([-3.0, -1.0, 1.0, 3.0]) {
                assert!((got - expected / unit).abs() < 1e-6, "{scaled:?}");
            }
            assert!(scaled.iter().skip(1).step_by(2).all(|value| value.abs() < 1e-9), "{scaled:?}");
        }
        let mut wide = vec![9.0; 8];
        scaling.widen(&features, 0..4, &mut wide);
        assert!(wide.iter().skip(1).step_by(2).all(|value| *value == 0.0), "{wide:?}");
    }
}

//! The coordinates in which a logistic regression is fitted.

use faer::{Mat, MatRef};

use crate::algebra::{CHUNK, Gram, add_transposed_product, eigen, multiply, product};
use crate::error::NumericError;
use crate::features::Features;
use crate::scaling::Scaling;
use crate::vectorized::{narrow, vectorized};

/// Values that are held rotated; of more, only the features are, in f32.
const HELD: usize = 1 << 21;

/// Samples along the eigenvectors of their covariance. The rotation changes neither loss nor penalty, and makes the covariance, which
/// the Hessian follows, a diagonal.
///
/// With no more samples than features the weights of the optimum lie in the span of the samples, so that as many coordinates as there
/// are samples say all: no matrix is larger than the features themselves.
pub(super) struct Coordinates<'a> {
    kind: Kind<'a>,
    /// Variance along each coordinate.
    pub(super) variances: Vec<f64>,
    /// Weights of the scaled features from those of the coordinates, `[features, coordinates]`.
    back: Mat<f64>,
}

enum Kind<'a> {
    /// `[samples, coordinates]`, row-major.
    Held(Vec<f64>),
    /// Widened when they are asked for; it is the weights that are rotated.
    Features {
        features: &'a Features<'a>,
        scaling: &'a Scaling,
        /// The scaling's shifts and factors, in f32.
        narrowed: (Vec<f32>, Vec<f32>),
    },
}

impl<'a> Coordinates<'a> {
    pub(super) fn new(features: &'a Features<'a>, scaling: &'a Scaling) -> Result<Self, NumericError> {
        if features.samples() <= features.width() {
            Self::of_few_samples(features, scaling)
        } else {
            Self::of_many_samples(features, scaling)
        }
    }

    fn of_many_samples(features: &'a Features<'a>, scaling: &'a Scaling) -> Result<Self, NumericError> {
        let (samples, width) = (features.samples(), features.width());
        let chunks = (0..samples).step_by(CHUNK).map(|start| start..(start + CHUNK).min(samples));
        let mut gram = Gram::new(width);
        for rows in chunks.clone() {
            gram.add(&scaling.widened(features, rows));
        }
        let (mut variances, back) = eigen(gram.finish().as_ref())?;
        variances.iter_mut().for_each(|value| *value /= samples as f64);
        let kind = if samples.saturating_mul(width) <= HELD {
            let mut values = vec![0.0; samples * width];
            for rows in chunks {
                let out = &mut values[rows.start * width..rows.end * width];
                multiply(out, &scaling.widened(features, rows), back.as_ref());
            }
            Kind::Held(values)
        } else {
            Kind::Features { features, scaling, narrowed: scaling.narrowed() }
        };
        Ok(Self { kind, variances, back })
    }

    /// From the eigenvectors Q and eigenvalues e of `X Xᵀ`: coordinates `Q √e`, weights of features `Xᵀ Q / √e`.
    fn of_few_samples(features: &'a Features<'a>, scaling: &'a Scaling) -> Result<Self, NumericError> {
        let (samples, width) = (features.samples(), features.width());
        let rows = scaling.widened(features, 0..samples);
        let mut gram = Gram::new(samples);
        let columns: Vec<usize> = (0..width).collect();
        for columns in columns.chunks(CHUNK) {
            let column = |column: &usize| rows.iter().skip(*column).step_by(width).copied();
            let transposed: Vec<f64> = columns.iter().flat_map(column).collect();
            gram.add(&transposed);
        }
        let (values, vectors) = eigen(gram.finish().as_ref())?;
        // Ascending. What rounding leaves of directions without samples is none; one coordinate at least stays.
        let least = values.last().copied().unwrap_or(0.0) * samples as f64 * f64::EPSILON;
        let first = values.partition_point(|value| *value <= least).min(samples - 1);
        let count = samples - first;
        let root = |j: usize| values[first + j].sqrt();
        let inverse = |j: usize| if root(j) > 0.0 { root(j).recip() } else { 0.0 };
        let held =
            (0..samples * count).map(|at| vectors[(at / count, first + at % count)] * root(at % count));
        let directions: Vec<f64> = (0..samples * count)
            .map(|at| vectors[(at / count, first + at % count)] * inverse(at % count))
            .collect();
        let mut back = Mat::zeros(width, count);
        add_transposed_product(back.as_mut(), &rows, &directions);
        let variances = (0..count).map(|j| values[first + j] / samples as f64).collect();
        Ok(Self { kind: Kind::Held(held.collect()), variances, back })
    }

    /// Number of coordinates.
    pub(super) fn count(&self) -> usize {
        self.variances.len()
    }

    /// Numbers that [`copy`](Self::copy) gives of a sample.
    pub(super) fn width(&self) -> usize {
        match self.kind {
            Kind::Held(_) => self.count(),
            Kind::Features { .. } => self.back.nrows(),
        }
    }

    /// Whether samples are held by their coordinates.
    pub(super) fn held(&self) -> bool {
        matches!(self.kind, Kind::Held(_))
    }

    /// Writes samples into `out`, `[rows, width]`.
    pub(super) fn copy(&self, rows: &[usize], out: &mut [f64]) {
        match &self.kind {
            Kind::Held(values) => {
                let width = self.count();
                for (out, row) in out.chunks_exact_mut(width).zip(rows) {
                    out.copy_from_slice(&values[row * width..(row + 1) * width]);
                }
            }
            Kind::Features { features, scaling, .. } => scaling.widen(features, rows.iter().copied(), out),
        }
    }

    /// As [`copy`](Self::copy), in f32.
    pub(super) fn copy_single(&self, rows: &[usize], out: &mut [f32]) {
        match &self.kind {
            Kind::Held(values) => {
                let width = self.count();
                for (out, row) in out.chunks_exact_mut(width).zip(rows) {
                    let values = &values[row * width..(row + 1) * width];
                    out.iter_mut().zip(values).for_each(|(out, value)| *out = narrow(*value));
                }
            }
            Kind::Features { features, narrowed: (shifts, factors), .. } => {
                for (out, row) in out.chunks_exact_mut(shifts.len()).zip(rows) {
                    features.copy_row(*row, out, |_, value| value);
                }
                vectorized(|| {
                    for out in out.chunks_exact_mut(shifts.len()) {
                        for ((value, shift), factor) in out.iter_mut().zip(shifts).zip(factors) {
                            *value = (*value - shift) * factor;
                        }
                    }
                });
            }
        }
    }

    /// Samples that follow each other, `[rows, width]`, where they are held; otherwise nothing.
    pub(super) fn slice(&self, rows: &[usize]) -> Option<&[f64]> {
        let (Kind::Held(values), Some(first), Some(last)) = (&self.kind, rows.first(), rows.last()) else {
            return None;
        };
        // Rows ascend.
        let width = self.count();
        (last - first + 1 == rows.len()).then(|| &values[first * width..(last + 1) * width])
    }

    /// Weights of features from those of coordinates, `[features, coordinates]`, in f32.
    pub(super) fn rotation(&self) -> Mat<f32> {
        Mat::from_fn(self.back.nrows(), self.back.ncols(), |i, j| narrow(self.back[(i, j)]))
    }

    /// Weights of what [`copy`](Self::copy) gives, `[width, outputs]`, from those of the coordinates, row-major.
    pub(super) fn weights(&self, parameters: &[f64], outputs: usize) -> Mat<f64> {
        let rotated = MatRef::from_row_major_slice(parameters, self.count(), outputs);
        match self.kind {
            Kind::Held(_) => rotated.to_owned(),
            Kind::Features { .. } => product(self.back.as_ref(), rotated),
        }
    }

    /// What a gradient by those weights is by the coordinates' weights, `[coordinates, outputs]`.
    pub(super) fn gradient(&self, by_weights: Mat<f64>) -> Mat<f64> {
        match self.kind {
            Kind::Held(_) => by_weights,
            Kind::Features { .. } => product(self.back.transpose(), by_weights.as_ref()),
        }
    }

    /// Weights of the scaled features, `[features, outputs]`.
    pub(super) fn feature_weights(&self, parameters: &[f64], outputs: usize) -> Mat<f64> {
        product(self.back.as_ref(), MatRef::from_row_major_slice(parameters, self.count(), outputs))
    }
}

//! Features of mean 0 and variance 1.

use super::{FeatureSet, Representation};

/// A shift and a factor for each column.
pub(super) struct Scaling {
    columns: Vec<(f64, f64)>,
}

impl Scaling {
    /// The scaling that gives each column of `features` mean 0 and (biased) variance 1, as
    /// scikit-learn's `StandardScaler`. A column without variance is only shifted.
    pub(super) fn of(features: &FeatureSet, representation: Representation) -> Self {
        let width = features.width(representation);
        let count = features.samples() as f64;
        let row = |row: usize| features.rows(representation, &[row]);
        let mut means = vec![0.0; width];
        for index in 0..features.samples() {
            for (mean, value) in means.iter_mut().zip(row(index)) {
                *mean += f64::from(value) / count;
            }
        }
        let mut variances = vec![0.0; width];
        for index in 0..features.samples() {
            for ((variance, mean), value) in variances.iter_mut().zip(&means).zip(row(index)) {
                *variance += (f64::from(value) - mean).powi(2) / count;
            }
        }
        let factor = |(mean, variance): (&f64, f64)| {
            // Rounding leaves a constant column a variance of the order of epsilon squared.
            let constant = variance <= (f64::EPSILON * 16.0 * mean).powi(2);
            (*mean, if constant { 1.0 } else { variance.sqrt().recip() })
        };
        Self { columns: means.iter().zip(variances).map(factor).collect() }
    }

    /// Scales rows in place.
    pub(super) fn apply(&self, rows: &mut [f32]) {
        for row in rows.chunks_exact_mut(self.columns.len()) {
            for (value, (mean, factor)) in row.iter_mut().zip(&self.columns) {
                *value = ((f64::from(*value) - mean) * factor) as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frozen::FeatureBuffers;

    #[test]
    fn columns_have_mean_zero_and_variance_one() {
        let rows = vec![1.0, 0.1, 3.0, 0.1, 5.0, 0.1, 7.0, 0.1];
        let buffers = FeatureBuffers { aggregate: rows.clone(), ..Default::default() };
        let set = FeatureSet::new(4, buffers).unwrap();
        let mut scaled = rows;
        Scaling::of(&set, Representation::Aggregate).apply(&mut scaled);
        let unit = 5.0f32.sqrt();
        for (got, expected) in scaled.iter().step_by(2).zip([-3.0, -1.0, 1.0, 3.0]) {
            assert!((got - expected / unit).abs() < 1e-6, "{scaled:?}");
        }
        assert!(scaled.iter().skip(1).step_by(2).all(|value| value.abs() < 1e-9), "{scaled:?}");
    }
}

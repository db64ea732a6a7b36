//! The coefficient of determination.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::error::{InputError, check_finite, check_size};

/// A named range of a regression's outputs, as the four parameters of a crop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputGroup {
    /// Name that metrics carry, as `crop`.
    pub name: String,
    /// Columns of the target.
    pub range: Range<usize>,
}

impl OutputGroup {
    /// A group of the outputs in `range`.
    #[must_use]
    pub fn new(name: impl Into<String>, range: Range<usize>) -> Self {
        Self { name: name.into(), range }
    }

    pub(crate) fn check(&self, outputs: usize) -> Result<(), InputError> {
        if self.range.is_empty() || self.range.end > outputs {
            return Err(InputError::setting(
                format!("group `{}`", self.name),
                format!("a range within 0..{outputs} that is not empty"),
                format!("{:?}", self.range),
            ));
        }
        Ok(())
    }
}

/// R² of each output of a regression over a whole split: `1 - SS_res / SS_tot`, with `SS_tot` about
/// the output's own mean over the split, as scikit-learn's `r2_score`.
///
/// `SS_tot` is accumulated by the pairwise update of Chan, Golub & LeVeque (1979): every batch
/// contributes its own mean and sum of squared deviations, so that targets far from zero lose no
/// digits and the order of batches does not matter beyond rounding.
#[derive(Clone, Debug, PartialEq)]
pub struct R2 {
    samples: u64,
    outputs: Vec<Moments>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Moments {
    mean: f64,
    /// Sum of squared deviations from the mean.
    total: f64,
    /// Sum of squared errors of the prediction.
    residual: f64,
    /// Range of the target. Rounding can make `total` positive for a constant target; the range
    /// cannot be fooled.
    min: f64,
    max: f64,
}

impl Moments {
    const EMPTY: Self =
        Self { mean: 0.0, total: 0.0, residual: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY };
    #[cfg(feature = "burn")]
    const FIELDS: usize = 5;
}

impl R2 {
    /// An accumulator for `outputs` outputs.
    #[must_use]
    pub fn new(outputs: usize) -> Self {
        Self { samples: 0, outputs: vec![Moments::EMPTY; outputs] }
    }

    /// Takes in a batch; both slices are `[samples, outputs]`, row-major. Predictions may be f32 or
    /// f64.
    ///
    /// # Errors
    ///
    /// If the slices' lengths differ or are not a multiple of the outputs, or if a value is NaN or
    /// infinite. The accumulator is unchanged then.
    pub fn update<P: Into<f64> + Copy>(
        &mut self,
        predictions: &[P],
        targets: &[f32],
    ) -> Result<(), InputError> {
        let width = self.outputs.len();
        check_size("predictions", targets.len(), predictions.len())?;
        if width == 0 || !targets.len().is_multiple_of(width) {
            return Err(InputError::setting(
                "targets",
                format!("a multiple of {width} values"),
                targets.len(),
            ));
        }
        check_finite("predictions", predictions)?;
        check_finite("targets", targets)?;
        let rows = targets.len() / width;
        if rows == 0 {
            return Ok(());
        }

        let mut batch = vec![Moments::EMPTY; width];
        for row in targets.chunks_exact(width) {
            for (moments, target) in batch.iter_mut().zip(row) {
                let target = f64::from(*target);
                moments.mean += target;
                moments.min = moments.min.min(target);
                moments.max = moments.max.max(target);
            }
        }
        for moments in &mut batch {
            moments.mean /= rows as f64;
        }
        for (row, predicted) in targets.chunks_exact(width).zip(predictions.chunks_exact(width)) {
            for ((moments, target), prediction) in batch.iter_mut().zip(row).zip(predicted) {
                let target = f64::from(*target);
                moments.total += (target - moments.mean).powi(2);
                moments.residual += (target - (*prediction).into()).powi(2);
            }
        }
        self.combine(rows as u64, &batch);
        Ok(())
    }

    /// Takes in all that `other` has seen.
    ///
    /// # Errors
    ///
    /// If `other` has another number of outputs.
    pub fn merge(&mut self, other: &Self) -> Result<(), InputError> {
        check_size("outputs", self.outputs.len(), other.outputs.len())?;
        self.combine(other.samples, &other.outputs);
        Ok(())
    }

    fn combine(&mut self, samples: u64, others: &[Moments]) {
        if samples == 0 {
            return;
        }
        let (before, added) = (self.samples as f64, samples as f64);
        let all = before + added;
        for (own, other) in self.outputs.iter_mut().zip(others) {
            let shift = other.mean - own.mean;
            own.mean += shift * (added / all);
            own.total += other.total + shift * shift * (before * added / all);
            own.residual += other.residual;
            own.min = own.min.min(other.min);
            own.max = own.max.max(other.max);
        }
        self.samples += samples;
    }

    /// Samples seen.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// The scores so far; `None` below two samples, where R² is not defined.
    #[must_use]
    pub fn value(&self) -> Option<R2Score> {
        (self.samples >= 2).then(|| {
            let constant: Vec<bool> = self.outputs.iter().map(|moments| moments.min == moments.max).collect();
            let outputs = self
                .outputs
                .iter()
                .zip(&constant)
                .map(|(moments, constant)| match (constant, moments.residual == 0.0) {
                    (true, true) => 1.0,
                    (true, false) => 0.0,
                    (false, _) => 1.0 - moments.residual / moments.total,
                })
                .collect();
            R2Score { outputs, constant }
        })
    }

    /// Mean of an output's targets so far.
    pub(crate) fn target_mean(&self, output: usize) -> f64 {
        self.outputs[output].mean
    }
}

#[cfg(feature = "burn")]
impl R2 {
    pub(crate) fn to_values(&self) -> Vec<f64> {
        let mut values = vec![self.samples as f64];
        for moments in &self.outputs {
            values.extend([moments.mean, moments.total, moments.residual, moments.min, moments.max]);
        }
        values
    }

    pub(crate) fn set_values(&mut self, values: &[f64]) -> Option<()> {
        let [samples, fields @ ..] = values else { return None };
        if fields.len() != self.outputs.len() * Moments::FIELDS {
            return None;
        }
        self.samples = super::saved_count(*samples)?;
        for (moments, fields) in self.outputs.iter_mut().zip(fields.chunks_exact(Moments::FIELDS)) {
            *moments = Moments {
                mean: fields[0],
                total: fields[1],
                residual: fields[2],
                min: fields[3],
                max: fields[4],
            };
        }
        Some(())
    }
}

/// R² of each output.
///
/// An output whose target is the same in all samples has no variance to explain. As in
/// scikit-learn's default (`force_finite=True`) it scores 1 if every prediction is exact and 0
/// otherwise; [`constant`](Self::constant) names such outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct R2Score {
    /// R² of each output, at most 1.
    pub outputs: Vec<f64>,
    /// Whether each output's target was constant.
    pub constant: Vec<bool>,
}

impl R2Score {
    /// The uniform mean over all outputs.
    #[must_use]
    pub fn mean(&self) -> f64 {
        mean(&self.outputs)
    }

    /// The uniform mean over a range of outputs.
    ///
    /// # Panics
    ///
    /// If the range is empty or out of bounds.
    #[must_use]
    pub fn mean_of(&self, outputs: Range<usize>) -> f64 {
        assert!(!outputs.is_empty(), "a mean needs at least one output");
        mean(&self.outputs[outputs])
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn perfect_mean_and_worse_predictions() {
        let targets = [1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 3.0, 3.0, 3.0];
        let predictions = [1.0, 2.0, 3.0, 2.0, 2.0, 2.0, 3.0, 2.0, 1.0];
        let mut r2 = R2::new(3);
        r2.update(&predictions, &targets).unwrap();
        let score = r2.value().unwrap();
        assert_eq!(score.outputs, [1.0, 0.0, -3.0]);
        assert_eq!(score.mean(), -2.0 / 3.0);
        assert_eq!(score.mean_of(0..2), 0.5);
    }

    #[test]
    fn constant_targets_are_defined_and_named() {
        // 0.1 is not exact in f32 or f64: its mean over three rows rounds.
        let targets = [0.1, 0.1, 5.0, 0.1, 0.1, 6.0, 0.1, 0.1, 9.0];
        let predictions = [0.1f32, 0.2, 5.0, 0.1, 0.1, 6.0, 0.1, 0.1, 9.0];
        let mut r2 = R2::new(3);
        r2.update(&predictions, &targets).unwrap();
        let score = r2.value().unwrap();
        assert_eq!(score.outputs, [1.0, 0.0, 1.0]);
        assert_eq!(score.constant, [true, true, false]);
    }

    #[test]
    fn fewer_than_two_samples_have_no_score() {
        let mut r2 = R2::new(1);
        assert_eq!(r2.value(), None);
        r2.update::<f32>(&[], &[]).unwrap();
        r2.update(&[1.0], &[2.0]).unwrap();
        assert_eq!(r2.value(), None);
    }

    #[test]
    fn far_targets_lose_no_digits() {
        // The naive sum of squares minus squared sum has no correct digit here.
        let mut r2 = R2::new(1);
        for index in 0..1000u16 {
            let target = 1.0e6 + f32::from(index % 2);
            r2.update(&[1.0e6 + 0.5], &[target]).unwrap();
        }
        let score = r2.value().unwrap();
        assert!(score.mean().abs() < 1e-9, "{}", score.mean());
    }

    #[test]
    fn bad_input_is_refused_and_not_counted() {
        let mut r2 = R2::new(2);
        assert!(matches!(r2.update(&[0.0; 2], &[0.0; 4]), Err(InputError::Size { .. })));
        assert!(matches!(r2.update(&[0.0; 3], &[0.0; 3]), Err(InputError::Setting { .. })));
        let nan = r2.update(&[0.0, f32::NAN], &[0.0, 0.0]);
        assert!(matches!(nan, Err(InputError::NonFinite { index: 1, .. })));
        assert!(r2.update(&[0.0, 0.0], &[0.0, f32::INFINITY]).is_err());
        assert!(r2.merge(&R2::new(3)).is_err());
        assert_eq!(r2, R2::new(2));
    }

    #[cfg(feature = "burn")]
    #[test]
    fn values_restore_the_accumulator() {
        let mut r2 = R2::new(2);
        r2.update(&[0.5, 1.0, 2.0, 1.5], &[0.1, 1.0, 2.0, 1.7]).unwrap();
        let mut restored = R2::new(2);
        restored.set_values(&r2.to_values()).unwrap();
        assert_eq!(restored, r2);
        assert!(R2::new(3).set_values(&r2.to_values()).is_none());
    }
}

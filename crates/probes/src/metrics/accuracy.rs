//! Top-k accuracy.

use serde::{Deserialize, Serialize};

use crate::error::{InputError, check_finite, check_labels, check_size};

/// Share of samples whose label is among the `k` highest scores, for several `k` at once.
///
/// Equal scores rank by class number, the lower first (as `argmax` does), so that a probe that
/// gives all classes the same score has no more than chance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TopK {
    ks: Vec<usize>,
    correct: Vec<u64>,
    samples: u64,
}

impl TopK {
    /// Counts for each of `ks`, as `&[1, 5]`.
    ///
    /// # Errors
    ///
    /// If a `k` is 0 or none is given.
    pub fn new(ks: &[usize]) -> Result<Self, InputError> {
        if ks.is_empty() || ks.contains(&0) {
            return Err(InputError::setting("ks", "one or more numbers above 0", format!("{ks:?}")));
        }
        Ok(Self { ks: ks.to_vec(), correct: vec![0; ks.len()], samples: 0 })
    }

    /// Takes in a batch: `scores` is `[labels.len(), classes]`, row-major.
    ///
    /// # Errors
    ///
    /// If sizes do not match, a label is not below `classes`, or a score is NaN or infinite. The
    /// counts are unchanged then.
    pub fn update(&mut self, scores: &[f32], classes: usize, labels: &[u32]) -> Result<(), InputError> {
        check_size("scores", labels.len() * classes, scores.len())?;
        check_labels(labels, classes)?;
        check_finite("scores", scores)?;
        if classes == 0 {
            return Ok(());
        }
        for (row, label) in scores.chunks_exact(classes).zip(labels) {
            let rank = rank(row, *label as usize);
            for (k, correct) in self.ks.iter().zip(&mut self.correct) {
                *correct += u64::from(rank < *k);
            }
        }
        self.samples += labels.len() as u64;
        Ok(())
    }

    /// Takes in all that `other` has counted.
    ///
    /// # Errors
    ///
    /// If `other` counts for other `k`.
    pub fn merge(&mut self, other: &Self) -> Result<(), InputError> {
        if self.ks != other.ks {
            return Err(InputError::setting("ks", format!("{:?}", self.ks), format!("{:?}", other.ks)));
        }
        for (sum, count) in self.correct.iter_mut().zip(&other.correct) {
            *sum += count;
        }
        self.samples += other.samples;
        Ok(())
    }

    /// Accuracy at `k` in `[0, 1]`; `None` without samples or for a `k` that is not counted. A `k`
    /// above the number of classes gives 1.
    #[must_use]
    pub fn value(&self, k: usize) -> Option<f64> {
        let index = self.ks.iter().position(|known| *known == k)?;
        (self.samples > 0).then(|| self.correct[index] as f64 / self.samples as f64)
    }

    /// Samples seen.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.samples
    }
}

#[cfg(feature = "burn")]
impl TopK {
    /// Takes in samples that were counted elsewhere, with the number that are right at each `k`.
    pub(crate) fn count(&mut self, samples: u64, correct: &[u64]) {
        self.samples += samples;
        self.correct.iter_mut().zip(correct).for_each(|(sum, count)| *sum += count);
    }

    pub(crate) fn to_values(&self) -> Vec<f64> {
        std::iter::once(self.samples).chain(self.correct.iter().copied()).map(|count| count as f64).collect()
    }

    pub(crate) fn set_values(&mut self, values: &[f64]) -> Option<()> {
        let [samples, correct @ ..] = values else { return None };
        if correct.len() != self.correct.len() {
            return None;
        }
        let samples = super::saved_count(*samples)?;
        self.correct = correct.iter().map(|correct| super::saved_count(*correct)).collect::<Option<_>>()?;
        self.samples = samples;
        Some(())
    }
}

/// Number of classes that rank before `label`.
pub(crate) fn rank<T: PartialOrd + Copy>(scores: &[T], label: usize) -> usize {
    let own = scores[label];
    let before = scores[..label].iter().filter(|score| **score >= own).count();
    before + scores[label + 1..].iter().filter(|score| **score > own).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_ranks() {
        let mut top = TopK::new(&[1, 2, 9]).unwrap();
        top.update(&[0.1, 0.7, 0.2, 0.5, 0.2, 0.3], 3, &[1, 2]).unwrap();
        assert_eq!(top.value(1), Some(0.5));
        assert_eq!(top.value(2), Some(1.0));
        assert_eq!(top.value(9), Some(1.0));
        assert_eq!(top.value(3), None);
    }

    #[test]
    fn ties_go_to_the_lower_class() {
        let mut top = TopK::new(&[1]).unwrap();
        top.update(&[0.0; 6], 3, &[0, 2]).unwrap();
        assert_eq!(top.value(1), Some(0.5));
    }

    #[test]
    fn bad_input_is_refused_and_not_counted() {
        let mut top = TopK::new(&[1]).unwrap();
        assert!(matches!(top.update(&[0.0; 5], 3, &[0, 2]), Err(InputError::Size { expected: 6, .. })));
        assert!(matches!(top.update(&[0.0; 3], 3, &[3]), Err(InputError::Label { label: 3, .. })));
        let nan = top.update(&[0.0, f32::NAN, 0.0], 3, &[0]);
        assert!(matches!(nan, Err(InputError::NonFinite { index: 1, .. })));
        assert_eq!(top.value(1), None);
        assert!(TopK::new(&[0]).is_err());
        assert!(TopK::new(&[]).is_err());
        assert!(top.merge(&TopK::new(&[5]).unwrap()).is_err());
    }
}

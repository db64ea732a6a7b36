//! A running mean.

use serde::{Deserialize, Serialize};

/// The mean of the numbers seen so far, of batch losses for instance, with compensated summation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mean {
    sum: f64,
    compensation: f64,
    weight: f64,
}

impl Mean {
    /// A mean of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in one number.
    pub fn update(&mut self, value: f64) {
        self.update_weighted(value, 1.0);
    }

    /// Takes in a number that stands for `weight` numbers, a batch's mean and its size for
    /// instance.
    pub fn update_weighted(&mut self, value: f64, weight: f64) {
        self.add(value * weight);
        self.weight += weight;
    }

    /// Takes in all that `other` has seen.
    pub fn merge(&mut self, other: &Self) {
        self.add(other.sum);
        self.add(other.compensation);
        self.weight += other.weight;
    }

    /// The mean, or `None` before the first number.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        (self.weight > 0.0).then(|| (self.sum + self.compensation) / self.weight)
    }

    /// Neumaier's compensated sum.
    fn add(&mut self, term: f64) {
        let sum = self.sum + term;
        let (large, small) = if self.sum.abs() >= term.abs() { (self.sum, term) } else { (term, self.sum) };
        self.compensation += (large - sum) + small;
        self.sum = sum;
    }
}

#[cfg(feature = "burn")]
impl Mean {
    pub(crate) fn to_values(&self) -> Vec<f64> {
        vec![self.sum, self.compensation, self.weight]
    }

    pub(crate) fn from_values(values: &[f64]) -> Option<Self> {
        match *values {
            [sum, compensation, weight] => Some(Self { sum, compensation, weight }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_numbers_have_no_mean() {
        assert_eq!(Mean::new().value(), None);
    }

    #[test]
    fn small_terms_survive_large_ones() {
        let mut mean = Mean::new();
        for value in [1e16, 1.0, -1e16, 1.0] {
            mean.update(value);
        }
        assert_eq!(mean.value(), Some(0.5));
    }

    #[test]
    fn weights_and_merging() {
        let mut first = Mean::new();
        first.update_weighted(2.0, 3.0);
        let mut second = Mean::new();
        second.update(6.0);
        first.merge(&second);
        assert_eq!(first.value(), Some(3.0));
        #[cfg(feature = "burn")]
        assert_eq!(Mean::from_values(&first.to_values()), Some(first));
    }
}

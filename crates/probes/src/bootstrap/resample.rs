//! Resampling and its intervals.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::estimate::Estimate;
use crate::error::{InputError, check_finite, check_size};

/// How intervals are drawn (Efron 1979, the percentile method): the test samples are drawn anew with
/// replacement, as many as there are, `resamples` times; the interval holds the middle `confidence`
/// of the figure's values. The probe is not trained anew: intervals speak of the test samples, not of
/// the training.
///
/// Draws are keyed by the seed and the resample's number: the same bits at any thread count, and
/// the same samples for all figures over as many test samples, so that two probes of one split can
/// be compared resample by resample.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// Number of resamples; 0 leaves the intervals out.
    pub resamples: usize,
    /// Share of the resamples that the interval holds, between 0 and 1.
    pub confidence: f64,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for Bootstrap {
    /// 1000 resamples, 95 %, seed 0.
    fn default() -> Self {
        Self { resamples: 1000, confidence: 0.95, seed: 0 }
    }
}

impl Bootstrap {
    /// No intervals.
    #[must_use]
    pub fn none() -> Self {
        Self { resamples: 0, ..Self::default() }
    }

    /// The mean of one number for each test sample, as 1 for a hit and 0 for a miss, or a
    /// reciprocal rank. `None` without samples; without an interval for one.
    ///
    /// # Errors
    ///
    /// If a setting is out of range or a value is not finite.
    pub fn mean(&self, values: &[f64]) -> Result<Option<Estimate>, InputError> {
        let estimates = self.estimates(values.len(), values, 1, |means| vec![Some(means[0])])?;
        Ok(estimates.into_iter().next().flatten())
    }

    /// Any figures that follow from means over test samples. `values` is `[samples, columns]`,
    /// row-major: what each sample adds. `statistic` makes the figures from the columns' means, always
    /// as many; `None` where one is not defined.
    ///
    /// A figure that is not defined on all samples is absent. Resamples on which it is not defined
    /// are left out of its interval, and the interval is absent if they are half or more.
    /// A single sample says nothing of how samples differ, so that its figures have no interval.
    /// Without samples, there are no figures.
    ///
    /// # Errors
    ///
    /// If a setting is out of range, sizes do not fit, or a value is not finite.
    pub fn estimates(
        &self,
        samples: usize,
        values: &[f64],
        columns: usize,
        statistic: impl Fn(&[f64]) -> Vec<Option<f64>> + Sync,
    ) -> Result<Vec<Option<Estimate>>, InputError> {
        self.validate()?;
        check_size("values", samples * columns, values.len())?;
        check_finite("bootstrap values", values)?;
        if samples == 0 || columns == 0 {
            return Ok(Vec::new());
        }
        let figures = statistic(&means(values, columns, samples, std::iter::repeat(1)));
        let resamples = if samples < 2 { 0 } else { self.resamples };
        let drawn: Vec<Vec<Option<f64>>> = (0..resamples as u64)
            .into_par_iter()
            .map(|resample| {
                let counts = self.counts(resample, samples);
                statistic(&means(values, columns, samples, counts.into_iter()))
            })
            .collect();
        let interval = |figure: usize| {
            let mut values: Vec<f64> =
                drawn.iter().filter_map(|figures| figures.get(figure).copied().flatten()).collect();
            (values.len() * 2 > self.resamples).then(|| {
                values.sort_unstable_by(f64::total_cmp);
                let tail = (1.0 - self.confidence) / 2.0;
                [percentile(&values, tail), percentile(&values, 1.0 - tail)]
            })
        };
        let estimate = |(figure, value): (usize, Option<f64>)| {
            value.map(|value| Estimate { value, interval: interval(figure) })
        };
        Ok(figures.into_iter().enumerate().map(estimate).collect())
    }

    /// How often each sample is drawn in a resample.
    pub(super) fn counts(&self, resample: u64, samples: usize) -> Vec<u32> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(resample);
        let mut counts = vec![0; samples];
        for _ in 0..samples {
            counts[rng.random_range(0..samples)] += 1;
        }
        counts
    }

    pub(crate) fn validate(&self) -> Result<(), InputError> {
        if self.confidence > 0.0 && self.confidence < 1.0 {
            return Ok(());
        }
        Err(InputError::setting("bootstrap.confidence", "between 0 and 1", self.confidence))
    }
}

/// Weighted means of columns; the weights add up to `samples`.
fn means(values: &[f64], columns: usize, samples: usize, weights: impl Iterator<Item = u32>) -> Vec<f64> {
    let mut sums = vec![0.0; columns];
    for (row, weight) in values.chunks_exact(columns).zip(weights) {
        if weight > 0 {
            let weight = f64::from(weight);
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += weight * value;
            }
        }
    }
    sums.iter().map(|sum| sum / samples as f64).collect()
}

/// The `share` quantile of sorted values, interpolated linearly between order statistics, as
/// NumPy's `percentile` by default.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rounded down, a place among the values"
)]
pub(super) fn percentile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_interpolate() {
        // numpy.percentile([1, 2, 4, 8], [0, 25, 50, 97.5, 100])
        let sorted = [1.0, 2.0, 4.0, 8.0];
        for (share, expected) in [(0.0, 1.0), (0.25, 1.75), (0.5, 3.0), (0.975, 7.7), (1.0, 8.0)] {
            assert!((percentile(&sorted, share) - expected).abs() < 1e-12);
        }
        assert_eq!(percentile(&[3.0], 0.975), 3.0);
    }

    #[test]
    fn counts_are_a_resample() {
        let counts = Bootstrap::default().counts(3, 50);
        assert_eq!(counts.iter().sum::<u32>(), 50);
        assert_ne!(counts, Bootstrap::default().counts(4, 50));
        assert_ne!(counts, Bootstrap { seed: 1, ..Bootstrap::default() }.counts(3, 50));
    }

    /// For a mean the interval is known: plus and minus 1.96 standard errors. At 4000 resamples of 400
    /// samples the ends wander by about 3 % of that.
    #[test]
    fn the_interval_of_a_mean_is_two_standard_errors() {
        let hits: Vec<f64> = (0..400).map(|index| f64::from(u8::from(index % 5 == 0))).collect();
        let estimate = Bootstrap { resamples: 4000, ..Bootstrap::default() }.mean(&hits).unwrap().unwrap();
        assert_eq!(estimate.value, 0.2);
        let half = 1.96 * (0.2f64 * 0.8 / 400.0).sqrt();
        let [low, high] = estimate.interval.unwrap();
        assert!((low - (0.2 - half)).abs() < 0.1 * half, "{low}");
        assert!((high - (0.2 + half)).abs() < 0.1 * half, "{high}");
    }

    #[test]
    fn degenerate_samples() {
        let bootstrap = Bootstrap::default();
        assert_eq!(bootstrap.mean(&[]).unwrap(), None);
        let one = bootstrap.mean(&[0.5]).unwrap().unwrap();
        assert_eq!(one, Estimate { value: 0.5, interval: None });
        assert!(bootstrap.mean(&[0.5, 0.5]).unwrap().unwrap().interval.is_some());
        let none = Bootstrap::none().mean(&[0.5, 1.0]).unwrap().unwrap();
        assert_eq!(none, Estimate { value: 0.75, interval: None });
        assert!(matches!(bootstrap.mean(&[0.0, f64::NAN]), Err(InputError::NonFinite { index: 1, .. })));
        let wrong = Bootstrap { confidence: 1.0, ..bootstrap };
        assert!(matches!(wrong.mean(&[1.0]), Err(InputError::Setting { .. })));
    }

    #[test]
    fn undefined_resamples_are_left_out() {
        let bootstrap = Bootstrap { resamples: 100, ..Bootstrap::default() };
        let rarely =
            bootstrap.estimates(2, &[0.0, 1.0], 1, |means| vec![(means[0] > 0.0).then_some(means[0])]);
        assert!(rarely.unwrap()[0].unwrap().interval.is_some());
        let mostly = bootstrap.estimates(2, &[0.0, 1.0], 1, |means| vec![(means[0] == 0.5).then_some(0.0)]);
        let [Some(estimate)] = mostly.unwrap()[..] else { panic!("the figure is defined on all samples") };
        assert_eq!(estimate.value, 0.0);
    }
}

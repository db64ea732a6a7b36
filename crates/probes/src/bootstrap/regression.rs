//! R² of each output and group of outputs, with intervals.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::estimate::Estimate;
use super::resample::Bootstrap;
use crate::error::{InputError, check_size};
use crate::metrics::{OutputGroup, R2};

/// Names of a regression's outputs, and groups of them whose mean R² is reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetNames {
    /// A name for each output, as `brightness`.
    pub outputs: Vec<String>,
    /// Groups of outputs, as `jitter`.
    pub groups: Vec<OutputGroup>,
}

impl TargetNames {
    /// Names without groups.
    #[must_use]
    pub fn new(outputs: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { outputs: outputs.into_iter().map(Into::into).collect(), groups: Vec::new() }
    }

    /// The same names with these groups.
    #[must_use]
    pub fn with_groups(self, groups: impl IntoIterator<Item = OutputGroup>) -> Self {
        Self { groups: groups.into_iter().collect(), ..self }
    }

    pub(crate) fn check(&self, outputs: usize) -> Result<(), InputError> {
        check_size("names of outputs", outputs, self.outputs.len())?;
        self.groups.iter().try_for_each(|group| group.check(outputs))
    }
}

/// R² over a test split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegressionScores {
    /// R² of each output.
    pub outputs: Vec<OutputScore>,
    /// The uniform mean over each group's outputs.
    pub groups: Vec<GroupScore>,
    /// The uniform mean over all outputs; absent below two samples.
    pub mean: Option<Estimate>,
}

/// R² of one output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputScore {
    /// The output.
    pub name: String,
    /// Its R²; absent below two samples.
    pub r2: Option<Estimate>,
    /// Whether its target was the same in all test samples: R² is then 0, or 1 if all predictions
    /// are exact.
    pub constant: bool,
}

/// Mean R² of a group of outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupScore {
    /// The group.
    pub name: String,
    /// Uniform mean of its outputs' R²; absent below two samples.
    pub r2: Option<Estimate>,
}

impl RegressionScores {
    /// R² of an output.
    #[must_use]
    pub fn output(&self, name: &str) -> Option<Estimate> {
        self.outputs.iter().find(|score| score.name == name)?.r2
    }

    /// Mean R² of a group.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<Estimate> {
        self.groups.iter().find(|score| score.name == name)?.r2
    }
}

/// R² of predictions, by output and group, with intervals; `predictions` and `targets` are
/// `[samples, names.outputs.len()]`.
///
/// In every resample `SS_tot` is about the resample's own mean. An output that is constant in a
/// resample scores there as one that is constant altogether: 1 if all its predictions are exact,
/// else 0.
///
/// # Errors
///
/// If sizes do not fit, a group is out of range, or a value is not finite.
pub fn regression_scores(
    predictions: &[f64],
    targets: &[f32],
    names: &TargetNames,
    bootstrap: &Bootstrap,
) -> Result<RegressionScores, InputError> {
    let outputs = names.outputs.len();
    names.check(outputs)?;
    let mut r2 = R2::new(outputs);
    r2.update(predictions, targets)?;
    let samples = targets.len() / outputs;
    let Some(score) = r2.value() else {
        let absent = |name: &String| OutputScore { name: name.clone(), r2: None, constant: false };
        let group = |group: &OutputGroup| GroupScore { name: group.name.clone(), r2: None };
        return Ok(RegressionScores {
            outputs: names.outputs.iter().map(absent).collect(),
            groups: names.groups.iter().map(group).collect(),
            mean: None,
        });
    };

    let centre: Vec<f64> = (0..outputs).map(|output| r2.target_mean(output)).collect();
    let mut values = Vec::with_capacity(3 * targets.len());
    for (targets, predictions) in targets.chunks_exact(outputs).zip(predictions.chunks_exact(outputs)) {
        for ((target, prediction), centre) in targets.iter().zip(predictions).zip(&centre) {
            let target = f64::from(*target);
            let deviation = target - centre;
            values.extend([deviation, deviation * deviation, (target - prediction).powi(2)]);
        }
    }
    let ranges: Vec<Range<usize>> = (0..outputs)
        .map(|output| output..output + 1)
        .chain(names.groups.iter().map(|group| group.range.clone()))
        .chain(std::iter::once(0..outputs))
        .collect();
    let figures = |scores: &[f64]| -> Vec<Option<f64>> {
        let mean = |range: &Range<usize>| scores[range.clone()].iter().sum::<f64>() / range.len() as f64;
        ranges.iter().map(|range| Some(mean(range))).collect()
    };
    let mut estimates = bootstrap
        .estimates(samples, &values, 3 * outputs, |means| {
            figures(&means.chunks_exact(3).map(resampled_r2).collect::<Vec<_>>())
        })?
        .into_iter()
        .flatten();
    // The figures themselves are the streaming metric's, to its last bit.
    let mut exact = figures(&score.outputs).into_iter().flatten();
    let mut next = || {
        let value = exact.next()?;
        Some(Estimate { value, interval: estimates.next()?.interval })
    };
    let outputs = names.outputs.iter().zip(&score.constant);
    Ok(RegressionScores {
        outputs: outputs
            .map(|(name, constant)| OutputScore { name: name.clone(), r2: next(), constant: *constant })
            .collect(),
        groups: names
            .groups
            .iter()
            .map(|group| GroupScore { name: group.name.clone(), r2: next() })
            .collect(),
        mean: next(),
    })
}

/// R² from the means of deviations (from the mean of all samples), their squares and squared errors.
fn resampled_r2(means: &[f64]) -> f64 {
    let [deviation, square, error] = means else { unreachable!("chunks of three") };
    let variance = square - deviation * deviation;
    // What rounding leaves of the variance of equal numbers is of the order of 1e-16 of their square.
    match (variance <= 1e-13 * square, *error == 0.0) {
        (true, true) => 1.0,
        (true, false) => 0.0,
        (false, _) => 1.0 - error / variance,
    }
}

#[cfg(test)]
mod tests {
    use super::super::resample::percentile;
    use super::*;

    fn names() -> TargetNames {
        TargetNames::new(["a", "b", "c"]).with_groups([OutputGroup::new("ab", 0..2)])
    }

    fn data(samples: usize) -> (Vec<f64>, Vec<f32>) {
        let wave = |index: usize| (index as f32 * 0.7).sin();
        let targets: Vec<f32> =
            (0..samples).flat_map(|row| [wave(row), 1000.0 + wave(3 * row), 0.1]).collect();
        let noise = |index: usize| f64::from((index as f32 * 1.3).cos()) * 0.3;
        let predictions = targets.iter().enumerate().map(|(index, t)| f64::from(*t) + noise(index)).collect();
        (predictions, targets)
    }

    #[test]
    fn values_are_the_streaming_metric_and_lie_in_their_intervals() {
        let (predictions, targets) = data(200);
        let scores = regression_scores(&predictions, &targets, &names(), &Bootstrap::default()).unwrap();
        let mut r2 = R2::new(3);
        r2.update(&predictions, &targets).unwrap();
        let expected = r2.value().unwrap();
        for (score, expected) in scores.outputs.iter().zip(&expected.outputs) {
            assert_eq!(score.r2.unwrap().value, *expected);
        }
        assert_eq!(scores.group("ab").unwrap().value, expected.mean_of(0..2));
        assert_eq!(scores.mean.unwrap().value, expected.mean());
        for estimate in [scores.output("a"), scores.output("b"), scores.group("ab"), scores.mean] {
            let Estimate { value, interval: Some([low, high]) } = estimate.unwrap() else { panic!() };
            assert!(low < value && value < high && high - low < 0.2, "{estimate:?}");
        }
        assert!(scores.outputs[2].constant && !scores.outputs[1].constant);
        assert_eq!(scores.output("c").unwrap().interval, Some([0.0, 0.0]));
    }

    /// Every resample's R² is that of scikit-learn's formula on the rows that it drew.
    #[test]
    fn resamples_have_their_own_mean() {
        let (predictions, targets) = data(40);
        let bootstrap = Bootstrap { resamples: 50, confidence: 0.5, seed: 9 };
        let scores = regression_scores(&predictions, &targets, &names(), &bootstrap).unwrap();
        let mut drawn: Vec<f64> = (0..50)
            .map(|resample| {
                let mut r2 = R2::new(3);
                for (row, count) in bootstrap.counts(resample, 40).into_iter().enumerate() {
                    for _ in 0..count {
                        r2.update(&predictions[3 * row..][..3], &targets[3 * row..][..3]).unwrap();
                    }
                }
                r2.value().unwrap().outputs[1]
            })
            .collect();
        drawn.sort_unstable_by(f64::total_cmp);
        let [low, high] = scores.output("b").unwrap().interval.unwrap();
        assert!((low - percentile(&drawn, 0.25)).abs() < 1e-9);
        assert!((high - percentile(&drawn, 0.75)).abs() < 1e-9);
    }

    #[test]
    fn too_few_samples_have_no_figures() {
        for samples in [0, 1] {
            let (predictions, targets) = data(samples);
            let scores = regression_scores(&predictions, &targets, &names(), &Bootstrap::default()).unwrap();
            assert_eq!((scores.mean, scores.output("a"), scores.group("ab")), (None, None, None));
            assert_eq!(scores.outputs.len(), 3);
        }
        let (predictions, targets) = data(2);
        let scores = regression_scores(&predictions, &targets, &names(), &Bootstrap::default()).unwrap();
        let [low, high] = scores.output("a").unwrap().interval.unwrap();
        assert!(low.is_finite() && high.is_finite());
    }

    #[test]
    fn bad_input_is_refused() {
        let none = Bootstrap::none();
        let short = TargetNames::new(["a"]).with_groups([OutputGroup::new("ab", 0..2)]);
        assert!(regression_scores(&[0.0], &[0.0], &short, &none).is_err());
        assert!(regression_scores(&[0.0; 2], &[0.0; 3], &names(), &none).is_err());
        assert!(regression_scores(&[f64::NAN, 0.0, 0.0], &[0.0; 3], &names(), &none).is_err());
        assert!(regression_scores(&[], &[], &TargetNames::new([""; 0]), &none).is_err());
    }
}

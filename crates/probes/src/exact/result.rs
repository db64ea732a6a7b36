//! Exact probes on two splits, with the protocol behind every figure.

use serde::{Deserialize, Serialize};

use super::config::{LogisticConfig, RidgeConfig};
use super::lbfgs::Convergence;
use super::logistic::{Logistic, highest};
use super::ridge::Ridge;
use crate::bootstrap::{Bootstrap, Estimate, RegressionScores, TargetNames, regression_scores};
use crate::error::{InputError, NumericError, check_labels, check_size};
use crate::features::{Labelled, Targeted};
use crate::metrics::rank;

/// What a ridge regression scores on a test split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegressionResult {
    /// R² by output and group.
    pub scores: RegressionScores,
    /// The penalty of each output.
    pub penalties: Vec<f64>,
    /// Whether each output's penalty is the smallest or largest of those offered: a wider choice
    /// might score better.
    pub at_edge: Vec<bool>,
    /// How it was fitted.
    pub config: RidgeConfig,
    /// How the intervals were drawn.
    pub bootstrap: Bootstrap,
    /// Number of features.
    pub width: usize,
    /// Samples that were fitted.
    pub train_samples: usize,
    /// Samples that were predicted.
    pub test_samples: usize,
}

/// What a logistic regression scores on a test split, in percent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassificationResult {
    /// Top-1 accuracy; absent without test samples.
    pub top1: Option<Estimate>,
    /// Top-5 accuracy; absent without test samples, or with five classes or fewer.
    pub top5: Option<Estimate>,
    /// Number of classes.
    pub classes: usize,
    /// Classes that have test samples but no training samples; they count as wrong.
    pub unknown_classes: usize,
    /// The inverse penalty C that was chosen.
    pub inverse_penalty: f64,
    /// Whether C is the smallest or largest of several offered.
    pub at_edge: bool,
    /// Mean objective over the training samples.
    pub train_loss: f64,
    /// How the fit ended.
    pub convergence: Convergence,
    /// How it was fitted.
    pub config: LogisticConfig,
    /// How the intervals were drawn.
    pub bootstrap: Bootstrap,
    /// Number of features.
    pub width: usize,
    /// Samples that were fitted.
    pub train_samples: usize,
    /// Samples that were predicted.
    pub test_samples: usize,
}

/// Fits a ridge regression to `train` and scores it on `test`.
///
/// # Errors
///
/// As [`Ridge::fit`] and [`regression_scores`], or if the splits' widths or outputs differ.
pub fn regression(
    train: &Targeted<'_>,
    test: &Targeted<'_>,
    names: &TargetNames,
    config: &RidgeConfig,
    bootstrap: &Bootstrap,
) -> Result<RegressionResult, NumericError> {
    bootstrap.validate()?;
    names.check(train.outputs())?;
    check_size("outputs of the test split", train.outputs(), test.outputs())?;
    check_size("width of the test split", train.features().width(), test.features().width())?;
    let ridge = Ridge::fit(train, config)?;
    let predictions = ridge.predict(test.features())?;
    let edge = |penalty: &f64| at_edge(&config.penalties, *penalty);
    Ok(RegressionResult {
        scores: regression_scores(&predictions, test.targets(), names, bootstrap)?,
        penalties: ridge.penalties().to_vec(),
        at_edge: ridge.penalties().iter().map(edge).collect(),
        config: config.clone(),
        bootstrap: *bootstrap,
        width: train.features().width(),
        train_samples: train.features().samples(),
        test_samples: test.features().samples(),
    })
}

/// Fits a logistic regression to `train` and scores it on `test`.
///
/// # Errors
///
/// As [`Logistic::fit`], or if the splits' widths differ or a test label is out of range.
pub fn classification(
    train: &Labelled<'_>,
    test: &Labelled<'_>,
    classes: usize,
    config: &LogisticConfig,
    bootstrap: &Bootstrap,
) -> Result<ClassificationResult, NumericError> {
    Ok(classification_with_predictions(train, test, classes, config, bootstrap)?.0)
}

/// The same, with the class that it predicts of each test sample: that of the highest logit, the lower among equals.
///
/// # Errors
///
/// As [`classification`].
pub fn classification_with_predictions(
    train: &Labelled<'_>,
    test: &Labelled<'_>,
    classes: usize,
    config: &LogisticConfig,
    bootstrap: &Bootstrap,
) -> Result<(ClassificationResult, Vec<u32>), NumericError> {
    bootstrap.validate()?;
    check_labels(test.labels(), classes)?;
    check_size("width of the test split", train.features().width(), test.features().width())?;
    let logistic = Logistic::fit(train, classes, config)?;
    let logits = logistic.logits(test.features())?;
    let ranks: Vec<Option<usize>> = logits
        .chunks_exact(classes)
        .zip(test.labels())
        .map(|(logits, label)| logistic.knows(*label).then(|| rank(logits, *label as usize)))
        .collect();
    let predicted = logits.chunks_exact(classes).map(highest).collect();
    let accuracy = |k: usize| -> Result<Option<Estimate>, InputError> {
        let hit = |rank: &Option<usize>| f64::from(u8::from(rank.is_some_and(|rank| rank < k)));
        let hits: Vec<f64> = ranks.iter().map(hit).collect();
        Ok(bootstrap.mean(&hits)?.map(|estimate| estimate.scaled(100.0)))
    };
    let mut unknown: Vec<u32> =
        test.labels().iter().copied().filter(|label| !logistic.knows(*label)).collect();
    unknown.sort_unstable();
    unknown.dedup();
    let result = ClassificationResult {
        top1: accuracy(1)?,
        top5: if classes > 5 { accuracy(5)? } else { None },
        classes,
        unknown_classes: unknown.len(),
        inverse_penalty: logistic.inverse_penalty(),
        at_edge: at_edge(&config.inverse_penalties, logistic.inverse_penalty()),
        train_loss: logistic.loss(),
        convergence: logistic.convergence(),
        config: config.clone(),
        bootstrap: *bootstrap,
        width: train.features().width(),
        train_samples: train.features().samples(),
        test_samples: test.features().samples(),
    };
    Ok((result, predicted))
}

fn at_edge(offered: &[f64], chosen: f64) -> bool {
    let (least, most) = offered.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| {
        (least.min(*value), most.max(*value))
    });
    least < most && (chosen == least || chosen == most)
}

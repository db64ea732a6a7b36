//! What frozen probes found, with the protocol that found it.

use seqjepa_nn::optimizer::OptimizerConfig;
use serde::{Deserialize, Serialize};

use super::roles::{RegressionTarget, Representation};
use crate::bootstrap::Bootstrap;
use crate::probe::Network;

/// Figures with the protocol behind them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrozenResult {
    /// How the figures came about.
    pub protocol: ProtocolRecord,
    /// Classifiers, on z_AGG and on z_1.
    pub classifiers: Vec<ClassifierResult>,
    /// Regressors, in the configuration's order.
    pub regressors: Vec<RegressorResult>,
}

/// All that a reader must know to compare a figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProtocolRecord {
    /// Its name, as `linear` or `paper`.
    pub name: String,
    /// The update rule.
    pub optimizer: OptimizerConfig,
    /// Learning rate.
    pub lr: f64,
    /// Epochs.
    pub epochs: usize,
    /// Different augmentation passes that the epochs cycled through.
    pub passes: usize,
    /// Samples of a step.
    pub batch_size: usize,
    /// Seed of initial values and of the order of samples.
    pub seed: u64,
    /// Whether features were standardized by the first training pass.
    pub standardized: bool,
    /// Samples that were trained on.
    pub train_samples: usize,
    /// Samples that were tested on, in one pass.
    pub test_samples: usize,
    /// How the intervals were drawn.
    #[serde(default)]
    pub bootstrap: Bootstrap,
}

/// Whether a probe's figures mean anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// All its epochs were trained.
    Trained,
    /// Its loss left the finite numbers; there are no figures.
    Diverged {
        /// The epoch, counted from 1.
        epoch: usize,
        /// What happened and what to do.
        advice: String,
    },
}

/// A classifier's figures on the test split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassifierResult {
    /// What it reads.
    pub representation: Representation,
    /// Its network.
    pub network: Network,
    /// Number of classes.
    pub classes: usize,
    /// Top-1 accuracy in percent; absent if it diverged.
    pub top1: Option<f64>,
    /// Interval of the top-1 accuracy.
    #[serde(default)]
    pub top1_interval: Option<[f64; 2]>,
    /// Top-5 accuracy in percent; absent if it diverged, or with five classes or fewer.
    pub top5: Option<f64>,
    /// Interval of the top-5 accuracy.
    #[serde(default)]
    pub top5_interval: Option<[f64; 2]>,
    /// Mean loss over the steps of the last epoch.
    pub train_loss: Option<f64>,
    /// The learning rate, where the protocol's made the probe diverge and it was lowered.
    #[serde(default)]
    pub lowered_lr: Option<f64>,
    /// Whether it was trained to the end.
    pub verdict: Verdict,
}

/// A regressor's figures on the test split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegressorResult {
    /// The group of parameters that it predicts.
    pub group: String,
    /// Which action they belong to.
    #[serde(default)]
    pub target: RegressionTarget,
    /// What it reads.
    pub representation: Representation,
    /// Its network.
    pub network: Network,
    /// Mean R² over the group's parameters; absent if it diverged or with fewer than two samples.
    pub r2: Option<f64>,
    /// Interval of the mean.
    #[serde(default)]
    pub r2_interval: Option<[f64; 2]>,
    /// R² of each parameter of the group.
    pub parameters: Vec<f64>,
    /// Interval of each parameter's R².
    #[serde(default)]
    pub parameter_intervals: Vec<[f64; 2]>,
    /// Whether each parameter was the same in all test samples; its R² is then 0, or 1 if hit
    /// exactly.
    pub constant: Vec<bool>,
    /// Mean loss over the steps of the last epoch.
    pub train_loss: Option<f64>,
    /// The learning rate, where the protocol's made the probe diverge and it was lowered.
    #[serde(default)]
    pub lowered_lr: Option<f64>,
    /// Whether it was trained to the end.
    pub verdict: Verdict,
}

impl FrozenResult {
    /// Top-1 accuracy in percent of the classifier on `representation`.
    #[must_use]
    pub fn top1(&self, representation: Representation) -> Option<f64> {
        self.classifiers.iter().find(|result| result.representation == representation)?.top1
    }

    /// The regressor from `representation` to this group of `target`.
    #[must_use]
    pub fn regressor(
        &self,
        representation: Representation,
        target: RegressionTarget,
        group: &str,
    ) -> Option<&RegressorResult> {
        let mut regressors = self.regressors_of(representation, target);
        regressors.find(|result| result.group == group)
    }

    fn regressors_of(
        &self,
        representation: Representation,
        target: RegressionTarget,
    ) -> impl Iterator<Item = &RegressorResult> {
        let wanted = move |result: &&RegressorResult| {
            result.representation == representation && result.target == target
        };
        self.regressors.iter().filter(wanted)
    }

    /// R² of a group of the relative action from concat(z_1, z_2).
    #[must_use]
    pub fn r2(&self, group: &str) -> Option<f64> {
        self.regressor(Representation::Pair, RegressionTarget::Relative, group)?.r2
    }

    /// The uniform mean of the groups' R² from concat(z_1, z_2); absent if one of them is.
    #[must_use]
    pub fn mean_r2(&self) -> Option<f64> {
        let pair = self.regressors_of(Representation::Pair, RegressionTarget::Relative);
        let scores: Vec<f64> = pair.map(|result| result.r2).collect::<Option<_>>()?;
        (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64)
    }
}

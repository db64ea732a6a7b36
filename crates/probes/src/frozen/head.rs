//! One frozen probe and what it reads.

use burn::tensor::{Device, Tensor, TensorData};

use super::scaling::Scaling;
use super::{ClassifierResult, FeatureSet, FrozenConfig, RegressorResult, Representation, Verdict};
use crate::error::ProbeError;
use crate::metrics::{Mean, OutputGroup, R2, TopK};
use crate::probe::{Probe, ProbeConfig, Targets, Task};

/// Rows that are predicted at a time.
const TEST_ROWS: usize = 1024;

pub(super) struct Head {
    representation: Representation,
    /// The parameters that a regressor predicts; none for a classifier.
    group: Option<OutputGroup>,
    probe: Probe,
    scaling: Option<Scaling>,
    device: Device,
    train_loss: Option<f64>,
    verdict: Verdict,
}

/// The targets of some rows.
enum Rows {
    Labels(Vec<u32>),
    Values(Vec<f32>),
}

impl Rows {
    fn targets(&self) -> Targets<'_> {
        match self {
            Self::Labels(labels) => Targets::Labels(labels),
            Self::Values(values) => Targets::Values(values),
        }
    }
}

impl Head {
    /// The probes of `config` that `features` can feed.
    pub(super) fn all(
        config: &FrozenConfig,
        features: &FeatureSet,
        device: &Device,
    ) -> Result<Vec<Self>, ProbeError> {
        let mut heads = Vec::new();
        if let (Some(classes), Some(_)) = (config.classes, features.labels()) {
            for (name, representation) in
                [("aggregate_class", Representation::Aggregate), ("first_class", Representation::First)]
            {
                let task = Task::Classification { classes };
                heads.push((ProbeConfig::new(name, 0, task), representation, None));
            }
        }
        for regressor in &config.regressors {
            regressor.group.check(features.action_size())?;
            let task = Task::Regression { outputs: regressor.group.range.len() };
            let probe = ProbeConfig {
                network: regressor.network,
                ..ProbeConfig::new(&regressor.group.name, 0, task)
            };
            heads.push((probe, Representation::Pair, Some(regressor.group.clone())));
        }
        heads.retain(|(_, representation, _)| features.width(*representation) > 0);
        heads
            .into_iter()
            .zip(0..)
            .map(|((mut probe, representation, group), index)| {
                probe.inputs = features.width(representation);
                probe.optimizer = config.optimizer;
                probe.lr = config.lr;
                // Distinct starts from one seed, an odd constant apart.
                probe.seed = config.seed ^ 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(index + 1);
                Ok(Self {
                    representation,
                    group,
                    probe: Probe::new(probe, device)?,
                    scaling: config.standardize.then(|| Scaling::of(features, representation)),
                    device: device.clone().without_autodiff(),
                    train_loss: None,
                    verdict: Verdict::Trained,
                })
            })
            .collect()
    }

    /// One epoch over the rows in this order; nothing if the probe has diverged before.
    pub(super) fn train(
        &mut self,
        features: &FeatureSet,
        order: &[usize],
        batch_size: usize,
        epoch: usize,
    ) -> Result<(), ProbeError> {
        if self.verdict != Verdict::Trained {
            return Ok(());
        }
        let mut loss = Mean::new();
        for rows in order.chunks(batch_size) {
            let targets = self.targets(features, rows)?;
            match self.probe.train_loss(self.tensor(features, rows), targets.targets()) {
                Ok(step) => loss.update(step),
                Err(error @ ProbeError::Diverged { .. }) => {
                    tracing::warn!(probe = self.probe.config().name, epoch, "a frozen probe diverged");
                    self.verdict = Verdict::Diverged { epoch, advice: error.to_string() };
                    self.train_loss = None;
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        self.train_loss = loss.value();
        Ok(())
    }

    pub(super) fn train_loss(&self) -> Option<f64> {
        self.train_loss
    }

    pub(super) fn is_classifier(&self) -> bool {
        self.group.is_none()
    }

    /// Accuracy on the test rows, in percent.
    pub(super) fn classifier(&self, test: &FeatureSet) -> Result<ClassifierResult, ProbeError> {
        let classes = self.probe.config().task.outputs();
        let mut top = TopK::new(&[1, 5])?;
        self.predict(test, |predictions, targets| match targets {
            Rows::Labels(labels) => top.update(predictions, classes, labels),
            Rows::Values(_) => unreachable!("a classifier's targets are labels"),
        })?;
        let percent = |k| top.value(k).map(|accuracy| 100.0 * accuracy);
        Ok(ClassifierResult {
            representation: self.representation,
            network: self.probe.config().network,
            classes,
            top1: percent(1),
            top5: percent(5).filter(|_| classes > 5),
            train_loss: self.train_loss,
            verdict: self.verdict.clone(),
        })
    }

    /// R² on the test rows.
    pub(super) fn regressor(&self, test: &FeatureSet) -> Result<RegressorResult, ProbeError> {
        let mut r2 = R2::new(self.probe.config().task.outputs());
        self.predict(test, |predictions, targets| match targets {
            Rows::Values(values) => r2.update(predictions, values),
            Rows::Labels(_) => unreachable!("a regressor's targets are values"),
        })?;
        let score = r2.value();
        let group = self.group.as_ref().map(|group| group.name.clone());
        Ok(RegressorResult {
            group: group.unwrap_or_default(),
            representation: self.representation,
            network: self.probe.config().network,
            r2: score.as_ref().map(crate::metrics::R2Score::mean),
            parameters: score.as_ref().map(|score| score.outputs.clone()).unwrap_or_default(),
            constant: score.map(|score| score.constant).unwrap_or_default(),
            train_loss: self.train_loss,
            verdict: self.verdict.clone(),
        })
    }

    /// Hands over predictions and targets of all test rows; none if the probe has diverged.
    fn predict(
        &self,
        test: &FeatureSet,
        mut sink: impl FnMut(&[f32], &Rows) -> Result<(), ProbeError>,
    ) -> Result<(), ProbeError> {
        if self.verdict != Verdict::Trained {
            return Ok(());
        }
        let rows: Vec<usize> = (0..test.samples()).collect();
        for rows in rows.chunks(TEST_ROWS) {
            let targets = self.targets(test, rows)?;
            let output = self.probe.evaluate(self.tensor(test, rows), targets.targets())?;
            sink(&output.predictions, &targets)?;
        }
        Ok(())
    }

    fn tensor(&self, features: &FeatureSet, rows: &[usize]) -> Tensor<2> {
        let width = features.width(self.representation);
        let mut values = features.rows(self.representation, rows);
        if let Some(scaling) = &self.scaling {
            scaling.apply(&mut values);
        }
        Tensor::from_data(TensorData::new(values, [rows.len(), width]), &self.device)
    }

    fn targets(&self, features: &FeatureSet, rows: &[usize]) -> Result<Rows, ProbeError> {
        Ok(match &self.group {
            Some(group) => {
                group.check(features.action_size())?;
                Rows::Values(features.actions(rows, &group.range))
            }
            None => {
                let labels = features.labels().ok_or_else(|| ProbeError::Missing {
                    probe: self.probe.config().name.clone(),
                    what: "target",
                    name: "labels".to_owned(),
                })?;
                Rows::Labels(rows.iter().map(|row| labels[*row]).collect())
            }
        })
    }
}

//! One frozen probe and what it reads.

use burn::tensor::{Device, Tensor, TensorData};
use seqjepa_nn::host;

use super::config::{FrozenConfig, Regressor};
use super::error::FrozenError;
use super::features::FeatureSet;
use super::result::{ClassifierResult, RegressorResult, Verdict};
use super::roles::Representation;
use crate::bootstrap::{Bootstrap, Estimate, TargetNames, regression_scores};
use crate::error::{InputError, check_finite};
use crate::metrics::{Mean, rank};
use crate::probe::{Probe, ProbeConfig, ProbeError, Targets, Task};
use crate::scaling::Scaling;

/// Rows that are predicted at a time.
const TEST_ROWS: usize = 1024;

/// Times that a diverging probe begins anew, at a tenth of the learning rate each.
const LOWERINGS: usize = 6;

/// Growth of the loss over its first step's that is divergence, though it may stay finite for long.
const GROWTH: f64 = 30.0;

/// Steps whose losses come back from the device at a time.
const STEPS: usize = 64;

pub(super) struct Head {
    representation: Representation,
    /// What a regressor predicts; none for a classifier.
    regressor: Option<Regressor>,
    bootstrap: Bootstrap,
    probe: Probe,
    scaling: Option<Scaling>,
    /// Where the probe trains, and where its features and targets are put.
    home: Device,
    device: Device,
    /// The protocol's learning rate, and how often it may still be lowered.
    published: f64,
    lowerings: usize,
    /// Loss of the first step.
    first_loss: Option<f64>,
    train_loss: Option<f64>,
    /// The last epoch that was begun, from 1.
    epoch: usize,
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
    ) -> Result<Vec<Self>, FrozenError> {
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
            regressor.group.check(features.outputs(regressor.target))?;
            let task = Task::Regression { outputs: regressor.group.range.len() };
            let probe = ProbeConfig {
                network: regressor.network,
                ..ProbeConfig::new(&regressor.group.name, 0, task)
            };
            heads.push((probe, regressor.representation, Some(regressor.clone())));
        }
        heads.retain(|(_, representation, _)| features.width(*representation) > 0);
        heads
            .into_iter()
            .zip(0..)
            .map(|((mut probe, representation, regressor), index)| {
                probe.inputs = features.width(representation);
                probe.optimizer = config.optimizer;
                probe.parameter_groups = config.parameter_groups;
                probe.lr = config.lr;
                // Distinct starts from one seed, an odd constant apart.
                probe.seed = config.seed ^ 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(index + 1);
                Ok(Self {
                    representation,
                    regressor,
                    bootstrap: config.bootstrap,
                    probe: Probe::new(probe, device)?,
                    scaling: (features.features(representation).filter(|_| config.standardize))
                        .map(|features| Scaling::of(&features)),
                    home: device.clone(),
                    device: device.clone().without_autodiff(),
                    published: config.lr,
                    lowerings: if config.lower_lr { LOWERINGS } else { 0 },
                    first_loss: None,
                    train_loss: None,
                    epoch: 0,
                    verdict: Verdict::Trained,
                })
            })
            .collect()
    }

    /// One epoch over the rows in this order; nothing if the probe has diverged before. One that diverges begins this epoch anew, as it
    /// began its first, where its learning rate may be lowered.
    pub(super) fn train(
        &mut self,
        features: &FeatureSet,
        order: &[usize],
        batch_size: usize,
        epoch: usize,
    ) -> Result<(), FrozenError> {
        while self.verdict == Verdict::Trained {
            self.train_once(features, order, batch_size, epoch)?;
            let Verdict::Diverged { .. } = self.verdict else { break };
            if self.lowerings == 0 {
                break;
            }
            self.lowerings -= 1;
            let lowered = ProbeConfig { lr: self.probe.config().lr / 10.0, ..self.probe.config().clone() };
            // No warning: the result says at which learning rate it was had.
            tracing::info!(
                probe = lowered.name,
                lr = lowered.lr,
                epoch,
                "a frozen probe diverged and begins anew at a lower learning rate"
            );
            self.probe = Probe::new(lowered, &self.home)?;
            self.first_loss = None;
            self.verdict = Verdict::Trained;
        }
        Ok(())
    }

    fn train_once(
        &mut self,
        features: &FeatureSet,
        order: &[usize],
        batch_size: usize,
        epoch: usize,
    ) -> Result<(), FrozenError> {
        self.epoch = epoch;
        let mut mean = Mean::new();
        let steps: Vec<&[usize]> = order.chunks(batch_size).collect();
        for steps in steps.chunks(STEPS) {
            let first_step = self.probe.next_step();
            let mut losses = Vec::with_capacity(steps.len());
            for rows in steps {
                let targets = self.targets(features, rows)?;
                let features = self.tensor(features, rows)?;
                losses.push(self.probe.train_step_on_device(features, targets.targets())?.loss);
            }
            for (step, loss) in (first_step..).zip(host::read_all(losses)) {
                let loss = f64::from(loss[0]);
                let first = *self.first_loss.get_or_insert(loss);
                let grown = self.lowerings > 0 && loss > GROWTH * (first + 1e-6);
                if !loss.is_finite() || grown {
                    self.diverged(epoch, &self.probe.config().not_finite(step, true));
                    return Ok(());
                }
                mean.update(loss);
            }
        }
        self.train_loss = mean.value();
        Ok(())
    }

    fn diverged(&mut self, epoch: usize, error: &ProbeError) {
        if self.lowerings == 0 {
            tracing::warn!(
                probe = self.probe.config().name,
                epoch,
                "a frozen probe diverged, and has no figure"
            );
        }
        self.verdict = Verdict::Diverged { epoch, advice: error.to_string() };
        self.train_loss = None;
    }

    /// The learning rate, where it is not the protocol's.
    fn lowered(&self) -> Option<f64> {
        let lr = self.probe.config().lr;
        (lr != self.published).then_some(lr)
    }

    pub(super) fn train_loss(&self) -> Option<f64> {
        self.train_loss
    }

    pub(super) fn is_classifier(&self) -> bool {
        self.regressor.is_none()
    }

    /// Accuracy on the test rows, in percent.
    pub(super) fn classifier(&mut self, test: &FeatureSet) -> Result<ClassifierResult, FrozenError> {
        let classes = self.probe.config().task.outputs();
        let mut ranks = Vec::with_capacity(test.samples());
        self.predict(test, |predictions, targets| {
            let Rows::Labels(labels) = targets else { unreachable!("a classifier's targets are labels") };
            let rows = predictions.chunks_exact(classes).zip(labels);
            ranks.extend(rows.map(|(scores, label)| rank(scores, *label as usize)));
        })?;
        if self.verdict != Verdict::Trained {
            ranks.clear();
        }
        let accuracy = |k: usize| -> Result<Option<Estimate>, InputError> {
            let hits: Vec<f64> = ranks.iter().map(|rank| f64::from(u8::from(*rank < k))).collect();
            Ok(self.bootstrap.mean(&hits)?.map(|estimate| estimate.scaled(100.0)))
        };
        let (top1, top5) = (accuracy(1)?, if classes > 5 { accuracy(5)? } else { None });
        Ok(ClassifierResult {
            representation: self.representation,
            network: self.probe.config().network,
            classes,
            top1: top1.map(|estimate| estimate.value),
            top1_interval: top1.and_then(|estimate| estimate.interval),
            top5: top5.map(|estimate| estimate.value),
            top5_interval: top5.and_then(|estimate| estimate.interval),
            train_loss: self.train_loss,
            lowered_lr: self.lowered(),
            verdict: self.verdict.clone(),
        })
    }

    /// R² on the test rows.
    pub(super) fn regressor(&mut self, test: &FeatureSet) -> Result<RegressorResult, FrozenError> {
        let (mut predictions, mut targets) = (Vec::new(), Vec::new());
        self.predict(test, |predicted, rows| {
            let Rows::Values(values) = rows else { unreachable!("a regressor's targets are values") };
            predictions.extend(predicted.iter().copied().map(f64::from));
            targets.extend_from_slice(values);
        })?;
        if self.verdict != Verdict::Trained {
            predictions.clear();
            targets.clear();
        }
        let outputs = self.probe.config().task.outputs();
        let names = TargetNames::new((0..outputs).map(|output| output.to_string()));
        let scores = regression_scores(&predictions, &targets, &names, &self.bootstrap)?;
        let defined = scores.outputs.iter().filter_map(|output| Some((output.r2?, output.constant)));
        let defined: Vec<(Estimate, bool)> = defined.collect();
        let regressor = self.regressor.as_ref();
        Ok(RegressorResult {
            group: regressor.map(|regressor| regressor.group.name.clone()).unwrap_or_default(),
            target: regressor.map(|regressor| regressor.target).unwrap_or_default(),
            representation: self.representation,
            network: self.probe.config().network,
            r2: scores.mean.map(|estimate| estimate.value),
            r2_interval: scores.mean.and_then(|estimate| estimate.interval),
            parameters: defined.iter().map(|(estimate, _)| estimate.value).collect(),
            parameter_intervals: defined.iter().filter_map(|(estimate, _)| estimate.interval).collect(),
            constant: defined.iter().map(|(_, constant)| *constant).collect(),
            train_loss: self.train_loss,
            lowered_lr: self.lowered(),
            verdict: self.verdict.clone(),
        })
    }

    /// Hands over predictions and targets of all test rows; none if the probe has diverged. The last step of training may
    /// show only here: the rows handed over before are then worth nothing.
    fn predict(&mut self, test: &FeatureSet, mut sink: impl FnMut(&[f32], &Rows)) -> Result<(), FrozenError> {
        if self.verdict != Verdict::Trained {
            return Ok(());
        }
        let rows: Vec<usize> = (0..test.samples()).collect();
        for rows in rows.chunks(TEST_ROWS) {
            let targets = self.targets(test, rows)?;
            match self.probe.evaluate(self.tensor(test, rows)?, targets.targets()) {
                Ok(output) => sink(&output.predictions, &targets),
                Err(error @ ProbeError::Diverged { .. }) => {
                    // It is too late to begin anew.
                    self.lowerings = 0;
                    self.diverged(self.epoch, &error);
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn tensor(&self, features: &FeatureSet, rows: &[usize]) -> Result<Tensor<2>, InputError> {
        let width = features.width(self.representation);
        let mut values = features.rows(self.representation, rows);
        if let Some(scaling) = &self.scaling {
            scaling.apply(&mut values);
            check_finite("standardized features", &values)?;
        }
        Ok(Tensor::from_data(TensorData::new(values, [rows.len(), width]), &self.device))
    }

    fn targets(&self, features: &FeatureSet, rows: &[usize]) -> Result<Rows, FrozenError> {
        Ok(match &self.regressor {
            Some(Regressor { group, target, .. }) => {
                group.check(features.outputs(*target))?;
                Rows::Values(features.target_rows(*target, rows, &group.range))
            }
            None => {
                let labels = features
                    .labels()
                    .ok_or_else(|| FrozenError::Unlabelled { probe: self.probe.config().name.clone() })?;
                Rows::Labels(rows.iter().map(|row| labels[*row]).collect())
            }
        })
    }
}

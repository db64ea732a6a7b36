//! The published probes, by gradient descent.

use std::cell::RefCell;

use seqjepa_nn::optimizer::OptimizerConfig;
use seqjepa_probes::frozen::{
    FrozenConfig, FrozenResult, RegressionTarget, Representation, Verdict, frozen_probes,
};
use seqjepa_probes::{Network, ProbeError};

use super::super::card::{Fit, Measured, Protocol};
use super::super::passes::Descent;
use super::{ABSOLUTE, ONE_CLASS, RELATIVE, Session, constant_target};
use crate::TrainError;
use crate::config::{ProbeOptimizer, ProtocolKind};
use crate::observer::{Event, Observer};

/// Momentum of the probes' SGD, as published.
const PROBE_MOMENTUM: f64 = 0.9;

impl Session<'_> {
    /// The published probes, by gradient descent.
    pub fn descent(&mut self, kind: ProtocolKind, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let eval = &self.passes.config.eval;
        let groups = self.names.groups.clone();
        let classes = self.no_classes()?.is_none().then_some(self.passes.classes);
        let published = match kind {
            ProtocolKind::Paper => FrozenConfig::paper(classes, &groups),
            _ => FrozenConfig::linear(classes, &groups),
        };
        let config = FrozenConfig {
            optimizer: match eval.probe_optimizer {
                ProbeOptimizer::Sgd => OptimizerConfig::sgd(PROBE_MOMENTUM),
                ProbeOptimizer::Adam => OptimizerConfig::adam(),
            },
            lr: eval.probe_lr,
            epochs: eval.probe_epochs,
            batch_size: eval.batch_size,
            seed: self.passes.config.run.seed,
            standardize: eval.standardize,
            bootstrap: self.bootstrap,
            ..published
        }
        .with_linear_regressors(Representation::Aggregate, RegressionTarget::Relative, &groups)
        .with_linear_regressors(Representation::First, RegressionTarget::Absolute, &groups);
        let fit = Fit::Descent {
            optimizer: config.optimizer,
            lr: config.lr,
            epochs: config.epochs,
            batch_size: config.batch_size,
            standardized: config.standardize,
        };
        let device = self.passes.device;
        let observer = RefCell::new(observer);
        // The probes' callback cannot fail; the error of an observer ends them at the next epoch.
        let told = RefCell::new(Ok(()));
        let source = |test, count| Descent {
            passes: self.passes,
            test,
            count,
            observer: &observer,
            told: &told,
            kept: None,
        };
        let result = frozen_probes(
            &config,
            &mut source(None, eval.passes()),
            &mut source(Some(self.test), 1),
            device,
            &mut |progress| {
                let event = Event::ProbeEpochFinished { done: progress.epoch, total: progress.epochs };
                *told.borrow_mut() = observer.borrow_mut().observe(&event);
            },
        );
        told.into_inner()?;
        let result = match result {
            Ok(result) => result,
            // A source fails with what kept the features from being read or extracted; features that are not finite are
            // no such failure.
            Err(ProbeError::Source { cause, .. }) => match cause.downcast::<TrainError>() {
                Ok(error) if !matches!(*error, TrainError::Probe(_)) => return Err(*error),
                Ok(error) => return self.no_descent(kind, &fit, &error.to_string()),
                Err(error) => return self.no_descent(kind, &fit, &error.to_string()),
            },
            Err(error) => return self.no_descent(kind, &fit, &error.to_string()),
        };
        self.classifiers(kind, &fit, &result);
        self.regressors(kind, &fit, &result);
        Ok(())
    }

    fn classifiers(&mut self, kind: ProtocolKind, fit: &Fit, result: &FrozenResult) {
        for (representation, read, suffix) in [
            (
                Representation::Aggregate,
                self.aggregate(self.observed()),
                format!("z_agg_m{}", self.observed()),
            ),
            (Representation::First, self.first(), "z1".into()),
        ] {
            let protocol = self.protocol(kind.name(), &read, "class".into(), "linear".into(), fit.clone());
            let found = result.classifiers.iter().find(|found| found.representation == representation);
            let measured = |k: usize| match found {
                None => Measured::absent(ONE_CLASS),
                Some(found) => {
                    let (value, interval) = match k {
                        1 => (found.top1, found.top1_interval),
                        _ => (found.top5, found.top5_interval),
                    };
                    let few = format!("expected more than five classes, found {}", found.classes);
                    finished(value, interval, &found.verdict, &few)
                }
            };
            let (top1, top5) = (measured(1), measured(5));
            self.push(format!("top1_{suffix}"), &protocol, top1);
            self.push(format!("top5_{suffix}"), &protocol, top5);
        }
    }

    fn regressors(&mut self, kind: ProtocolKind, fit: &Fit, result: &FrozenResult) {
        let mut means: Vec<(&str, Vec<f64>, Protocol)> = Vec::new();
        let mut constants: Vec<(&str, String)> = Vec::new();
        for found in &result.regressors {
            let (read, target, prefix) = match (found.representation, found.target) {
                (Representation::Pair, _) => (self.pair(), RELATIVE, "r2"),
                (Representation::Aggregate, _) => (self.aggregate(self.observed()), RELATIVE, "leakage_r2"),
                (Representation::First, _) => (self.first(), ABSOLUTE, "absolute_r2"),
            };
            let probe = match found.network {
                Network::Linear => "linear".to_owned(),
                Network::Mlp { hidden } => format!("MLP, two hidden layers of {hidden}, ReLU"),
            };
            let group = self.names.groups.iter().find(|group| group.name == found.group).cloned();
            let range = group.map_or(0..0, |group| group.range);
            let part = |session: &Self, part: &str| {
                session.protocol(kind.name(), &read, format!("{target}: {part}"), probe.clone(), fit.clone())
            };
            let constant: Vec<&str> = range
                .clone()
                .zip(&found.constant)
                .filter(|(_, constant)| **constant)
                .map(|(output, _)| self.names.outputs[output].as_str())
                .collect();
            constants.extend(constant.iter().map(|name| (prefix, (*name).to_owned())));
            let few = "expected at least two test images";
            let mut all = finished(found.r2, found.r2_interval, &found.verdict, few);
            if !constant.is_empty() {
                all = if constant.len() == range.len() {
                    Measured::absent(constant_target(&constant))
                } else {
                    Measured { note: Some(constant_target(&constant) + " and counts as 0 or 1"), ..all }
                };
            }
            let singles: Vec<(String, Measured)> = range
                .enumerate()
                .map(|(index, output)| {
                    let name = self.names.outputs[output].clone();
                    let measured = if found.constant.get(index) == Some(&true) {
                        Measured::absent(constant_target(&[&name]))
                    } else {
                        let interval = found.parameter_intervals.get(index).copied();
                        finished(found.parameters.get(index).copied(), interval, &found.verdict, few)
                    };
                    (name, measured)
                })
                .collect();
            let protocol = part(self, &found.group);
            self.push(format!("{prefix}_{}", found.group), &protocol, all);
            let mean = part(self, "mean");
            for (name, measured) in singles {
                let protocol = part(self, &name);
                self.push(format!("{prefix}_{name}"), &protocol, measured);
            }
            match means.iter_mut().find(|(known, ..)| *known == prefix) {
                Some((_, values, _)) => values.extend(&found.parameters),
                None => means.push((prefix, found.parameters.clone(), mean)),
            }
        }
        let outputs = self.names.outputs.len();
        for (prefix, values, protocol) in means {
            let measured = if values.len() == outputs {
                let mean = values.iter().sum::<f64>() / outputs as f64;
                let mut note = "no interval: every group has a probe of its own".to_owned();
                let constant: Vec<&str> =
                    constants.iter().filter(|(of, _)| *of == prefix).map(|(_, name)| name.as_str()).collect();
                if !constant.is_empty() {
                    note = format!("{note}; {} and counts as 0 or 1", constant_target(&constant));
                }
                Measured { value: Some(mean), note: Some(note), ..Measured::default() }
            } else {
                Measured::absent("a group has no figure")
            };
            self.push(format!("{prefix}_mean"), &protocol, measured);
        }
    }

    /// All figures of a protocol that could not be run.
    fn no_descent(&mut self, kind: ProtocolKind, fit: &Fit, reason: &str) -> Result<(), TrainError> {
        tracing::warn!(protocol = kind.name(), reason, "the protocol has no figures");
        let groups = self.names.groups.iter().map(|group| group.name.clone());
        let parts = groups.chain(self.names.outputs.iter().cloned()).chain(["mean".to_owned()]);
        let parts: Vec<String> = parts.collect();
        let aggregate = self.aggregate(self.observed());
        let suffix = format!("z_agg_m{}", self.observed());
        let mut names = Vec::new();
        for (read, suffix) in [(&aggregate, suffix.as_str()), (&self.first(), "z1")] {
            names.extend(
                ["top1", "top5"].map(|top| (format!("{top}_{suffix}"), read.clone(), "class".to_owned())),
            );
        }
        for (read, target, prefix) in [
            (self.pair(), RELATIVE, "r2"),
            (aggregate.clone(), RELATIVE, "leakage_r2"),
            (self.first(), ABSOLUTE, "absolute_r2"),
        ] {
            names.extend(
                parts
                    .iter()
                    .map(|part| (format!("{prefix}_{part}"), read.clone(), format!("{target}: {part}"))),
            );
        }
        for (name, read, target) in names {
            let protocol = self.protocol(kind.name(), &read, target, "not run".into(), fit.clone());
            self.push(name, &protocol, Measured::absent(reason));
        }
        Ok(())
    }
}

/// A figure of a probe trained by gradient descent.
fn finished(value: Option<f64>, interval: Option<[f64; 2]>, verdict: &Verdict, few: &str) -> Measured {
    match (value, verdict) {
        (Some(value), _) => Measured { value: Some(value), interval, ..Measured::default() },
        (None, Verdict::Diverged { epoch, advice }) => {
            Measured::absent(format!("diverged in epoch {epoch}: {advice}"))
        }
        (None, Verdict::Trained) => Measured::absent(few),
    }
}

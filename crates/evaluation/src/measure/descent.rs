//! The published probes, by gradient descent.

use std::cell::RefCell;

use seqjepa_nn::optimizer::{OptimizerConfig, ParameterGroups};
use seqjepa_probes::frozen::{
    FrozenConfig, FrozenError, FrozenResult, RegressionTarget, RegressorResult, Representation, Verdict,
    frozen_probes,
};
use seqjepa_probes::{Network, OutputGroup};
use seqjepa_train::observer::{Event, Observer, Stage};

use super::descent_source::{DescentSource, Told};
use super::parts::MEAN;
use super::session::{INDIVIDUAL, RELATIVE, Read, Session, constant_target};
use crate::card::{Fit, Measured};
use crate::error::EvaluationError;
use crate::names::{CLEAN_SUFFIX, FIRST_SUFFIX};
use crate::published::published_network;
use crate::settings::{ProbeOptimizer, ProtocolKind};

/// Momentum of the probes' SGD, as published.
const PROBE_MOMENTUM: f64 = 0.9;

impl Session<'_> {
    /// The published probes, by gradient descent.
    pub(super) fn descent(
        &mut self,
        kind: ProtocolKind,
        observer: &mut dyn Observer,
    ) -> Result<(), EvaluationError> {
        let config = self.descent_config(kind);
        let fit = fit(&config);
        match self.trained(kind, &config, observer)? {
            Ok(result) => {
                self.classifiers(kind, &fit, &result);
                self.regressors(kind, &fit, &result);
            }
            Err(reason) => self.no_descent(kind, &fit, &reason),
        }
        Ok(())
    }

    /// Classes from the clean image, in a session of clean images.
    pub(super) fn descent_of_clean(
        &mut self,
        kind: ProtocolKind,
        observer: &mut dyn Observer,
    ) -> Result<(), EvaluationError> {
        let config = FrozenConfig { regressors: Vec::new(), ..self.descent_config(kind) };
        let result = match &self.passes.splits.classes {
            Ok(_) => self.trained(kind, &config, observer)?,
            Err(reason) => Err(reason.clone()),
        };
        let result = result.as_ref().map_err(String::as_str);
        self.classifier(
            kind,
            &fit(&config),
            result,
            Representation::Aggregate,
            &self.clean_image(),
            CLEAN_SUFFIX,
        );
        Ok(())
    }

    /// What the probes of `config` come to, or why they have no result.
    fn trained(
        &self,
        kind: ProtocolKind,
        config: &FrozenConfig,
        observer: &mut dyn Observer,
    ) -> Result<Result<FrozenResult, String>, EvaluationError> {
        // The probes' callback cannot fail; the error of an observer ends them at the next epoch.
        let told = Told { observer: RefCell::new(observer), answer: RefCell::new(Ok(())) };
        let (mut train, mut test) = if self.one_pass {
            let train = &self.train[0];
            (
                DescentSource::clean(self.passes, train, &told),
                DescentSource::clean(self.passes, self.test, &told),
            )
        } else {
            (DescentSource::train(self.passes, &told), DescentSource::test(self.passes, self.test, &told))
        };
        let result = frozen_probes(config, &mut train, &mut test, self.passes.device, &mut |progress| {
            let (done, total) = (progress.epoch as u64, Some(progress.epochs as u64));
            let event =
                Event::Progress { stage: Stage::TrainingProbes, what: Some(kind.name()), done, total };
            *told.answer.borrow_mut() = told.observer.borrow_mut().observe(&event).map_err(Into::into);
        });
        drop((train, test));
        told.answer.into_inner()?;
        match result {
            Ok(result) => Ok(Ok(result)),
            // A source fails with what kept the features from being read or extracted; features that are not finite are
            // no such failure.
            Err(FrozenError::Source { cause, .. }) => match cause.downcast::<EvaluationError>() {
                Ok(error) => Err(*error),
                Err(cause) => Ok(Err(cause.to_string())),
            },
            Err(error) => Ok(Err(error.to_string())),
        }
    }

    fn descent_config(&self, kind: ProtocolKind) -> FrozenConfig {
        let settings = self.passes.settings;
        let groups = self.parts.output_groups();
        let classes = self.passes.splits.classes.as_ref().ok().copied();
        let published = match kind {
            ProtocolKind::Paper => FrozenConfig::paper(classes, &groups, published_network),
            _ => FrozenConfig::linear(classes, &groups),
        };
        // What is an individual action of its own is read as the relative one is.
        let individual = |group: &OutputGroup| match kind {
            ProtocolKind::Paper if self.absolute().0 == INDIVIDUAL => published_network(group),
            _ => Network::Linear,
        };
        let optimizer = match settings.probe_optimizer {
            ProbeOptimizer::Sgd => OptimizerConfig::sgd(PROBE_MOMENTUM),
            ProbeOptimizer::Adam => OptimizerConfig::adam(),
            ProbeOptimizer::AdamW => OptimizerConfig::adamw(),
        };
        FrozenConfig {
            optimizer: optimizer.with_weight_decay(settings.probe_weight_decay),
            parameter_groups: ParameterGroups { decay_one_dimensional: false },
            lr: settings.probe_lr,
            epochs: settings.probe_epochs,
            batch_size: settings.batch_size,
            seed: self.passes.seed,
            standardize: settings.standardize,
            lower_lr: true,
            bootstrap: self.bootstrap,
            ..published
        }
        .with_linear_regressors(Representation::Aggregate, RegressionTarget::Relative, &groups)
        .with_regressors(Representation::First, RegressionTarget::Absolute, &groups, individual)
    }

    /// What classes are read from, each with its suffix.
    fn classified(&self) -> Vec<(Representation, Read, String)> {
        let invariant = &self.passes.invariant;
        let mut all = vec![(Representation::First, self.first(), FIRST_SUFFIX.to_owned())];
        if !invariant.is_first() {
            all.insert(0, (Representation::Aggregate, self.headline(), invariant.suffix_of(self.observed())));
        }
        all
    }

    /// What actions are read from, by the prefix of the figures.
    fn regressed(&self) -> [(Representation, Read, &'static str, &'static str); 3] {
        let (absolute, prefix) = self.absolute();
        [
            (Representation::Pair, self.pair(), RELATIVE, "r2"),
            (Representation::Aggregate, self.headline(), RELATIVE, "leakage_r2"),
            (Representation::First, self.first(), absolute, prefix),
        ]
    }

    fn classifiers(&mut self, kind: ProtocolKind, fit: &Fit, result: &FrozenResult) {
        for (representation, read, suffix) in self.classified() {
            self.classifier(kind, fit, Ok(result), representation, &read, &suffix);
        }
    }

    /// Top-1 and top-5 of the classifier on one representation.
    fn classifier(
        &mut self,
        kind: ProtocolKind,
        fit: &Fit,
        result: Result<&FrozenResult, &str>,
        representation: Representation,
        read: &Read,
        suffix: &str,
    ) {
        let protocol = self.protocol(kind.name(), read, "class".into(), "linear".into(), fit.clone());
        let found = result
            .map(|result| result.classifiers.iter().find(|found| found.representation == representation));
        let measured = |k: usize| match (found, &self.passes.splits.classes) {
            (_, Err(reason)) => Measured::absent(reason),
            (Err(reason), Ok(_)) => Measured::absent(reason),
            (Ok(None), Ok(_)) => Measured::absent("not measured"),
            (Ok(Some(found)), Ok(_)) => {
                let (value, interval) = match k {
                    1 => (found.top1, found.top1_interval),
                    _ => (found.top5, found.top5_interval),
                };
                let few = format!("expected more than five classes, found {}", found.classes);
                lowered(finished(value, interval, &found.verdict, &few), found.lowered_lr, fit)
            }
        };
        let (top1, top5) = (measured(1), measured(5));
        self.push(format!("top1_{suffix}"), &protocol, top1);
        self.push(format!("top5_{suffix}"), &protocol, top5);
    }

    fn regressors(&mut self, kind: ProtocolKind, fit: &Fit, result: &FrozenResult) {
        let mut means = Vec::new();
        for (representation, read, target, prefix) in self.regressed() {
            let mut values = Vec::new();
            let mut constants = Vec::new();
            let mut of_all = None;
            for found in result.regressors.iter().filter(|found| found.representation == representation) {
                let probe = match found.network {
                    Network::Linear => "linear".to_owned(),
                    Network::Mlp { hidden } => format!("MLP, two hidden layers of {hidden}, ReLU"),
                };
                let protocol = |part: &str| {
                    self.protocol(kind.name(), &read, format!("{target}: {part}"), probe.clone(), fit.clone())
                };
                let own = self.group_figures(found).into_iter();
                let own = own.map(|(part, figure)| (part, lowered(figure, found.lowered_lr, fit)));
                let own = own.map(|(part, measured)| (protocol(&part), part, measured));
                let own: Vec<_> = own.collect();
                of_all.get_or_insert_with(|| protocol(MEAN));
                for (protocol, part, measured) in own {
                    self.push(format!("{prefix}_{part}"), &protocol, measured);
                }
                values.extend(&found.parameters);
                constants.extend(self.constants(found).into_iter().map(str::to_owned));
            }
            if let Some(protocol) = of_all {
                means.push((format!("{prefix}_{MEAN}"), protocol, self.mean_of_groups(&values, &constants)));
            }
        }
        for (name, protocol, measured) in means {
            self.push(name, &protocol, measured);
        }
    }

    /// Names of a group's parameters that are the same in all test images.
    fn constants(&self, found: &RegressorResult) -> Vec<&str> {
        let range = self.range(found);
        let constant = range.zip(&found.constant).filter(|(_, constant)| **constant);
        constant.map(|(output, _)| self.parts.outputs[output].as_str()).collect()
    }

    fn range(&self, found: &RegressorResult) -> std::ops::Range<usize> {
        let group = self.parts.groups.iter().find(|group| group.name == found.group);
        group.map_or(0..0, |group| group.range.clone())
    }

    /// The figures of a group and of its parameters, by name.
    fn group_figures(&self, found: &RegressorResult) -> Vec<(String, Measured)> {
        const FEW: &str = "expected at least two test images";
        let (range, constant) = (self.range(found), self.constants(found));
        let mut all = finished(found.r2, found.r2_interval, &found.verdict, FEW);
        if !constant.is_empty() {
            all = if constant.len() == range.len() {
                Measured::absent(constant_target(&constant))
            } else {
                Measured { note: Some(constant_target(&constant) + " and counts as 0 or 1"), ..all }
            };
        }
        let mut figures = vec![(found.group.clone(), all)];
        for (index, output) in range.enumerate() {
            let Some(part) = self.parts.single(output) else { continue };
            let measured = if found.constant.get(index) == Some(&true) {
                Measured::absent(constant_target(&[&self.parts.outputs[output]]))
            } else {
                let interval = found.parameter_intervals.get(index).copied();
                finished(found.parameters.get(index).copied(), interval, &found.verdict, FEW)
            };
            figures.push((part.name.clone(), measured));
        }
        figures
    }

    /// The mean over all parameters, each by the probe of its group.
    fn mean_of_groups(&self, values: &[f64], constants: &[String]) -> Measured {
        let outputs = self.parts.outputs.len();
        if values.len() != outputs {
            return Measured::absent("a group has no figure");
        }
        let mut note = "no interval: every group has a probe of its own".to_owned();
        if !constants.is_empty() {
            let constants: Vec<&str> = constants.iter().map(String::as_str).collect();
            note = format!("{note}; {} and counts as 0 or 1", constant_target(&constants));
        }
        let mean = values.iter().sum::<f64>() / outputs as f64;
        Measured { value: Some(mean), note: Some(note), ..Measured::default() }
    }

    /// All figures of a protocol that could not be run.
    fn no_descent(&mut self, kind: ProtocolKind, fit: &Fit, reason: &str) {
        tracing::warn!(protocol = kind.name(), reason, "the protocol has no figures");
        let mut names = Vec::new();
        for (_, read, suffix) in self.classified() {
            names.extend(
                ["top1", "top5"].map(|top| (format!("{top}_{suffix}"), read.clone(), "class".to_owned())),
            );
        }
        let parts: Vec<String> =
            self.parts.groups.iter().chain(&self.parts.singles).map(|part| part.name.clone()).collect();
        for (_, read, target, prefix) in self.regressed() {
            names.extend(
                parts
                    .iter()
                    .map(String::as_str)
                    .chain([MEAN])
                    .map(|part| (format!("{prefix}_{part}"), read.clone(), format!("{target}: {part}"))),
            );
        }
        for (name, read, target) in names {
            let protocol = self.protocol(kind.name(), &read, target, "not run".into(), fit.clone());
            self.push(name, &protocol, Measured::absent(reason));
        }
    }
}

/// How the probes of `config` are fitted.
fn fit(config: &FrozenConfig) -> Fit {
    Fit::Descent {
        optimizer: config.optimizer,
        lr: config.lr,
        epochs: config.epochs,
        batch_size: config.batch_size,
        standardized: config.standardize,
    }
}

/// The figure with the note that its probe's learning rate was lowered, where it was.
fn lowered(measured: Measured, lr: Option<f64>, fit: &Fit) -> Measured {
    let (Some(lr), Some(_), Fit::Descent { lr: published, .. }) = (lr, measured.value, fit) else {
        return measured;
    };
    let said = format!("learning rate {lr}, since it diverges at {published}");
    let note = measured.note.map_or(said.clone(), |note| format!("{note}; {said}"));
    Measured { note: Some(note), ..measured }
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

//! Ridge and logistic regression to their optimum.

use seqjepa_data::Split;
use seqjepa_probes::exact::{
    ClassificationResult, LogisticConfig, RegressionResult, RidgeConfig, classification_with_predictions,
    regression,
};
use seqjepa_probes::{Estimate, Labelled, TargetNames, Targeted};
use seqjepa_train::observer::{Event, Observer, Stage};

use super::parts::{MEAN, Part};
use super::session::{RELATIVE, Read, Session, absent, constant_target, features, table, with_notes};
use crate::card::{Fit, Measured};
use crate::error::EvaluationError;
use crate::extraction::section;
use crate::names::{FIRST_SUFFIX, path_figure};
use crate::settings::ProtocolKind;

impl Session<'_> {
    /// Classes from the invariant representation for every M_val and from z_1; the relative action from z_1 and z_2 and from
    /// the invariant representation; the action of view 1 from z_1.
    pub(super) fn exact(&mut self, observer: &mut dyn Observer) -> Result<(), EvaluationError> {
        let invariant = self.passes.invariant.clone();
        let mut classified = Vec::new();
        if !invariant.is_first() {
            for views in self.passes.lengths() {
                let read = self.aggregate(views);
                let of = if invariant.of_sequence { format!(", M_val {views}") } else { String::new() };
                classified.push((invariant.suffix_of(views), format!("class from {}{of}", read.label), read));
            }
        }
        classified.push((FIRST_SUFFIX.into(), "class from z_1".into(), self.first()));
        let (absolute, prefix) = self.absolute();
        let regressed = [
            (self.pair(), section::RELATIVE, RELATIVE, "r2", "relative action from z_1, z_2".to_owned()),
            (
                self.headline(),
                section::RELATIVE,
                RELATIVE,
                "leakage_r2",
                format!("relative action from {}", invariant.name),
            ),
            (self.first(), section::ABSOLUTE, absolute, prefix, "action of view 1 from z_1".to_owned()),
        ];
        let paths: Vec<_> = self.passes.lengths().into_iter().filter(|views| *views > 1).collect();
        let paths = if self.passes.has_paths() { paths } else { Vec::new() };
        let total = Some((classified.len() + regressed.len() + paths.len()) as u64);
        let mut done = 0;
        let mut fitted = |what: &str| {
            done += 1;
            observer.observe(&Event::Progress { stage: Stage::FittingProbes, what: Some(what), done, total })
        };
        for (suffix, what, read) in classified {
            self.exact_class(&read, &suffix)?;
            fitted(&what)?;
        }
        for (read, target, of, prefix, what) in regressed {
            self.exact_values(&read, target, of, prefix)?;
            fitted(&what)?;
        }
        for views in paths {
            self.exact_path(views - 1)?;
            fitted(&format!("action over steps 1 to {} from {}", views - 1, invariant.name))?;
        }
        Ok(())
    }

    /// R2 of where `steps` steps have led from view 1, of each group and all, from the invariant representation of the views on the way.
    fn exact_path(&mut self, steps: usize) -> Result<(), EvaluationError> {
        let read = self.aggregate(steps + 1);
        let what = format!("relative action from view 1 to {}, normalised", steps + 1);
        let parts: Vec<Part> = self.parts.groups.iter().cloned().chain([self.parts.all()]).collect();
        self.exact_parts(&read, &section::path(steps), &what, &parts, |part| path_figure(part, steps))
    }

    /// Top-1 and top-5 of a logistic regression.
    pub(super) fn exact_class(&mut self, read: &Read, suffix: &str) -> Result<(), EvaluationError> {
        let config = LogisticConfig { seed: self.passes.seed, ..LogisticConfig::default() };
        let fit = Fit::Exact {
            solver: format!(
                "multinomial logistic regression in f64, by L-BFGS or Newton's method until no logit is left to change by {:e}{}",
                config.tolerance,
                if config.standardize { ", features standardized by the training rows" } else { "" }
            ),
            penalty: format!(
                "C of {} values by accuracy, then cross-entropy, on {} % of the training rows of each class held out; then a fit to all",
                config.inverse_penalties.len(),
                100.0 * config.held_out
            ),
        };
        let probe = "multinomial logistic regression".into();
        let protocol = self.protocol(ProtocolKind::Exact.name(), read, "class".into(), probe, fit);
        let [top1, top5] = match &self.passes.splits.classes {
            Err(reason) => [Measured::absent(reason), Measured::absent(reason)],
            Ok(classes) => {
                let [train, test] = [self.tables(Split::Train, read)?, self.tables(Split::Test, read)?];
                let [train_labels, test_labels] = [self.labels(Split::Train)?, self.labels(Split::Test)?];
                let fitted = (|| {
                    let train = Labelled::new(features(&train)?, &train_labels)?;
                    let test = Labelled::new(features(&test)?, &test_labels)?;
                    classification_with_predictions(&train, &test, *classes, &config, &self.bootstrap)
                })();
                match fitted {
                    Err(error) => [absent(&error), absent(&error)],
                    Ok((result, predicted)) => {
                        if suffix == self.passes.invariant.suffix_of(self.observed()) {
                            self.predicted = Some(predicted);
                        }
                        accuracies(&result)
                    }
                }
            }
        };
        self.push(format!("top1_{suffix}"), &protocol, top1);
        self.push(format!("top5_{suffix}"), &protocol, top5);
        Ok(())
    }

    /// R2 of each parameter, group and all by a ridge regression.
    fn exact_values(
        &mut self,
        read: &Read,
        target: &str,
        what: &str,
        prefix: &str,
    ) -> Result<(), EvaluationError> {
        let parts = self.parts.groups.iter().chain(&self.parts.singles).cloned().chain([self.parts.all()]);
        self.exact_parts(read, target, what, &parts.collect::<Vec<_>>(), |part| format!("{prefix}_{part}"))
    }

    /// R2 of some parts of an action by a ridge regression.
    fn exact_parts(
        &mut self,
        read: &Read,
        target: &str,
        what: &str,
        parts: &[Part],
        name: impl Fn(&str) -> String,
    ) -> Result<(), EvaluationError> {
        let config = RidgeConfig::default();
        let fit = Fit::Exact {
            solver: format!(
                "ridge regression in closed form in f64{}",
                if config.standardize { ", features standardized by the training rows" } else { "" }
            ),
            penalty: format!("one of {} for each output by leave-one-out error", config.penalties.len()),
        };
        let [train, test] = [self.tables(Split::Train, read)?, self.tables(Split::Test, read)?];
        let (train_targets, outputs) = table(self.train, target)?;
        let test_targets = self.test.read(target)?;
        let names = TargetNames::new(self.parts.outputs.clone()).with_groups(self.parts.output_groups());
        let fitted = (|| {
            let train = Targeted::new(features(&train)?, &train_targets, outputs)?;
            let test = Targeted::new(features(&test)?, &test_targets, outputs)?;
            regression(&train, &test, &names, &config, &self.bootstrap)
        })();
        for part in parts {
            let measured = match &fitted {
                Err(error) => absent(error),
                Ok(result) => self.score(result, part),
            };
            let target = format!("{what}: {}", part.name);
            let probe = "ridge regression".into();
            let protocol = self.protocol(ProtocolKind::Exact.name(), read, target, probe, fit.clone());
            self.push(name(&part.name), &protocol, measured);
        }
        Ok(())
    }

    /// The figure of one part of the action.
    fn score(&self, result: &RegressionResult, part: &Part) -> Measured {
        let scores = &result.scores;
        let constant = part.range.clone().filter(|output| scores.outputs[*output].constant);
        let constant: Vec<&str> = constant.map(|output| self.parts.outputs[output].as_str()).collect();
        if constant.len() == part.range.len() {
            // 1 or 0 by definition: no figure of the representation.
            return Measured::absent(constant_target(&constant));
        }
        let group = self.parts.groups.iter().position(|group| group == part);
        let estimate = match group {
            _ if part.name == MEAN => scores.mean,
            Some(group) => scores.groups[group].r2,
            None => scores.outputs[part.range.start].r2,
        };
        let mut notes = Vec::new();
        if !constant.is_empty() {
            notes.push(constant_target(&constant) + " and counts as 0 or 1");
        }
        let edge = part.range.clone().filter(|output| result.at_edge[*output]).count();
        if edge > 0 {
            notes.push(format!("the penalty of {edge} outputs is the least or greatest of those offered"));
        }
        let penalty = (part.range.len() == 1).then(|| result.penalties[part.range.start]);
        with_notes(estimate, penalty, &notes, "expected at least two test images")
    }
}

/// Top-1 and top-5 with what must be known of them.
fn accuracies(result: &ClassificationResult) -> [Measured; 2] {
    let mut notes = Vec::new();
    if !result.convergence.converged {
        notes.push(format!("not converged: {:?}", result.convergence));
    }
    if result.unknown_classes > 0 {
        notes.push(format!(
            "{} test classes have no training image and count as wrong",
            result.unknown_classes
        ));
    }
    if result.at_edge {
        notes.push("the penalty is the least or greatest of those offered".into());
    }
    let finish = |estimate: Option<Estimate>, absent: &str| {
        with_notes(estimate, Some(result.inverse_penalty), &notes, absent)
    };
    let few = format!("expected more than five classes, found {}", result.classes);
    [finish(result.top1, "no test images"), finish(result.top5, &few)]
}

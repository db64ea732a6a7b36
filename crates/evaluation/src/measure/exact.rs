//! Ridge and logistic regression to their optimum.

use seqjepa_probes::exact::{LogisticConfig, RidgeConfig, classification, regression};
use seqjepa_probes::{Estimate, Labelled, OutputGroup, Targeted};

use super::super::card::{Fit, Measured};
use super::super::extract::name;
use super::{ABSOLUTE, RELATIVE, Read, Session, Split, absent, constant_target, features, with_notes};
use crate::TrainError;
use crate::config::ProtocolKind;
use crate::observer::{Event, Observer};

impl Session<'_> {
    /// Classes from z_AGG for every M_val and from z_1; the relative action from z_1 and z_2 and from z_AGG; the action of
    /// view 1 from z_1.
    pub fn exact(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let aggregates: Vec<_> =
            self.passes.lengths().into_iter().map(|views| self.aggregate(views)).collect();
        let fits = aggregates.len() + 4;
        let mut done = 0;
        let mut fitted = |what: &str, observer: &mut dyn Observer| {
            done += 1;
            observer.observe(&Event::ProbeFitted { what, done, total: fits })
        };
        let none = self.no_classes()?;
        for read in aggregates {
            let suffix = format!("z_agg_m{}", read.views);
            self.exact_class(&read, &suffix, none.as_deref())?;
            fitted(&format!("class from z_AGG, M_val {}", read.views), observer)?;
        }
        self.exact_class(&self.first(), "z1", none.as_deref())?;
        fitted("class from z_1", observer)?;
        self.exact_values(&self.pair(), name::RELATIVE, RELATIVE, "r2")?;
        fitted("relative action from z_1, z_2", observer)?;
        let aggregate = self.aggregate(self.observed());
        self.exact_values(&aggregate, name::RELATIVE, RELATIVE, "leakage_r2")?;
        fitted("relative action from z_AGG", observer)?;
        self.exact_values(&self.first(), name::ABSOLUTE, ABSOLUTE, "absolute_r2")?;
        fitted("action of view 1 from z_1", observer)
    }

    /// Top-1 and top-5 of a logistic regression.
    fn exact_class(&mut self, read: &Read, suffix: &str, none: Option<&str>) -> Result<(), TrainError> {
        let config = LogisticConfig { seed: self.passes.config.run.seed, ..LogisticConfig::default() };
        let fit = Fit::Exact {
            solver: format!(
                "multinomial logistic regression in f64, L-BFGS to a gradient of {:e}{}",
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
        let [top1, top5] = match none {
            Some(reason) => [Measured::absent(reason), Measured::absent(reason)],
            None => {
                let [train, test] = [self.tables(Split::Train, read)?, self.tables(Split::Test, read)?];
                let [train_labels, test_labels] = [self.labels(Split::Train)?, self.labels(Split::Test)?];
                let classes = self.passes.classes;
                let fitted = (|| {
                    let train = Labelled::new(features(&train)?, &train_labels)?;
                    let test = Labelled::new(features(&test)?, &test_labels)?;
                    classification(&train, &test, classes, &config, &self.bootstrap)
                })();
                match fitted {
                    Err(error) => [absent(&error), absent(&error)],
                    Ok(result) => {
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
                        let penalty = Some(result.inverse_penalty);
                        let finish = |estimate: Option<Estimate>, absent: &str| {
                            with_notes(estimate, penalty, &notes, absent)
                        };
                        let few = format!("expected more than five classes, found {classes}");
                        [finish(result.top1, "no test images"), finish(result.top5, &few)]
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
    ) -> Result<(), TrainError> {
        let config = RidgeConfig::default();
        let fit = Fit::Exact {
            solver: format!(
                "ridge regression in closed form in f64{}",
                if config.standardize { ", features standardized by the training rows" } else { "" }
            ),
            penalty: format!("one of {} for each output by leave-one-out error", config.penalties.len()),
        };
        let [train, test] = [self.tables(Split::Train, read)?, self.tables(Split::Test, read)?];
        let (train_targets, outputs) = Self::section(self.train, target)?;
        let test_targets = self.test.read(target)?;
        let fitted = (|| {
            let train = Targeted::new(features(&train)?, &train_targets, outputs)?;
            let test = Targeted::new(features(&test)?, &test_targets, outputs)?;
            regression(&train, &test, &self.names, &config, &self.bootstrap)
        })();
        let protocol = |session: &Self, part: &str| {
            let target = format!("{what}: {part}");
            session.protocol(ProtocolKind::Exact.name(), read, target, "ridge regression".into(), fit.clone())
        };
        let few = "expected at least two test images";
        let groups: Vec<OutputGroup> = self.names.groups.clone();
        let outputs: Vec<String> = self.names.outputs.clone();
        let result = match fitted {
            Err(error) => {
                let parts = groups.iter().map(|group| &group.name).chain(&outputs);
                for part in parts.map(String::as_str).chain(["mean"]) {
                    let protocol = protocol(self, part);
                    self.push(format!("{prefix}_{part}"), &protocol, absent(&error));
                }
                return Ok(());
            }
            Ok(result) => result,
        };
        let constant = |range: &std::ops::Range<usize>| -> Vec<&str> {
            let constant = range.clone().filter(|output| result.scores.outputs[*output].constant);
            constant.map(|output| outputs[output].as_str()).collect()
        };
        let all = OutputGroup::new("mean", 0..outputs.len());
        let single = (0..).zip(&outputs).map(|(index, name)| OutputGroup::new(name, index..index + 1));
        for part in groups.iter().cloned().chain(single).chain([all]) {
            let protocol = protocol(self, &part.name);
            let known = constant(&part.range);
            let measured = if known.len() == part.range.len() {
                // 1 or 0 by definition: no figure of the representation.
                Measured::absent(constant_target(&known))
            } else {
                let estimate = match part.name.as_str() {
                    "mean" => result.scores.mean,
                    name => result.scores.group(name).or_else(|| result.scores.output(name)),
                };
                let mut notes = Vec::new();
                if !known.is_empty() {
                    notes.push(constant_target(&known) + " and counts as 0 or 1");
                }
                let edge = part.range.clone().filter(|output| result.at_edge[*output]).count();
                if edge > 0 {
                    notes.push(format!(
                        "the penalty of {edge} outputs is the least or greatest of those offered"
                    ));
                }
                let penalty = (part.range.len() == 1).then(|| result.penalties[part.range.start]);
                with_notes(estimate, penalty, &notes, few)
            };
            self.push(format!("{prefix}_{}", part.name), &protocol, measured);
        }
        Ok(())
    }
}

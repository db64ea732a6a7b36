//! What a run is, said at its start: mistakes in config and data show here, before hours are spent.

use seqjepa_evaluation::TestedSplit;
use seqjepa_run::{Config, Run, RunData};

use super::device::describe_devices;
use super::terminal::{note, short_line, tell};

/// Names of classes that are shown.
const SHOWN: usize = 10;

/// Says where a run goes, what it computes on, and what it learns from.
pub(super) fn introduce(run: &Run) {
    tell!("run folder: {}", run.folder().root().display());
    tell!("device: {}", describe_devices(run.config(), run.backend()));
    for line in describe_data(run.config(), run.data()) {
        tell!("{line}");
    }
}

/// The data set: its images, and its classes by name.
pub(super) fn describe_data(config: &Config, data: &RunData) -> Vec<String> {
    let [train, test] = data.samples();
    let set = data.set();
    let part = |used: usize, all: usize| if used == all { String::new() } else { format!(" of {all}") };
    let mut lines = vec![match data.tested() {
        TestedSplit::Test => format!(
            "data: {}, {train}{} training and {test}{} test images",
            config.dataset.name,
            part(train, set.train.len()),
            part(test, set.test.len()),
        ),
        TestedSplit::Validation => format!(
            "data: {}, of {} training images {train} to train on and {test} of the {} held out to test on (validation); the test split is not \
             opened",
            config.dataset.name,
            set.train.len(),
            config.dataset.validation,
        ),
    }];
    if let Some(fitted) = &set.probe_train {
        let (count, classes) = (data.fitted_samples(), describe_classes(fitted.class_names()));
        lines.push(format!(
            "frozen probes: fitted to {count}{} other images; {classes}",
            part(count, fitted.len())
        ));
        if data.classes().is_none() {
            lines.push("online probes: none of classes, since the training images have no labels".into());
        }
        return lines;
    }
    lines.push(describe_classes(set.train.class_names()));
    if set.train.class_names() != set.test.class_names() {
        lines.push(format!("test images: {}", describe_classes(set.test.class_names())));
        note!("warning: the classes of the training and of the test images differ; is that meant?");
    }
    lines
}

/// How many classes there are, with their names.
pub(super) fn describe_classes(names: &[String]) -> String {
    if names.is_empty() {
        return "no classes: the images have no labels".into();
    }
    let shown: Vec<_> = names.iter().take(SHOWN).map(|name| short_line(name)).collect();
    let shown = shown.join(", ");
    let more = if names.len() > SHOWN { ", ..." } else { "" };
    format!("{} {}: {shown}{more}", names.len(), if names.len() == 1 { "class" } else { "classes" })
}

//! Columns of a comparison: runs, or runs of one config that differ in their seeds alone.

use serde_json::Value;

use super::run::ComparedRun;
use crate::card::ResultCard;
use crate::machine::MACHINE_KEYS;

/// One column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) label: String,
    /// Indices of its runs; of more than one, mean and spread are shown.
    pub(super) runs: Vec<usize>,
}

/// Keys of a run's config that say whose run it is: its seed and its names. With those of the machine they make no other model.
const OWN: [&str; 3] = ["run.seed", "run.name", "run.output_dir"];

/// One column a run, but for runs that differ from an earlier one in the seed alone, which share its column.
pub(super) fn columns(runs: &[ComparedRun]) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        let same = |column: &&mut Column| {
            let cards = column.runs.iter().map(|other| runs[*other].card.as_ref());
            run.card.as_ref().is_some_and(|card| {
                cards.into_iter().all(|other| other.is_some_and(|other| differ_in_seed(other, card)))
            })
        };
        match columns.iter_mut().find(same) {
            Some(column) => column.runs.push(index),
            None => columns.push(Column { label: run.label.clone(), runs: vec![index] }),
        }
    }
    for column in columns.iter_mut().filter(|column| column.runs.len() > 1) {
        column.label = format!("{}, {} seeds", column.label, column.runs.len());
    }
    columns
}

fn differ_in_seed(a: &ResultCard, b: &ResultCard) -> bool {
    let described = |card: &ResultCard| {
        let mut scope = card.scope.clone();
        scope.seed = 0;
        let images = card.data.clone();
        let origin = &card.model.origin;
        let training = (origin.source, origin.epochs, origin.steps, card.model.observed_views);
        (scope, images, training, card.encoder, card.method.clone(), without_own(&card.config))
    };
    a.scope.seed != b.scope.seed && described(a) == described(b)
}

fn without_own(config: &Value) -> Value {
    let mut config = config.clone();
    // How many devices there were is of the model: each normalises its part of a batch by itself.
    let devices = config.pointer("/run/further_devices").and_then(Value::as_array).map_or(0, Vec::len);
    for key in OWN.iter().chain(&MACHINE_KEYS) {
        let Some((section, key)) = key.split_once('.') else { continue };
        if let Some(section) = config.get_mut(section).and_then(Value::as_object_mut) {
            section.remove(key);
        }
    }
    if devices > 0 {
        config["run"]["further_devices"] = devices.into();
    }
    config
}

/// Mean and standard deviation (over n - 1) of those values that are there; none of fewer than two.
pub(super) fn mean_and_spread(values: &[f64]) -> Option<(f64, f64)> {
    if values.len() < 2 {
        return None;
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((mean, (squares / (n - 1.0)).sqrt()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::card::tests_support::card;

    fn run(label: &str, seed: u64, lr: f64) -> ComparedRun {
        let mut card = card(&["top1_z1"]);
        card.scope.seed = seed;
        card.config = json!({"run": {"seed": seed, "name": label}, "optim": {"lr": lr}});
        ComparedRun { label: label.into(), card: Some(card), online: None, trained_as: None }
    }

    #[test]
    fn seeds_of_one_config_share_a_column() {
        let runs = [run("a", 1, 0.1), run("b", 1, 0.2), run("c", 2, 0.1), run("d", 1, 0.1), run("e", 3, 0.1)];
        let found: Vec<_> = columns(&runs).into_iter().map(|column| (column.label, column.runs)).collect();
        assert_eq!(
            found,
            [("a, 3 seeds".to_owned(), vec![0, 2, 4]), ("b".into(), vec![1]), ("d".into(), vec![3])]
        );
        let without = ComparedRun { label: "x".into(), card: None, online: None, trained_as: None };
        assert_eq!(columns(&[without.clone(), without]).len(), 2);
    }

    /// Several devices divide batches, whatever they are called.
    #[test]
    fn runs_on_other_numbers_of_devices_are_not_seeds_of_one() {
        let on = |label: &str, seed, further: &[&str]| {
            let mut run = run(label, seed, 0.1);
            run.card.as_mut().unwrap().config["run"]["further_devices"] = json!(further);
            run
        };
        let count = |first: &[&str], second: &[&str]| columns(&[on("a", 1, first), on("b", 2, second)]).len();
        assert_eq!(count(&[], &[]), 1);
        assert_eq!(count(&["cuda:1"], &["cuda:2"]), 1);
        assert_eq!(count(&[], &["cuda:1"]), 2);
        assert_eq!(count(&["cuda:1"], &["cuda:1", "cuda:2"]), 2);
    }

    #[test]
    fn the_spread_is_the_samples() {
        // statistics.mean and stdev of Python.
        let (mean, spread) = mean_and_spread(&[1.0, 2.0, 4.0]).unwrap();
        assert!(
            (mean - 2.333_333_333_333_333_5).abs() < 1e-15
                && (spread - 1.527_525_231_651_946_6).abs() < 1e-15
        );
        assert_eq!(mean_and_spread(&[1.0]), None);
    }
}

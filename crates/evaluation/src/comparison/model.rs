//! What a comparison is, apart from how it is written down.

use super::columns::{Column, columns};
use super::csv::COLUMNS;
use super::differences::differences;
use super::run::{ComparedRun, make_labels_unique, mark_validation};
use crate::card::ResultCard;
use crate::names::digits;
use crate::report::differences::of_other_data;
use crate::report::numbers::Notes;

/// Runs side by side, and what keeps their figures from being compared.
#[derive(Debug, Clone)]
pub struct Comparison {
    pub(super) runs: Vec<ComparedRun>,
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Row>,
    pub(super) notes: Vec<String>,
}

/// One figure of all runs.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) protocol: String,
    /// One a run; nothing for a run without the figure.
    pub(super) cells: Vec<Option<Cell>>,
    /// The published value, where it may be compared.
    pub(super) published: Option<f64>,
}

#[derive(Debug, Clone)]
pub(super) struct Cell {
    /// Index into the run's figures.
    pub(super) figure: usize,
    /// The note that says why it is not comparable with the first run's, from 1.
    pub(super) note: Option<usize>,
}

impl Row {
    fn new(runs: &[ComparedRun], (name, protocol): (&str, &str), notes: &mut Notes) -> Self {
        let find = |run: &ComparedRun| {
            let figures = &run.card.as_ref()?.figures;
            figures.iter().position(|figure| figure.name == name && figure.protocol.name == protocol)
        };
        let found: Vec<Option<(&ResultCard, usize)>> =
            runs.iter().map(|run| Some((run.card.as_ref()?, find(run)?))).collect();
        // A figure that could not be had is no measure of others.
        let has_value = |found: &Option<(&ResultCard, usize)>| {
            found.is_some_and(|(card, figure)| card.figures[figure].trained.value.is_some())
        };
        let first = found.iter().position(has_value).or_else(|| found.iter().position(Option::is_some));
        let first = first.unwrap_or(0);
        let reference = found[first].map(|(card, figure)| (card, &card.figures[figure]));
        let cells = runs.iter().zip(&found).enumerate().map(|(index, (run, found))| {
            let (card, figure) = (*found)?;
            let differences = reference
                .filter(|_| index != first && has_value(found))
                .map(|reference| differences(reference, (card, &card.figures[figure])));
            let note = differences.filter(|differences| !differences.is_empty()).map(|differences| {
                let first = &runs[first].label;
                notes.number(format!(
                    "{} is not comparable with {first}: {}",
                    run.label,
                    differences.join("; ")
                ))
            });
            Some(Cell { figure, note })
        });
        let cells = cells.collect();
        let published = reference.and_then(|(_, figure)| figure.published.as_ref());
        let published = published.filter(|published| published.comparable).map(|published| published.value);
        Self { name: name.into(), protocol: protocol.into(), cells, published }
    }
}

impl Comparison {
    /// What a table as Markdown begins with.
    pub(super) const TITLE: &str = "# Comparison\n\n";

    /// Whether a file that begins so is a table of a comparison, as [`markdown`](Self::markdown) and [`csv`](Self::csv) make it.
    #[must_use]
    pub fn is_one(beginning: &[u8]) -> bool {
        let heads = [Self::TITLE.to_owned(), COLUMNS.join(",")];
        heads.iter().any(|head| beginning.starts_with(&head.as_bytes()[..head.len().min(128)]))
    }

    /// Puts runs side by side, the first as the one that others are held against.
    #[must_use]
    pub fn new(mut runs: Vec<ComparedRun>) -> Self {
        mark_validation(&mut runs);
        make_labels_unique(&mut runs);
        let mut keys: Vec<(&str, &str)> = Vec::new();
        for figure in runs.iter().filter_map(|run| run.card.as_ref()).flat_map(|card| &card.figures) {
            let key = (figure.name.as_str(), figure.protocol.name.as_str());
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        let mut notes = Notes::default();
        let rows = keys.into_iter().map(|key| Row::new(&runs, key, &mut notes)).collect();
        orientation(&runs, &mut notes);
        let notes = notes.iter().map(|(_, note)| note.to_owned()).collect();
        Self { columns: columns(&runs), rows, notes, runs }
    }

    /// The runs that have a card.
    pub(super) fn cards(&self) -> impl Iterator<Item = (&ComparedRun, &ResultCard)> {
        self.runs.iter().filter_map(|run| Some((run, run.card.as_ref()?)))
    }
}

/// Where a published figure is from, and in what it differs.
type SourceAndDifferences<'a> = (&'a str, &'a [String]);

/// Notes on published figures that were measured otherwise than the first run's; those that differ in the same together.
fn orientation(runs: &[ComparedRun], notes: &mut Notes) {
    let Some((run, card)) = runs.iter().find_map(|run| Some((run, run.card.as_ref()?))) else { return };
    let mut groups: Vec<(SourceAndDifferences<'_>, Vec<String>)> = Vec::new();
    for figure in &card.figures {
        let published = figure.published.as_ref();
        let Some(published) = published.filter(|found| !found.comparable && !of_other_data(found)) else {
            continue;
        };
        let key = (published.source.as_str(), published.differences.as_slice());
        let text = format!("{} {:.*}", figure.name, digits(&figure.name), published.value);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, texts)) => texts.push(text),
            None => groups.push((key, vec![text])),
        }
    }
    for ((source, differences), texts) in groups {
        notes.number(format!(
            "the paper's figures are for orientation beside {} ({source}): {}; {}",
            run.label,
            texts.join(", "),
            differences.join("; ")
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::Measured;
    use crate::card::tests_support::{card, published};

    fn run(label: &str, card: ResultCard) -> ComparedRun {
        ComparedRun { label: label.into(), card: Some(card), online: None, trained_as: None }
    }

    #[test]
    fn figures_that_were_measured_otherwise_are_noted_once() {
        let names = ["top1_z1", "r2_mean"];
        let mut other = card(&names);
        for figure in &mut other.figures {
            figure.protocol.train_samples = 200;
            figure.protocol.passes = 2;
        }
        let only = card(&["knn20_z1"]);
        let comparison = Comparison::new(vec![run("a", card(&names)), run("b", other), run("c", only)]);
        assert_eq!(
            comparison.notes,
            ["b is not comparable with a: training rows 200, not 100; passes 2, not 1"]
        );
        assert_eq!(comparison.rows.len(), 3);
        let notes: Vec<Option<usize>> =
            comparison.rows[0].cells.iter().map(|cell| cell.as_ref().and_then(|cell| cell.note)).collect();
        assert_eq!(notes, [None, Some(1), None]);
        assert!(comparison.rows[2].cells[0].is_none() && comparison.rows[2].cells[2].is_some());
    }

    #[test]
    fn figures_that_could_not_be_had_are_no_measure() {
        let mut absent = card(&["mrr_same"]);
        absent.figures[0].trained = Measured::absent("the method predicts no representation");
        absent.figures[0].protocol.test_samples = 0;
        let runs = vec![run("a", absent.clone()), run("b", card(&["mrr_same"])), run("c", absent)];
        assert!(Comparison::new(runs).notes.is_empty());
    }

    #[test]
    fn published_figures_stand_where_they_compare_and_are_named_elsewhere() {
        let mut own = card(&["top1_z1", "r2_crop", "r2_blur"]);
        own.figures[0].published = Some(published(58.33, true, &[]));
        own.figures[1].published = Some(published(0.79, false, &["layers 1, the published 3"]));
        own.figures[2].published = Some(published(0.92, false, &["layers 1, the published 3"]));
        let comparison = Comparison::new(vec![run("a", own)]);
        assert_eq!(comparison.rows[0].published, Some(58.33));
        assert_eq!(comparison.rows[1].published, None);
        assert_eq!(
            comparison.notes,
            [
                "the paper's figures are for orientation beside a (somewhere): r2_crop 0.790, r2_blur 0.920; layers 1, the published 3"
            ]
        );
    }
}

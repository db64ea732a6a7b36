//! A comparison as a picture.

use super::model::Comparison;
use crate::card::{Figure, ResultCard};
use crate::heat_map::HeatMap;
use crate::published::grid;

/// The method whose published grid is shown.
const METHOD: &str = "seqjepa";

/// Characters of a run's name.
const LABEL: usize = 24;

impl Comparison {
    /// Top-1 on the representation of a sequence by M_train (rows) and M_val (columns). A method whose representation is of one view
    /// has no row; the published rows are there where a run was measured by their protocol on their data.
    #[must_use]
    pub fn grid(&self) -> HeatMap {
        let cards = || self.cards().filter(|(_, card)| card.method.invariant.of_sequence);
        let has = |m_val: &usize| cards().any(|(_, card)| card.figure(&name(card, *m_val)).is_some());
        let own = (1..=255).rev().find(has).unwrap_or(0);
        let with_paper = cards().any(|(_, card)| {
            let names: Vec<String> = (1..=own).map(|m_val| name(card, m_val)).collect();
            card.figures.iter().any(|figure| names.contains(&figure.name) && comparable(figure))
        });
        let published = if with_paper { grid(METHOD) } else { Vec::new() };
        let columns = published.iter().map(|row| row.figures.len()).max().unwrap_or(0).max(own);
        let mut rows = Vec::new();
        let mut notes: Vec<String> = Vec::new();
        for row in published {
            let cells = (0..columns).map(|column| row.figures.get(column).copied()).collect();
            rows.push((format!("M_train {} paper", row.m_train), cells));
            let note = format!("paper: {}", row.in_short);
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
        for (run, card) in cards() {
            let protocols = protocols(card, columns);
            for protocol in &protocols {
                let figure = |m_val: usize| {
                    let name = name(card, m_val);
                    card.figures.iter().find(|f| f.name == name && f.protocol.name == *protocol)
                };
                let cells = (1..=columns).map(|m_val| figure(m_val).and_then(|figure| figure.trained.value));
                let fair = !with_paper || (1..=columns).filter_map(figure).all(comparable);
                let mark = if fair { "" } else { " *" };
                let mut label: String = run.label.chars().take(LABEL).collect();
                if protocols.len() > 1 {
                    label = format!("{label}, {protocol}");
                }
                rows.push((format!("M_train {} {label}{mark}", card.model.observed_views), cells.collect()));
                notes.push(format!(
                    "{label}: {}, {} + {} images, {protocol}, {} encoder{}",
                    card.data.name,
                    card.data.train_images,
                    card.data.test_images,
                    card.encoder.name(),
                    if fair { "" } else { "; * not as the paper" }
                ));
            }
        }
        HeatMap {
            title: "top-1 % on z_AGG by M_train (rows) and M_val (columns)".into(),
            columns: (1..=columns).map(|m_val| m_val.to_string()).collect(),
            rows,
            notes,
        }
    }
}

/// Whether a figure was measured as its published one.
fn comparable(figure: &Figure) -> bool {
    figure.published.as_ref().is_some_and(|published| published.comparable)
}

/// The figure of a column.
fn name(card: &ResultCard, m_val: usize) -> String {
    format!("top1_{}", card.method.invariant.suffix_of(m_val))
}

/// The protocols that have such figures, in the card's order.
fn protocols(card: &ResultCard, columns: usize) -> Vec<&str> {
    let names: Vec<String> = (1..=columns).map(|m_val| name(card, m_val)).collect();
    let mut protocols: Vec<&str> = Vec::new();
    for figure in card.figures.iter().filter(|figure| names.contains(&figure.name)) {
        if !protocols.contains(&figure.protocol.name.as_str()) {
            protocols.push(&figure.protocol.name);
        }
    }
    protocols
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::tests_support::{card, figure, published};
    use crate::comparison::ComparedRun;

    #[test]
    fn rows_are_runs_by_protocol_and_columns_views() {
        let mut own = card(&["top1_z_agg_m1", "top1_z_agg_m10", "top1_z1"]);
        own.figures.push(figure("top1_z_agg_m1", "linear"));
        own.figures[0].published = Some(published(1.0, false, &["data set another"]));
        let mut of_views = card(&["top1_h"]);
        of_views.method.invariant.of_sequence = false;
        let runs = [("a", own), ("b", of_views)].map(|(label, card)| ComparedRun {
            label: label.into(),
            card: Some(card),
            online: None,
            trained_as: None,
        });
        let grid = Comparison::new(runs.to_vec()).grid();
        let titles = |grid: &HeatMap| grid.rows.iter().map(|(title, _)| title.clone()).collect::<Vec<_>>();
        // Measured otherwise, so nothing published beside it.
        assert_eq!(titles(&grid), ["M_train 3 a, exact", "M_train 3 a, linear"]);
        assert_eq!((grid.columns.len(), grid.notes.len()), (10, 2), "{:?}", grid.notes);
        assert_eq!((grid.rows[0].1[0], grid.rows[0].1[1], grid.rows[0].1[9]), (Some(0.5), None, Some(0.5)));

        let mut same = runs[0].clone();
        same.card.as_mut().unwrap().figures[3].published = Some(published(1.0, true, &[]));
        let grid = Comparison::new(vec![same]).grid();
        assert_eq!(
            titles(&grid),
            ["M_train 2 paper", "M_train 3 paper", "M_train 3 a, exact *", "M_train 3 a, linear"]
        );
        assert_eq!((grid.rows[1].1[4], grid.rows[1].1[8]), (Some(58.3), None));
        assert_eq!(grid.notes.len(), 3, "{:?}", grid.notes);
    }
}

//! What of each representation is where it should not be.

use super::recovery::{dots, figures, grid};
use super::{heading, measured, no_card};
use crate::chart::DotChart;
use crate::html::{escape, table};
use crate::read::ReportRun;

/// By group and by parameter of the action.
pub(super) fn charts(runs: &[ReportRun]) -> [Option<DotChart>; 2] {
    [
        dots(runs, "Action from the invariant representation", "R2, low is good", "leakage_r2", |card| {
            &card.scope.groups
        }),
        dots(runs, "The same by parameter", "R2, low is good", "leakage_r2", |card| &card.scope.parameters),
    ]
}

pub(super) fn html(runs: &[ReportRun]) -> String {
    let mut html = String::from(
        "<p><b>Low is good.</b> The invariant representation should not tell how views differ, nor one view’s representation the class \
         better than the invariant one: the two kinds of information are then apart.</p>\n",
    );
    for (index, run) in runs.iter().enumerate() {
        if let Err(reason) = &run.card {
            html += &no_card(runs, index, reason);
        }
    }
    html += &grid(runs, charts(runs));
    for (index, run) in runs.iter().enumerate() {
        let Ok(card) = &run.card else { continue };
        html += &heading(runs, index);
        let headline = card.headline();
        let rows: Vec<Vec<String>> = [
            (format!("class from {} (meant to be high)", card.method.invariant.name), headline.as_str()),
            ("class from z_1 (leakage)".to_owned(), "top1_z1"),
        ]
        .into_iter()
        .filter_map(|(title, name)| {
            let figure = card.figure(name)?;
            Some(vec![escape(&title), measured(&figure.trained, name), measured(&figure.random, name)])
        })
        .collect();
        html += &table(
            "Top-1 %, frozen linear probe",
            &["".into(), "trained".into(), "as initialised".into()],
            &rows,
        );
        let caption = format!("R2 of the relative action from {} (leakage)", card.method.invariant.name);
        html += &figures(card, "leakage_r2", &caption);
    }
    html
}

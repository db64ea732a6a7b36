//! Accuracy against M_val.

use super::{name, no_card, published};
use crate::chart::{LineChart, Series};
use crate::html::{absent, escape};
use crate::read::ReportRun;

/// Longest sequence that there are figures of.
const MOST: usize = 255;

pub(super) fn html(runs: &[ReportRun]) -> String {
    let (html, chart) = chart(runs);
    let Some(chart) = chart else { return html };
    format!("{html}<div class=\"grid\">\n{}</div>\n", chart.figure())
}

/// The chart, and before it which runs are not in it.
pub(super) fn chart(runs: &[ReportRun]) -> (String, Option<LineChart>) {
    let mut html = String::new();
    let mut series = Vec::new();
    let mut random = Vec::new();
    let mut beside = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        let card = match &run.card {
            Ok(card) => card,
            Err(reason) => {
                html += &no_card(runs, index, reason);
                continue;
            }
        };
        let invariant = &card.method.invariant;
        if !invariant.of_sequence {
            html += &absent(&format!(
                "{}: {} is made of one view, so that its accuracy does not depend on the number of views.",
                name(runs, index),
                escape(&invariant.name)
            ));
            continue;
        }
        let figure = |views: usize| card.figure(&format!("top1_{}", invariant.suffix_of(views)));
        let found: Vec<_> = (1..=MOST).filter_map(|views| Some((views as f64, figure(views)?))).collect();
        let line = |label: &str, run: Option<usize>, broken, points: Vec<(f64, f64)>| Series {
            label: format!("{}, {label}", runs[index].label),
            run,
            broken,
            points,
        };
        let trained: Vec<_> =
            found.iter().filter_map(|(views, figure)| Some((*views, figure.trained.value?))).collect();
        if trained.is_empty() {
            let reason = found.first().and_then(|(_, figure)| figure.trained.note.as_deref());
            html += &absent(&format!(
                "{}: no accuracy: {}.",
                name(runs, index),
                escape(reason.unwrap_or("not measured"))
            ));
            continue;
        }
        series.push(line("trained", Some(index), false, trained));
        let initial: Vec<_> =
            found.iter().filter_map(|(views, figure)| Some((*views, figure.random.value?))).collect();
        if !initial.is_empty() {
            random.push(line("as initialised", Some(index), true, initial));
        }
        let paper: Vec<_> =
            found.iter().filter_map(|(views, figure)| Some((*views, published(figure)?))).collect();
        if !paper.is_empty() && beside.is_empty() {
            beside.push(line("published, measured alike", None, false, paper));
        }
    }
    if series.is_empty() {
        return (html, None);
    }
    series.extend(random);
    series.extend(beside);
    let chart = LineChart {
        title: "Top-1 by the number of observed views (M_val)".into(),
        x: "observed views, M_val",
        y: "top-1, %".into(),
        note: "Frozen linear probe on the invariant representation of the first M_val views; broken: the same model as initialised. \
               A model that gathers evidence over views rises to the right."
            .into(),
        series,
    };
    (html, Some(chart))
}

//! Every figure of `metrics.jsonl`, all runs in one frame.

use super::name;
use crate::chart::{LineChart, Series};
use crate::html::{absent, command, escape, table};
use crate::number::figure;
use crate::read::ReportRun;

/// Points of all curves of the page, and of one.
const POINTS: [usize; 2] = [400_000, 2000];

/// Figures that say the most; the others are folded away.
const FIRST: [&str; 8] = [
    "ep_loss",
    "online_linacc",
    "online_r2",
    "leakage_linacc",
    "leakage_r2",
    "z_rankme",
    "z_agg_rankme",
    "learning_rate",
];

pub(super) fn html(runs: &[ReportRun]) -> String {
    let mut html = String::new();
    for (index, run) in runs.iter().enumerate() {
        match &run.metrics {
            Err(reason) => {
                html += &absent(&format!(
                    "{}: no curves: {}. A run writes a line after its first epoch; {} trains on.",
                    name(runs, index),
                    escape(reason),
                    command(&run.resume())
                ));
            }
            Ok(metrics) => {
                for note in &metrics.notes {
                    html += &absent(&format!("{}: {}.", name(runs, index), escape(note)));
                }
            }
        }
    }
    let charts = charts(runs);
    if charts.is_empty() {
        return html;
    }
    html += &legend(runs);
    html += "<div class=\"grid\">\n";
    let of_first = |base: &str| FIRST.iter().position(|first| *first == base);
    let mut first: Vec<&(String, LineChart)> =
        charts.iter().filter(|(base, _)| of_first(base).is_some()).collect();
    first.sort_by_key(|(base, _)| of_first(base));
    html.extend(first.iter().map(|(_, chart)| chart.figure()));
    html += "</div>\n";
    let others: Vec<&(String, LineChart)> =
        charts.iter().filter(|(base, _)| of_first(base).is_none()).collect();
    if !others.is_empty() {
        html +=
            &format!("<details><summary>All other curves ({})</summary><div class=\"grid\">\n", others.len());
        html.extend(others.iter().map(|(_, chart)| chart.figure()));
        html += "</div></details>\n";
    }
    html + &last_values(runs)
}

/// Whose colour is whose, and what a broken line is.
fn legend(runs: &[ReportRun]) -> String {
    let names: Vec<String> = (0..runs.len()).map(|index| format!("<li>{}</li>", name(runs, index))).collect();
    format!(
        "<ul class=\"legend\">{}<li><span class=\"dash\" aria-hidden=\"true\"></span>broken: on the training split, where both are measured</li></ul>\n",
        names.concat()
    )
}

/// A figure without its split, and which that is.
fn split(figure: &str) -> (&str, Option<bool>) {
    match figure {
        // The loss on the test images is no `ep_loss_test`.
        "ep_loss" => ("ep_loss", Some(true)),
        "test_loss" => ("ep_loss", Some(false)),
        _ => match (figure.strip_suffix("_train"), figure.strip_suffix("_test")) {
            (Some(base), _) => (base, Some(true)),
            (_, Some(base)) => (base, Some(false)),
            _ => (figure, None),
        },
    }
}

/// One chart for each figure, the two splits in one.
pub(super) fn charts(runs: &[ReportRun]) -> Vec<(String, LineChart)> {
    let curves = || {
        let of = |(index, run): (usize, &'_ ReportRun)| {
            let curves = run.metrics.as_ref().map(|metrics| metrics.curves.as_slice()).unwrap_or_default();
            curves.iter().map(move |(name, curve)| (index, name.clone(), curve.clone())).collect::<Vec<_>>()
        };
        runs.iter().enumerate().flat_map(of).collect::<Vec<_>>()
    };
    let curves = curves();
    let most = (POINTS[0] / curves.len().max(1)).min(POINTS[1]);
    let mut charts: Vec<(String, LineChart)> = Vec::new();
    for (run, figure, curve) in &curves {
        let (base, train) = split(figure);
        let points = curve.points(most);
        if points.is_empty() {
            continue;
        }
        let label = match train {
            Some(true) => format!("{}, training", runs[*run].label),
            Some(false) => format!("{}, test", runs[*run].label),
            None => runs[*run].label.clone(),
        };
        let series = Series { label, run: Some(*run), broken: train == Some(true), points };
        match charts.iter_mut().find(|(known, _)| known == base) {
            Some((_, chart)) => chart.series.push(series),
            None => {
                let (title, y, note) = words(base);
                let chart = LineChart { title, x: "epoch", y, note: note.into(), series: vec![series] };
                charts.push((base.to_owned(), chart));
            }
        }
    }
    charts
}

/// Heading, unit and meaning of a figure.
fn words(base: &str) -> (String, String, &'static str) {
    let known = |title: &str, y: &str, note: &'static str| (title.to_owned(), y.to_owned(), note);
    match base {
        "ep_loss" => known("Loss", "loss", "What the method minimises; lower is better within one config."),
        "online_linacc" => known(
            "Online probe: class from the invariant representation",
            "top-1, %",
            "A linear probe that learns beside the model; higher is better.",
        ),
        "online_r2" => known(
            "Online probe: action from two views",
            "R2",
            "1 is perfect, 0 no better than the mean; higher is better.",
        ),
        "leakage_linacc" => known(
            "Leakage: class from one view's representation",
            "top-1, %",
            "The wrong way round: low is good.",
        ),
        "leakage_r2" => known(
            "Leakage: action from the invariant representation",
            "R2",
            "The wrong way round: low is good.",
        ),
        "z_rankme" => {
            known("RankMe of z", "effective rank", "How many directions the features use; higher is better.")
        }
        "z_agg_rankme" => known(
            "RankMe of z_AGG",
            "effective rank",
            "How many directions the features use; higher is better.",
        ),
        "learning_rate" => known("Learning rate", "learning rate", ""),
        "data_wait_share" => known("Waiting for data", "share of the time", "Near 0 the data keep up."),
        "train_time" => known("Time of an epoch, training split", "seconds", ""),
        "ep_time" => known("Time of an epoch", "seconds", ""),
        "wall_time" => known("Time of all epochs so far", "seconds", ""),
        "z_collapse" | "z_agg_collapse" => {
            (base.to_owned(), "verdict".to_owned(), "0 healthy, 1 partial collapse, 2 collapsed.")
        }
        _ => {
            let unit = if base.contains("linacc") {
                "top-1, %"
            } else if base.contains("loss") {
                "loss"
            } else if base.contains("r2") {
                "R2"
            } else {
                "value"
            };
            (base.to_owned(), unit.to_owned(), "")
        }
    }
}

/// First, best and last of every figure.
fn last_values(runs: &[ReportRun]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in
        runs.iter().filter_map(|run| run.metrics.as_ref().ok()).flat_map(|metrics| &metrics.curves)
    {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let titles: Vec<String> =
        std::iter::once("figure".to_owned()).chain((0..runs.len()).map(|index| name(runs, index))).collect();
    let rows: Vec<Vec<String>> = names
        .iter()
        .map(|figure_name| {
            let cell = |run: &ReportRun| {
                let curve = run.metrics.as_ref().ok().and_then(|metrics| metrics.curve(figure_name));
                let ends = curve.and_then(|curve| {
                    Some((curve.last()?, curve.first()?, curve.extremes()?, curve.count()))
                });
                ends.map_or_else(
                    || "–".into(),
                    |((_, last), (_, first), [low, high], count)| {
                        format!(
                            "{} <small>from {}; {} to {} over {count}</small>",
                            figure(last),
                            figure(first),
                            figure(low.1),
                            figure(high.1)
                        )
                    },
                )
            };
            std::iter::once(format!("<code>{}</code>", escape(figure_name)))
                .chain(runs.iter().map(cell))
                .collect()
        })
        .collect();
    format!(
        "<details><summary>Every figure as numbers ({})</summary>{}</details>\n",
        names.len(),
        table("The last value; the first, the range and the number of epochs in small.", &titles, &rows)
    )
}

//! The parts of the page.

mod accuracy;
mod card;
mod collapse;
mod config;
mod confusion;
mod curves;
mod gates;
mod leakage;
mod maps;
mod neighbours;
mod overview;
mod pictures;
mod recovery;
mod times;
mod views;

use image::RgbImage;
use seqjepa_evaluation::{Figure, Measured};

use crate::html::{absent, command, escape};
use crate::number::fixed;
use crate::read::ReportRun;

/// One part of the page.
#[derive(Debug)]
pub(crate) struct Section {
    /// Unique in the page.
    pub(crate) id: &'static str,
    /// Its name in the navigation, and its heading, HTML.
    pub(crate) short: &'static str,
    pub(crate) title: &'static str,
    /// What stands below it.
    pub(crate) html: String,
}

/// All parts, in the page's order.
pub(crate) fn all(runs: &[ReportRun]) -> Vec<Section> {
    let section = |id, short, title, html| Section { id, short, title, html };
    let sheets = pictures::sheets(runs);
    vec![
        section("overview", "Overview", "Overview", overview::html(runs)),
        section("curves", "Curves", "Curves", curves::html(runs)),
        section("accuracy", "Accuracy", "Accuracy by observed views", accuracy::html(runs)),
        section("recovery", "R2", "Action recovery (R2)", recovery::html(runs)),
        section("leakage", "Leakage", "Leakage", leakage::html(runs)),
        section("collapse", "Collapse", "Collapse", collapse::html(runs)),
        section("views", "Views", "Views and actions", views::html(runs)),
        section("maps", "Maps", "Maps of the representations", maps::html(runs, &sheets)),
        section("confusion", "Confusion", "Confusion", confusion::html(runs)),
        section("neighbours", "Neighbours", "Nearest neighbours", neighbours::html(runs, &sheets)),
        section("card", "Result card", "Result card", card::html(runs)),
        section("gates", "Gates", "Gates", gates::html(runs)),
        section("times", "Time", "Time", times::html(runs)),
        section("config", "Config", "Configuration", config::html(runs)),
    ]
}

/// The charts of a run's frozen evaluation as bitmaps, each with its name.
pub(crate) fn bitmaps(run: &ReportRun) -> Vec<(String, RgbImage)> {
    let runs = std::slice::from_ref(run);
    let mut bitmaps = Vec::new();
    bitmaps.extend(accuracy::chart(runs).1.map(|chart| ("accuracy".to_owned(), chart.bitmap())));
    for (of, charts) in [("recovery", recovery::charts(runs)), ("leakage", leakage::charts(runs))] {
        for (by, chart) in ["group", "parameter"].into_iter().zip(charts) {
            bitmaps.extend(chart.map(|chart| (format!("{of}_by_{by}"), chart.bitmap())));
        }
    }
    if let Ok(sample) = &run.sample {
        bitmaps.extend(confusion::bitmap(sample).map(|bitmap| ("confusion".to_owned(), bitmap)));
        bitmaps.extend(maps::bitmaps(sample));
    }
    bitmaps
}

/// A run's name with its colour.
fn name(runs: &[ReportRun], index: usize) -> String {
    let label = escape(&runs[index].label);
    format!("<span class=\"key k{}\" aria-hidden=\"true\"></span>{label}", index % 8)
}

/// The name as a heading where there are several runs.
fn heading(runs: &[ReportRun], index: usize) -> String {
    if runs.len() > 1 { format!("<h3>{}</h3>\n", name(runs, index)) } else { String::new() }
}

/// Why a run has no card, and what makes one.
fn no_card(runs: &[ReportRun], index: usize, reason: &str) -> String {
    let run = &runs[index];
    absent(&format!(
        "{}: no frozen figures: {}. {} finishes the run and measures them.",
        name(runs, index),
        escape(reason),
        command(&run.resume())
    ))
}

/// Why a run has no sample of its features, and what makes one.
fn no_sample(runs: &[ReportRun], index: usize, reason: &str) -> String {
    let run = &runs[index];
    absent(&format!(
        "{}: no features to show: {}. {} runs the frozen evaluation, which keeps a sample of them beside the result card.",
        name(runs, index),
        escape(reason),
        command(&run.resume())
    ))
}

/// Digits after the point of a figure: percentages 2, others 3.
fn digits(name: &str) -> usize {
    if ["top", "knn", "hit"].iter().any(|start| name.starts_with(start)) { 2 } else { 3 }
}

/// A value with its interval, or a dash that says why there is none.
fn measured(figure: &Measured, name: &str) -> String {
    let digits = digits(name);
    let Some(value) = figure.value else {
        let reason = figure.note.as_deref().unwrap_or("not measured");
        return format!("<span class=\"none\" title=\"{0}\">– <small>{0}</small></span>", escape(reason));
    };
    let interval = figure.interval.map_or_else(String::new, |[low, high]| {
        format!(" <small>[{}, {}]</small>", fixed(low, digits), fixed(high, digits))
    });
    format!("{}{interval}", fixed(value, digits))
}

/// How the trained model's figure stands to that of the model as initialised.
fn beside_random(figure: &Figure) -> &'static str {
    let (Some(trained), Some(random)) = (figure.trained.value, figure.random.value) else { return "–" };
    let apart = match (figure.trained.interval, figure.random.interval) {
        (Some(trained), Some(random)) => trained[0] > random[1] || trained[1] < random[0],
        _ => true,
    };
    if trained == random {
        "equal"
    } else if !apart {
        "no difference beyond noise"
    } else if trained > random {
        "higher"
    } else {
        "lower"
    }
}

/// The published figure, where it was measured alike on the same data.
fn published(figure: &Figure) -> Option<f64> {
    figure.published.as_ref().filter(|published| published.comparable).map(|published| published.value)
}

//! Whether the representations have collapsed.

use std::fmt::Write as _;

use seqjepa_evaluation::{RepresentationDiagnostics, ResultCard};
use seqjepa_probes::diagnostics::Verdict;

use super::overview::verdict_badge;
use super::{heading, name};
use crate::html::{absent, command, escape, table};
use crate::number::figure;
use crate::read::ReportRun;

pub(super) fn html(runs: &[ReportRun]) -> String {
    let mut html = String::from(
        "<p>A model that maps every image to the same features minimises many losses and has learnt nothing. RankMe counts the \
         directions that the features use; the deviation ratio is 1 for features spread evenly over the sphere and 0 for a constant.</p>\n",
    );
    for (index, run) in runs.iter().enumerate() {
        html += &heading(runs, index);
        html += &match &run.card {
            Ok(card) => of_card(card),
            Err(reason) => of_metrics(runs, index, reason),
        };
    }
    html
}

fn of_card(card: &ResultCard) -> String {
    let (trained, random) = (&card.diagnostics.trained, &card.diagnostics.random);
    let invariant = card.method.invariant.name.as_str();
    let mut html = String::new();
    let sides =
        [("z", &trained.encoder, &random.encoder), (invariant, &trained.aggregate, &random.aggregate)];
    let mut rows = Vec::new();
    for (representation, side, initial) in sides {
        let Some(figures) = &side.figures else {
            let reason = side.absent.as_deref().unwrap_or("not looked at");
            html += &absent(&format!("{}: no diagnostics: {}.", escape(representation), escape(reason)));
            continue;
        };
        if let Some(verdict) = figures.verdict {
            write!(
                html,
                "<p class=\"verdict\"><b>{}</b> {}: {}.",
                escape(representation),
                verdict_badge(verdict),
                verdict.meaning()
            )
            .expect("a string takes any text");
            for reason in figures.reasons.iter().take(8) {
                write!(html, " {}.", escape(reason)).expect("a string takes any text");
            }
            html += "</p>\n";
        }
        let mut row = |title: &str, side: &RepresentationDiagnostics| {
            let Some(figures) = &side.figures else { return };
            let cell = |value: Option<f64>| value.map_or_else(|| "–".into(), figure);
            let rank = format!("{} of at most {}", cell(figures.rank_me), figures.samples.min(figures.width));
            let ratio = cell(figures.standard_deviation_ratio);
            rows.push(vec![
                title.to_owned(),
                rank,
                cell(figures.lidar),
                ratio,
                cell(figures.alignment),
                cell(figures.uniformity),
                figures.verdict.map_or("–", Verdict::name).into(),
            ]);
        };
        row(&format!("{}, trained", escape(representation)), side);
        row(&format!("{}, as initialised", escape(representation)), initial);
    }
    let titles =
        ["", "RankMe", "LiDAR", "deviation ratio", "alignment", "uniformity", "verdict"].map(str::to_owned);
    if !rows.is_empty() {
        html += &table("Diagnostics over test images, frozen encoder", &titles, &rows);
    }
    if let Some(drift) = &trained.drift {
        writeln!(
            html,
            "<p>Online and target encoder are {} apart by cosine.</p>",
            figure(drift.cosine_distance)
        )
        .expect("a string takes any text");
    }
    html
}

/// Of a run without a card: what its last epoch said.
fn of_metrics(runs: &[ReportRun], index: usize, reason: &str) -> String {
    let run = &runs[index];
    let value = |name: &str| run.metrics.as_ref().ok().and_then(|metrics| metrics.value(name));
    let mut html = String::new();
    for (representation, prefix) in [("z", "z"), ("z_AGG", "z_agg")] {
        let Some(verdict) = value(&format!("{prefix}_collapse")).and_then(Verdict::from_metric) else {
            continue;
        };
        let rank = value(&format!("{prefix}_rankme")).map_or_else(|| "–".into(), figure);
        writeln!(
            html,
            "<p class=\"verdict\"><b>{representation}</b> {} in the last epoch: {}. RankMe {rank}.</p>",
            verdict_badge(verdict),
            verdict.meaning()
        )
        .expect("a string takes any text");
    }
    if html.is_empty() {
        return absent(&format!(
            "{}: not judged: {}, and no epoch has told. {} goes on.",
            name(runs, index),
            escape(reason),
            command(&run.resume())
        ));
    }
    html
}

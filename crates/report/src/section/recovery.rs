//! R2 of the relative action, by group and by parameter.

use seqjepa_evaluation::{Figure, ResultCard};

use super::{beside_random, heading, measured, name, no_card, published};
use crate::chart::{Dot, DotChart};
use crate::html::{escape, short, table};
use crate::number::fixed;
use crate::read::ReportRun;

/// By group and by parameter of the action.
pub(super) fn charts(runs: &[ReportRun]) -> [Option<DotChart>; 2] {
    [
        dots(runs, "By group of the action", "R2 of the relative action", "r2", |card| &card.scope.groups),
        dots(runs, "By action parameter", "R2 of the relative action", "r2", |card| &card.scope.parameters),
    ]
}

/// The charts of figures with what their marks are; nothing if there are none.
pub(super) fn grid(runs: &[ReportRun], charts: [Option<DotChart>; 2]) -> String {
    let charts: Vec<DotChart> = charts.into_iter().flatten().collect();
    if charts.is_empty() {
        return String::new();
    }
    let published = charts.iter().any(|chart| chart.dots.iter().any(|dot| dot.published));
    let figures: String = charts.iter().map(DotChart::figure).collect();
    format!("{}<div class=\"grid\">\n{figures}</div>\n", key(runs, published))
}

/// The figures of a prefix, by group, by parameter, and the mean.
pub(super) fn dots(
    runs: &[ReportRun],
    title: &str,
    x: &str,
    prefix: &str,
    of: fn(&ResultCard) -> &[String],
) -> Option<DotChart> {
    let mut lines: Vec<String> = Vec::new();
    let mut dots = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        let Ok(card) = &run.card else { continue };
        for part in of(card).iter().take(64) {
            let Some(figure) = card.figure(&format!("{prefix}_{part}")) else { continue };
            let line = lines.iter().position(|known| known == part).unwrap_or_else(|| {
                lines.push(part.clone());
                lines.len() - 1
            });
            let label = &run.label;
            if let Some(value) = figure.trained.value {
                let label = format!("{label}, trained");
                dots.push(Dot {
                    line,
                    run: Some(index),
                    published: false,
                    value,
                    interval: figure.trained.interval,
                    label,
                });
            }
            if let Some(value) = figure.random.value {
                let label = format!("{label}, as initialised");
                dots.push(Dot {
                    line,
                    run: None,
                    published: false,
                    value,
                    interval: figure.random.interval,
                    label,
                });
            }
            if let Some(value) = published(figure).filter(|_| index == 0) {
                dots.push(Dot {
                    line,
                    run: None,
                    published: true,
                    value,
                    interval: None,
                    label: "published, measured alike".into(),
                });
            }
        }
    }
    (!dots.is_empty()).then(|| DotChart { title: title.into(), x: x.into(), lines, dots })
}

pub(super) fn html(runs: &[ReportRun]) -> String {
    let mut html = String::from(
        "<p>How much of the action that leads from view 1 to view 2 a probe reads from both views’ representations: 1 is all, 0 no \
         better than the mean. High is good.</p>\n",
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
        html += &figures(card, "r2", "R2 of the relative action from concat(z_1, z_2)");
        if card.figures.iter().any(|figure| figure.name.starts_with("individual_r2_")) {
            html += &figures(card, "individual_r2", "R2 of the action of view 1 alone from z_1");
        }
        html += &paths(card);
    }
    html
}

/// Where several steps have led, by their number; nothing where that is not measured.
fn paths(card: &ResultCard) -> String {
    let paths = card.paths();
    let Some(steps) = paths.iter().map(|(_, figures)| figures.len()).max() else { return String::new() };
    let titles: Vec<String> =
        ["of".to_owned()].into_iter().chain((1..=steps).map(|step| format!("k = {step}"))).collect();
    let rows: Vec<Vec<String>> = paths
        .iter()
        .map(|(part, figures)| {
            let cells = figures.iter().map(|figure| measured(&figure.trained, &figure.name));
            [short(part, 60)].into_iter().chain(cells).collect()
        })
        .collect();
    table(
        "Path integration: R2 of the relative action from view 1 to view k + 1 from the invariant representation of the k + 1 views",
        &titles,
        &rows,
    )
}

/// What the marks are.
fn key(runs: &[ReportRun], with_published: bool) -> String {
    let mut names: Vec<String> = (0..runs.len())
        .filter(|index| runs[*index].card.is_ok())
        .map(|index| format!("<li>{}, trained</li>", name(runs, index)))
        .collect();
    names.push(
        "<li><span class=\"key o0\" aria-hidden=\"true\"></span>the same model as initialised</li>".into(),
    );
    if with_published {
        names.push(
            "<li><span class=\"key o1\" aria-hidden=\"true\"></span>published, same protocol and data</li>"
                .into(),
        );
    }
    format!(
        "<ul class=\"legend\">{}<li>lines: 95 % bootstrap intervals over the test images</li></ul>\n",
        names.concat()
    )
}

/// A table of the figures of a prefix.
pub(super) fn figures(card: &ResultCard, prefix: &str, caption: &str) -> String {
    let parts = card.scope.groups.iter().chain(&card.scope.parameters).map(String::as_str).chain(["mean"]);
    let mut seen: Vec<&str> = Vec::new();
    let mut rows = Vec::new();
    let mut with_published = false;
    for part in parts.take(200) {
        if seen.contains(&part) {
            continue;
        }
        seen.push(part);
        let name = format!("{prefix}_{part}");
        if let Some(figure) = card.figure(&name) {
            with_published |= published(figure).is_some();
            rows.push((part, name, figure));
        }
    }
    let mut titles = ["", "trained", "as initialised", "trained is"].map(str::to_owned).to_vec();
    if with_published {
        titles.push("published, measured alike".into());
    }
    let row = |(part, name, figure): &(&str, String, &Figure)| {
        let mut cells = vec![
            if *part == "mean" { "all parameters".into() } else { escape(part) },
            measured(&figure.trained, name),
            measured(&figure.random, name),
            beside_random(figure).into(),
        ];
        if with_published {
            cells.push(
                published(figure).map_or_else(|| "–".into(), |value| fixed(value, super::digits(name))),
            );
        }
        cells
    };
    let rows: Vec<Vec<String>> = rows.iter().map(row).collect();
    let caption = escape(caption);
    format!(
        "<details><summary>{caption}: as numbers</summary>{}</details>\n",
        table("Test images; brackets: 95 % bootstrap intervals", &titles, &rows)
    )
}

//! What was asked for, and in what the runs differ.

use std::fmt::Write as _;

use super::name;
use crate::html::{absent, escape, short, table};
use crate::read::{ReportRun, differences};

/// Differences that are shown, and characters of a value.
const SHOWN: usize = 200;
const VALUE: usize = 120;

pub(super) fn html(runs: &[ReportRun]) -> String {
    let mut html = String::new();
    for (index, run) in runs.iter().enumerate() {
        if let Err(reason) = &run.config {
            html += &absent(&format!("{}: no config: {}.", name(runs, index), escape(reason)));
        }
    }
    let with: Vec<usize> = (0..runs.len()).filter(|index| runs[*index].config.is_ok()).collect();
    let configs: Vec<&[(String, String)]> =
        with.iter().filter_map(|index| runs[*index].config.as_deref().ok()).collect();
    if configs.len() > 1 {
        let differing = differences(&configs);
        let titles: Vec<String> =
            std::iter::once("key".to_owned()).chain(with.iter().map(|index| name(runs, *index))).collect();
        let rows: Vec<Vec<String>> = differing
            .iter()
            .take(SHOWN)
            .map(|(key, values)| {
                let cell =
                    |value: &Option<&str>| value.map_or_else(|| "–".into(), |value| short(value, VALUE));
                std::iter::once(format!("<code>{}</code>", short(key, VALUE)))
                    .chain(values.iter().map(cell))
                    .collect()
            })
            .collect();
        html += &if rows.is_empty() {
            "<p>The configs do not differ.</p>\n".to_owned()
        } else {
            table(&format!("Keys that differ: {}", differing.len()), &titles, &rows)
        };
    }
    for (index, config) in with.iter().zip(&configs) {
        let rows: Vec<Vec<String>> = config
            .iter()
            .map(|(key, value)| vec![format!("<code>{}</code>", short(key, VALUE)), short(value, VALUE)])
            .collect();
        writeln!(
            html,
            "<details><summary>{}: all {} keys</summary>{}</details>",
            name(runs, *index),
            rows.len(),
            table("config.yaml", &["key".into(), "value".into()], &rows)
        )
        .expect("a string takes any text");
    }
    html
}

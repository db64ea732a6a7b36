//! Where the time went.

use super::name;
use crate::html::{absent, command, escape, table};
use crate::number::{duration, fixed};
use crate::read::ReportRun;

pub(super) fn html(runs: &[ReportRun]) -> String {
    let mut html = String::new();
    let mut rows = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        let times = run.metrics.as_ref().ok().and_then(|metrics| Some((metrics, metrics.times?)));
        let Some((metrics, [train, all])) = times else {
            html += &absent(&format!(
                "{}: no times: {}. They are measured with every epoch; {} trains on.",
                name(runs, index),
                escape(run.metrics.as_ref().err().map_or("no epoch tells its time", String::as_str)),
                command(&run.resume())
            ));
            continue;
        };
        let share = |seconds: f64| {
            let part = if all > 0.0 {
                format!(" <small>{} %</small>", fixed(100.0 * seconds / all, 1))
            } else {
                String::new()
            };
            duration(seconds) + &part
        };
        let wait = metrics
            .value("data_wait_share")
            .map_or_else(|| "–".into(), |share| format!("{} %", fixed(100.0 * share, 1)));
        rows.push(vec![
            name(runs, index),
            share(train),
            share((all - train).max(0.0)),
            duration(all),
            duration(all / metrics.epochs.max(1) as f64),
            wait,
            rest(run, all),
        ]);
    }
    if rows.is_empty() {
        return html;
    }
    let titles = [
        "run",
        "training split",
        "test split, probes, checkpoints",
        "all epochs",
        "mean of an epoch",
        "waiting for data, last epoch",
        "start and frozen evaluation",
    ];
    html + &table("Wall-clock time of the work that was kept", &titles.map(str::to_owned), &rows)
}

/// What the last process took beside its epochs, where it made all of them.
fn rest(run: &ReportRun, epochs: f64) -> String {
    let Ok((status, _)) = &run.status else { return "–".into() };
    let all = status.updated.saturating_sub(status.started) as f64;
    if run.card.is_ok() && all + 1.0 >= epochs {
        duration((all - epochs).max(0.0))
    } else {
        "– <small>not known of a run in parts</small>".into()
    }
}

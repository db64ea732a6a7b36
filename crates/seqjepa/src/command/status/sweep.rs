//! How far the runs of a sweep are.

use std::path::Path;

use seqjepa_evaluation::Table;
use seqjepa_run::Registry;
use seqjepa_run::folder::status::inspect;
use seqjepa_run::sweep::{IndexedRun, Standing, SweepIndex};
use serde_json::json;

use super::super::sweep::summary;
use super::super::terminal::{say, short_line, width};
use super::clock;

/// Prints a line for every run, or all as JSON.
pub(super) fn show(root: &Path, index: &SweepIndex, as_json: bool) {
    let registry = Registry::standard();
    let found: Vec<(&IndexedRun, Standing)> =
        index.runs.iter().map(|run| (run, run.standing(&registry, root))).collect();
    if as_json {
        let of_run = |(run, standing): &(&IndexedRun, Standing)| {
            let status = inspect(&run.folder(root)).ok().map(|(status, _)| status);
            json!({"run": run, "standing": standing.name(), "status": status})
        };
        say!("{:#}", found.iter().map(of_run).collect::<serde_json::Value>());
        return;
    }
    let mut table = Table::new(["run", "standing", "how far"]);
    for (run, standing) in &found {
        table.push([short_line(&run.id), standing.name().to_owned(), progress(root, run, *standing)]);
    }
    say!("{}", table.fitted(width()).trim_end());
    say!("{}", summary(found.iter().map(|(_, standing)| *standing)));
}

/// What a run that is not finished says of itself.
fn progress(root: &Path, run: &IndexedRun, standing: Standing) -> String {
    let Ok((status, _)) = inspect(&run.folder(root)) else { return "-".into() };
    match standing {
        Standing::Absent | Standing::Finished => "-".into(),
        Standing::Failed => short_line(status.message.as_deref().unwrap_or("-")),
        Standing::Running | Standing::Unfinished => {
            let epoch = format!("epoch {} of {}", status.epoch, status.epochs);
            match status.eta_seconds.filter(|_| standing == Standing::Running) {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "not negative; saturates"
                )]
                Some(eta) => format!("{epoch}, {} left", clock(eta.round() as u64)),
                None => epoch,
            }
        }
    }
}

//! What `train`, `resume` and `quickstart` do with a run that is open.

use std::process::ExitCode;

use seqjepa_evaluation::{ResultCard, results_table};
use seqjepa_run::config::GatingConfig;
use seqjepa_run::progress::ProgressBars;
use seqjepa_run::{GateVerdict, Run, RunFolder};
use seqjepa_train::MetricsRow;
use seqjepa_train::observer::Observers;

use super::disk;
use super::introduction::introduce;
use super::pace::Pace;
use super::report;
use super::signals::Stop;
use super::terminal::say;

/// Exit code of a run that failed its gates, so that scripts can tell it from an error (1) and from wrong arguments (2).
const GATES_FAILED: u8 = 3;

/// Trains what is left of a run, measures the result unless that is not wanted, and says all that a user must know.
pub(super) fn train_and_evaluate(
    mut run: Run,
    skip_evaluation: bool,
    stop: &Stop,
) -> anyhow::Result<ExitCode> {
    run.stop_on(stop.flag());
    stop.begin();
    introduce(&run);
    let device = run.config().run.device.clone();
    let verdict = run.train(&mut Observers::new().with(ProgressBars::new()).with(Pace::new(&device)))?;
    say!("final state: SHA-256 {}", run.checkpoint()?.digest());
    if !skip_evaluation {
        let card = run.evaluate(&mut ProgressBars::new())?;
        print_results(run.rows().last(), &card);
    }
    print_folder(run.folder());
    let gated = run.config().gating != GatingConfig::default();
    let folder = run.folder().clone();
    // Given back, so that the page does not say that a process is at work there.
    drop(run);
    report::write_beside(&folder);
    Ok(if gated { print_verdict(&verdict) } else { ExitCode::SUCCESS })
}

/// Prints the results and what each figure means.
pub(super) fn print_results(last: Option<&MetricsRow>, card: &ResultCard) {
    say!("\n{}", results_table(last, card));
}

/// Where everything is, and what room it takes.
fn print_folder(folder: &RunFolder) {
    let (root, features) = (folder.root(), folder.features());
    let kept = disk::bytes_below(&features);
    let kept = if kept == 0 {
        String::new()
    } else {
        format!(
            ", {} of it features that a later evaluation reads; without {} they are encoded again",
            disk::size(kept),
            features.display()
        )
    };
    say!("everything is in {} ({}{kept})", root.display(), disk::size(disk::bytes_below(root)));
}

fn print_verdict(verdict: &GateVerdict) -> ExitCode {
    if verdict.passed {
        say!("gates: passed");
        return ExitCode::SUCCESS;
    }
    say!("gates: failed");
    for reason in &verdict.reasons {
        say!("  {reason}");
    }
    ExitCode::from(GATES_FAILED)
}

//! What `train`, `resume` and `quickstart` do with a run that is open.

use std::process::ExitCode;

use seqjepa_evaluation::{ResultCard, results_text};
use seqjepa_run::config::GatingConfig;
use seqjepa_run::progress::ProgressBars;
use seqjepa_run::{Config, GateVerdict, Run, RunFolder, Tracked, TrackingVariables, evaluate_gates};
use seqjepa_train::MetricsRow;
use seqjepa_train::observer::Observers;

use super::disk;
use super::introduction::introduce;
use super::next;
use super::pace::Pace;
use super::report;
use super::signals::Stop;
use super::terminal::{say, width};

/// Exit code of a run that failed its gates, so that scripts can tell it from an error (1) and from wrong arguments (2).
pub(super) const GATES_FAILED: u8 = 3;

/// Trains what is left of a run, measures the result unless that is not wanted, and says all that a user must know.
pub(super) fn train_and_evaluate(
    mut run: Run,
    skip_evaluation: bool,
    stop: &Stop,
) -> anyhow::Result<ExitCode> {
    run.stop_on(stop.flag());
    run.track_with(&TrackingVariables::read(std::env::var_os));
    run.picture_with(|folder| seqjepa_report::pictures(folder).map_err(|error| error.to_string()));
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
    print_tracked(&run.upload());
    let gated = run.config().gating != GatingConfig::default();
    let folder = run.folder().clone();
    // Given back, so that the page does not say that a process is at work there.
    drop(run);
    report::write_beside(&folder);
    let code = if gated { print_verdict(&verdict) } else { ExitCode::SUCCESS };
    next::after_run(&folder, !skip_evaluation);
    Ok(code)
}

/// Prints the results and what each figure means.
pub(super) fn print_results(last: Option<&MetricsRow>, card: &ResultCard) {
    say!("\n{}", results_text(last, card, width()));
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

/// Where the W&B run is, and what sends it.
fn print_tracked(tracked: &Tracked) {
    match tracked {
        Tracked::Kept { folder } => say!("W&B run: kept; to send it: wandb sync {}", folder.display()),
        Tracked::Incomplete { folder } => {
            say!("W&B run: incomplete, as warned of; what there is of it is in {}", folder.display());
        }
        Tracked::Sent { folder } => say!("W&B run: sent from {}", folder.display()),
        Tracked::NotSent { folder, problem } => {
            say!("W&B run: not sent ({problem}); to send it: wandb sync {}", folder.display());
        }
        _ => {}
    }
}

/// The verdict of a config's gates on the last epoch of a run that has ended; nothing where it has none.
pub(super) fn print_gates(config: &Config, last: &MetricsRow) -> ExitCode {
    if config.gating == GatingConfig::default() {
        return ExitCode::SUCCESS;
    }
    print_verdict(&evaluate_gates(&config.gating, last))
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

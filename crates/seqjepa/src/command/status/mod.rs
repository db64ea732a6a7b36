//! `status`.

mod figures;
mod sweep;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use seqjepa_evaluation::wrapped;
use seqjepa_probes::diagnostics::Verdict;
use seqjepa_run::folder::status::{Life, RunState, Status, inspect};
use seqjepa_run::sweep::SweepIndex;
use seqjepa_train::MetricsRow;

use super::terminal::{say, short_line, width};

/// A heartbeat older than this, in seconds, is worth a word: steps may be long, but not that long.
const SILENCE: u64 = 600;

/// Exit code for a run that died.
const DIED: u8 = 4;

/// Shows how a run is doing, while it goes on or after; or how far every run of a sweep is.
///
/// Reads only `status.json` and the lock of the run folder: it never disturbs the run. Exit code 0 for a run that goes on or has
/// ended and for a sweep, 1 if there is none, 4 for one that died.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The run folder, or the folder of a sweep.
    #[arg(value_name = "RUN_FOLDER")]
    run: PathBuf,
    /// Prints the status as JSON, with `life` beside the keys of status.json.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if let Some(index) = SweepIndex::read(&arguments.run)? {
        sweep::show(&arguments.run, &index, arguments.json);
        return Ok(ExitCode::SUCCESS);
    }
    let (status, life) = inspect(&arguments.run)?;
    if arguments.json {
        let mut value = serde_json::to_value(&status)?;
        value["life"] = format!("{life:?}").to_lowercase().into();
        say!("{value:#}");
    } else {
        let lines = lines(&status, life, &short_line(&arguments.run.display().to_string()));
        let text: String = lines.iter().map(|line| indented(line, width())).collect();
        say!("{}", text.trim_end());
    }
    Ok(if life == Life::Died { ExitCode::from(DIED) } else { ExitCode::SUCCESS })
}

/// The line in at most `width` columns; what goes on in the next line stands below the second column.
fn indented(line: &str, width: usize) -> String {
    const NAMES: usize = 11;
    if line.chars().count() <= width {
        return format!("{line}\n");
    }
    match line.split_at_checked(NAMES) {
        Some((name, text)) if name.ends_with(' ') => {
            let wrapped = wrapped(text, width.saturating_sub(NAMES), 0);
            let indent = format!("\n{}", " ".repeat(NAMES));
            format!("{name}{}\n", wrapped.trim_end().replace('\n', &indent))
        }
        _ => wrapped(line, width, 2),
    }
}

fn lines(status: &Status, life: Life, folder: &str) -> Vec<String> {
    let age = status.age().as_secs();
    let state = match (life, status.state) {
        (Life::Died, state) => format!(
            "died while {}: process {} is gone without a word; `seqjepa resume {folder}` continues it",
            word(state),
            status.pid
        ),
        (Life::Running, state) if age > SILENCE => {
            format!("{} (process {}), but without a sign of life for {}", word(state), status.pid, clock(age))
        }
        (Life::Running, state) => format!("{} (process {})", word(state), status.pid),
        (Life::Ended, state) => word(state).to_owned(),
    };
    let mut lines = vec![format!("{}: {state}", short_line(&status.name))];
    let unit = match status.state {
        RunState::Evaluating => "of the frozen probes",
        RunState::Testing => "test batches",
        _ => "training batches",
    };
    lines.push(format!("epoch      {} of {}", status.epoch, status.epochs));
    if status.batches > 0 && status.state.is_active() {
        lines.push(format!("batch      {} of {} {unit}", status.batch, status.batches));
    }
    lines.push(format!("step       {} of {}", status.step, status.steps));
    if life == Life::Running {
        if let Some(eta) = status.eta_seconds {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "not negative; saturates"
            )]
            let seconds = eta.round() as u64;
            lines.push(format!("time left  {}", clock(seconds)));
        }
        if let (Some(loss), Some(rate)) = (status.loss, status.learning_rate) {
            lines.push(format!("loss       {loss:.4} at learning rate {rate:.1e}"));
        }
    }
    if let (Some(path), Some(step)) = (&status.checkpoint, status.checkpoint_step) {
        lines.push(format!("checkpoint {} of step {step}", short_line(&path.display().to_string())));
    }
    if let Some(row) = &status.last_metrics {
        lines.push(format!("figures of epoch {}:", row.epoch));
        lines.extend(row.iter().filter_map(|(name, value)| figures::line(name, value)));
        lines.extend(collapse(row));
    }
    if let Some(message) = &status.message {
        lines.push(format!("message    {}", short_line(message)));
    }
    lines.push(format!("updated    {} ago", clock(age)));
    lines
}

/// The verdicts of the collapse diagnostics in words.
fn collapse(row: &MetricsRow) -> Vec<String> {
    let side = |prefix: &str| {
        let figure = |name: &str| row.get(&format!("{prefix}_{name}"));
        let verdict = Verdict::from_metric(figure("collapse")?)?;
        Some(format!(
            "collapse   {}: {}: {} (RankMe {:.1} directions, spread {:.2} of at most 1)",
            if prefix == "z_agg" { "the invariant representation" } else { "z, of one view" },
            verdict.name(),
            verdict.meaning(),
            figure("rankme")?,
            figure("std_ratio")?
        ))
    };
    ["z", "z_agg"].into_iter().filter_map(side).collect()
}

fn word(state: RunState) -> &'static str {
    match state {
        RunState::Starting => "starting",
        RunState::Training => "training",
        RunState::Testing => "testing",
        RunState::Trained => "trained, not evaluated",
        RunState::Evaluating => "evaluating",
        RunState::Finished => "finished",
        RunState::Stopped => "stopped",
        RunState::Failed => "failed",
    }
}

fn clock(seconds: u64) -> String {
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_goes_on_below_its_second_column() {
        assert_eq!(indented("epoch      1 of 2", 80), "epoch      1 of 2\n");
        assert_eq!(
            indented("message    no space is left on this disk", 30),
            "message    no space is left on\n           this disk\n"
        );
        assert_eq!(indented("a-long-name: died while training", 20), "a-long-name: died\n  while training\n");
    }

    #[test]
    fn the_verdict_on_collapse_is_said_in_words() {
        let mut row = MetricsRow::new(1);
        for (name, value) in [("z_agg_collapse", 1.0), ("z_agg_rankme", 6.51), ("z_agg_std_ratio", 0.504)] {
            row.push(name, value);
        }
        assert_eq!(
            collapse(&row),
            [
                "collapse   the invariant representation: partial collapse: features of different images differ little, or in few directions (RankMe 6.5 \
                 directions, spread 0.50 of at most 1)"
            ]
        );
    }
}

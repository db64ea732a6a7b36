//! `train --dry-run`.

mod memory;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use seqjepa_run::progress::ProgressBars;
use seqjepa_run::{Config, Rehearsal, Run, RunError};

use super::device::describe_device;
use super::disk::size;
use super::introduction::describe_data;
use super::pace::words;
use super::terminal::say;
use memory::Memory;

/// Steps that are measured, and the longest time for them.
const MEASURED: (usize, Duration) = (20, Duration::from_secs(15));

/// What a test batch costs of a training step: a forward pass without gradients.
const TEST_SHARE: f64 = 0.35;

/// Checks config and data, and says how large the run would be. Nothing is written.
/// `located` gives an error of a value its place.
pub(super) fn dry_run(
    mut config: Config,
    with_timing: bool,
    located: impl Fn(RunError) -> RunError,
) -> anyhow::Result<ExitCode> {
    let downloads = std::mem::take(&mut config.dataset.download);
    let rehearsal = Run::rehearse(config, &mut ProgressBars::new()).map_err(located);
    let rehearsal = if downloads {
        rehearsal.context("a dry run fetches nothing, though the run would (dataset.download)")?
    } else {
        rehearsal?
    };
    let config = rehearsal.config();
    say!("dry run: nothing is written");
    say!("method: {}, {} trained parameters", config.method, rehearsal.parameter_count());
    say!("device: {}", describe_device(&config.run.device, rehearsal.backend()));
    for line in describe_data(config, rehearsal.data()) {
        say!("{line}");
    }
    let (epochs, steps) = (config.run.epochs, rehearsal.steps_per_epoch());
    let batch = config.dataset.batch_size;
    let used = rehearsal.method().views_used();
    let observed = used.observed.unwrap_or(config.dataset.seq_len);
    let views = observed + usize::from(used.target);
    say!("steps: {} in {epochs} epochs of {steps} batches of {batch} images", steps * epochs);
    say!(
        "views a step: {} ({observed} observed{} of each image)",
        batch * views,
        if used.target { " and the target" } else { "" }
    );
    print_memory(&Memory::of(&rehearsal));
    if with_timing {
        print_time(rehearsal)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print_memory(memory: &Memory) {
    say!("memory, an estimate: {}", size(memory.total()));
    for (what, bytes) in memory.parts() {
        say!("  {what:<44} {:>9}", size(bytes));
    }
}

/// Measures some steps of the run's own model and data, and says what follows for the whole.
fn print_time(rehearsal: Rehearsal) -> anyhow::Result<()> {
    let config = rehearsal.config();
    let (epochs, steps, batch) = (config.run.epochs, rehearsal.steps_per_epoch(), config.dataset.batch_size);
    let test_batches = rehearsal.data().samples()[1].div_ceil(batch);
    let Some(step) = rehearsal.step_time(MEASURED.0, MEASURED.1)? else {
        say!("time: an epoch of one step is too short to measure");
        return Ok(());
    };
    let epoch = step.mul_f64(steps as f64 + TEST_SHARE * test_batches as f64);
    say!(
        "time, an estimate from a few steps made here: {:.3} s a step, {} an epoch, {} in all, without the frozen evaluation",
        step.as_secs_f64(),
        words(epoch),
        words(epoch.mul_f64(epochs as f64))
    );
    Ok(())
}

//! `train --dry-run`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use seqjepa_nn::host::Traffic;
use seqjepa_run::progress::ProgressBars;
use seqjepa_run::{Config, MemoryPart, Rehearsal, Run, RunError, StepCost, TrackingVariables};

use super::device::describe_devices;
use super::disk::size;
use super::introduction::describe_data;
use super::pace::words;
use super::terminal::say;

/// Steps that are measured, and the longest time for them.
const MEASURED: (usize, Duration) = (20, Duration::from_secs(15));

/// Kernels that are named.
const KERNELS: usize = 12;

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
    say!("device: {}", describe_devices(config, rehearsal.backend()));
    for line in describe_data(config, rehearsal.data()) {
        say!("{line}");
    }
    let (epochs, steps) = (config.run.epochs, rehearsal.steps_per_epoch());
    let batch = config.dataset.batch_size;
    let used = rehearsal.method().views_used();
    let observed = used.observed.unwrap_or(config.dataset.seq_len);
    let views = observed + usize::from(used.target);
    say!("steps: {} in {epochs} epochs of {steps} batches of {batch} images", steps * epochs);
    let at_once = config.sequences_at_once();
    if at_once < batch {
        say!("micro-batches: {} a step, of at most {at_once} images", batch.div_ceil(at_once));
    }
    say!(
        "views a step: {} ({observed} observed{} of each image)",
        batch * views,
        if used.target { " and the target" } else { "" }
    );
    print_memory(&rehearsal);
    if with_timing {
        print_time(rehearsal)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What takes memory, the most of it at a time, and what there is.
fn print_memory(rehearsal: &Rehearsal) {
    let memory = rehearsal.memory();
    let line = |name: &str, bytes: u64| say!("  {name:<44} {:>9}", size(bytes));
    let lines = |parts: &[MemoryPart]| parts.iter().for_each(|part| line(part.name, part.bytes));
    let config = rehearsal.config();
    say!("memory, an estimate:");
    lines(&memory.model);
    match &memory.activations {
        Some(layers) => {
            let divided = config.sequences_at_once() < config.dataset.batch_size;
            let of = if divided { "a micro-batch of at most" } else { "a batch of" };
            say!(
                "  activations that are kept for the backward pass, of {of} {}:",
                config.sequences_at_once()
            );
            layers.iter().for_each(|part| line(&format!("  {}", part.name), part.bytes));
        }
        None => say!("  activations: not known of this method, and not counted below"),
    }
    lines(&memory.data);
    let device = rehearsal.backend();
    match memory.beside() {
        None => say!("predicted peak: {} beside the program itself", size(memory.peak())),
        Some(beside) => {
            say!("predicted peak: {} on {device}, {} on the machine", size(memory.peak()), size(beside))
        }
    }
    match rehearsal.memory_there(&TrackingVariables::read(std::env::var_os)) {
        Some(there) => {
            let free = there.free.map_or_else(String::new, |free| format!(", {} of it free", size(free)));
            say!("there is: {}{free}", size(there.total));
        }
        None => say!("there is: not known of {device}"),
    }
}

/// Measures some steps of the run's own model and data, and says what follows for the whole.
fn print_time(rehearsal: Rehearsal) -> anyhow::Result<()> {
    let config = rehearsal.config();
    let (epochs, steps, batch) = (config.run.epochs, rehearsal.steps_per_epoch(), config.dataset.batch_size);
    let test_batches = rehearsal.data().samples()[1].div_ceil(batch);
    let Some(cost) = rehearsal.measure_steps(MEASURED.0, MEASURED.1)? else {
        say!("time: an epoch of one step is too short to measure");
        return Ok(());
    };
    print_launches(&cost);
    let step = cost.time;
    let epoch = step.mul_f64(steps as f64 + TEST_SHARE * test_batches as f64);
    say!(
        "time, an estimate from a few steps made here: {:.3} s a step, {} an epoch, {} in all, without the frozen evaluation",
        step.as_secs_f64(),
        words(epoch),
        words(epoch.mul_f64(epochs as f64))
    );
    Ok(())
}

/// What a step asks of a GPU; the processor is asked for nothing.
fn print_launches(cost: &StepCost) {
    let total: u64 = cost.launches.values().sum();
    if total == 0 {
        return;
    }
    let a_step = |count: u64| count as f64 / f64::from(cost.steps);
    let kinds = cost.launches.len();
    say!("kernels: {:.0} launches a step, of {kinds} kinds, most often", a_step(total));
    let mut kernels: Vec<_> = cost.launches.iter().collect();
    kernels.sort_by_key(|&(name, &count)| (std::cmp::Reverse(count), name));
    for (name, &count) in kernels.into_iter().take(KERNELS) {
        say!("  {name:<44} {:>9.0}", a_step(count));
    }
    let Traffic { reads, read_bytes, sends, sent_bytes, .. } = cost.traffic;
    say!(
        "sent to the device: {} in {:.0} tensors a step",
        size(sent_bytes / u64::from(cost.steps)),
        a_step(sends)
    );
    say!("values are waited for {reads} times in {} steps, {} in all", cost.steps, size(read_bytes));
}

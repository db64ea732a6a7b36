//! The memory that a run is predicted to take against what its process takes.
//!
//! ```text
//! cargo bench --bench memory
//! ```
//!
//! Every row is a process of its own (Linux) that makes three training steps of a run of seq-JEPA with the online probes, as `seqjepa train`
//! does, and prints what was predicted before, and its peak resident memory less that at its start.

#![allow(clippy::print_stdout, reason = "the table is what the program is for")]

use std::process::Command;
use std::time::Duration;

use seqjepa::prelude::*;

/// Set for the processes that measure: overrides, one a line.
const VARIABLE: &str = "SEQJEPA_MEMORY";

/// As few pictures as there are steps.
const CONFIG: &str = "
run: {name: memory, device: flex}
dataset: {name: synthetic, synthetic_val: 16}
";

/// Columns of the table, and the keys that they are of.
const KEYS: [(&str, &str); 5] = [
    ("width", "model.width"),
    ("batch", "dataset.batch_size"),
    ("M", "dataset.seq_len"),
    ("micro-batch", "dataset.micro_batch"),
    ("method", "method"),
];

fn grid() -> Vec<[String; 5]> {
    let mut rows = Vec::new();
    let mut add = |width: usize, batch: usize, views: usize, micro_batch: &str, method: &str| {
        let numbers = [width, batch, views].map(|number| number.to_string());
        let [width, batch, views] = numbers;
        rows.push([width, batch, views, micro_batch.into(), method.into()]);
    };
    for width in [16, 32, 64] {
        for batch in [8, 32, 64] {
            for views in [1, 3] {
                add(width, batch, views, "null", "seqjepa");
            }
        }
    }
    add(16, 128, 3, "null", "seqjepa");
    add(16, 128, 5, "null", "seqjepa");
    for micro_batch in ["16", "8"] {
        add(32, 64, 3, micro_batch, "seqjepa");
    }
    add(64, 64, 3, "16", "seqjepa");
    add(32, 32, 3, "null", "simclr");
    add(32, 32, 3, "null", "byol");
    rows
}

/// A figure of this process in bytes.
fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux says it");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line for each figure");
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().expect("a number of kilobytes");
    1024 * kib
}

/// Prints predicted and measured bytes.
fn measure(overrides: &str) -> Result<(), RunError> {
    let before = status("VmRSS:");
    seqjepa::cpu::keep_freed_memory();
    let overrides: Vec<&str> = overrides.lines().collect();
    let batch = Config::parse(CONFIG, "the benchmark", &overrides)?.dataset.batch_size;
    let images = format!("dataset.synthetic_train={}", 4 * batch);
    let config = Config::parse(CONFIG, "the benchmark", &[&overrides[..], &[images.as_str()]].concat())?;
    rayon::scope(|_| {
        let rehearsal = Run::rehearse(config, &mut Observers::new())?;
        let predicted = rehearsal.memory().peak();
        rehearsal.measure_steps(2, Duration::MAX)?;
        println!("{predicted} {}", status("VmHWM:") - before);
        Ok(())
    })
}

fn main() -> Result<(), RunError> {
    if let Ok(overrides) = std::env::var(VARIABLE) {
        return measure(&overrides);
    }
    // `cargo test --benches` runs benchmarks without this argument, to see that they work.
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("needs --bench: use `cargo bench --bench memory`");
        return Ok(());
    }
    let names = KEYS.map(|(name, _)| name).join(" | ");
    println!("| {names} | predicted MiB | measured MiB | off |\n|---:|---:|---:|---:|---|---:|---:|---:|");
    let mut worst = 0.0_f64;
    for row in grid() {
        let overrides: Vec<_> =
            KEYS.iter().zip(&row).map(|((_, key), value)| format!("{key}={value}")).collect();
        let program = std::env::current_exe().expect("the program that runs has a path");
        let mut command = Command::new(program);
        command.env(VARIABLE, overrides.join("\n")).stderr(std::process::Stdio::inherit());
        let output = command.output().expect("the program starts");
        let text = String::from_utf8_lossy(&output.stdout);
        let numbers = text.trim().split_once(' ').filter(|_| output.status.success());
        let (predicted, measured) =
            numbers.unwrap_or_else(|| panic!("{overrides:?} could not be measured: {}", output.status));
        let mebibytes = |text: &str| text.parse::<f64>().expect("a number of bytes") / f64::from(1 << 20);
        let (predicted, measured) = (mebibytes(predicted), mebibytes(measured));
        let off = 100.0 * (predicted / measured - 1.0);
        worst = worst.max(off.abs());
        let cells = row.join(" | ").replace("null", "whole");
        println!("| {cells} | {predicted:.0} | {measured:.0} | {off:+.0} % |");
    }
    println!("\nthe most by which a prediction is off: {worst:.0} %");
    Ok(())
}

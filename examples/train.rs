//! Trains seq-JEPA from a YAML config and runs the frozen probes on the result.
//!
//! ```text
//! cargo run --release --example train -- --config configs/fashion_mnist_cpu.yaml
//! cargo run --release --example train -- --config FILE --set run.epochs=2 --set dataset.batch_size=32
//! cargo run --release --example train -- --resume runs/fashion-mnist-cpu
//! cargo run --release --example train -- --resume runs/fashion-mnist-cpu --set run.epochs=20
//! ```
//!
//! SIGINT (Ctrl-C) and SIGTERM finish the step, save, and end with exit code 130 or 143; a second one ends at once.

mod shared;
#[path = "shared/signals.rs"]
mod signals;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use seqjepa::train::progress::ProgressBars;
use seqjepa::train::{Config, ResumeOptions, Run, StopFlag};
use signals::stoppable;

/// Trains seq-JEPA and evaluates it with frozen probes.
#[derive(Parser)]
struct Arguments {
    /// The YAML config (docs/configuration.md lists the keys). With --resume: to be compared with the run's own.
    #[arg(long, required_unless_present = "resume")]
    config: Option<PathBuf>,
    /// Overrides one key of the config; may be given again and again.
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    overrides: Vec<String>,
    /// Continues the run in this folder from its newest checkpoint.
    #[arg(long, value_name = "RUN_FOLDER")]
    resume: Option<PathBuf>,
    /// With --resume: continues even if the config or the data have changed.
    #[arg(long, requires = "resume")]
    allow_config_change: bool,
    /// Ends after training, without the frozen probes.
    #[arg(long)]
    skip_evaluation: bool,
    /// Logs what happens.
    #[arg(long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    shared::run(|| stoppable(|stop| shared::on_the_pool(|| train(&arguments, stop))))
}

#[expect(clippy::print_stdout, reason = "a command speaks to its user")]
fn train(arguments: &Arguments, stop: StopFlag) -> anyhow::Result<ExitCode> {
    let bars = &mut ProgressBars::new();
    let mut run = match (&arguments.resume, &arguments.config) {
        (Some(folder), config) => {
            let options = ResumeOptions {
                config: config.clone(),
                overrides: arguments.overrides.clone(),
                allow_changes: arguments.allow_config_change,
            };
            Run::resume_with(folder, &options, bars)?
        }
        (None, Some(path)) => Run::start(Config::load(path, &arguments.overrides)?, bars)?,
        (None, None) => unreachable!("one of the two is required"),
    };
    run.stop_on(stop);
    println!("run folder: {}", run.folder().root().display());
    println!("device: {}", run.device_name());
    let verdict = run.train(bars)?;
    println!("final state: SHA-256 {}", run.checkpoint().digest());
    if !arguments.skip_evaluation {
        let card = run.evaluate(bars)?;
        shared::print_results(run.rows().last(), &card);
    }
    Ok(shared::print_verdict(&verdict))
}

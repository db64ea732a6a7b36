//! Trains seq-JEPA from a YAML config and runs the frozen probes on the result.
//!
//! ```text
//! cargo run --release --example train -- --config configs/fashion_mnist_cpu.yaml
//! cargo run --release --example train -- --config FILE --set run.epochs=2 --set dataset.batch_size=32
//! cargo run --release --example train -- --resume runs/fashion-mnist-cpu
//! ```

mod shared;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use seqjepa::train::progress::ProgressBars;
use seqjepa::train::{Config, Run};

/// Trains seq-JEPA and evaluates it with frozen probes.
#[derive(Parser)]
struct Arguments {
    /// The YAML config (docs/configuration.md lists the keys).
    #[arg(long, required_unless_present = "resume", conflicts_with = "resume")]
    config: Option<PathBuf>,
    /// Overrides one key of the config; may be given again and again.
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE", conflicts_with = "resume")]
    overrides: Vec<String>,
    /// Continues the run in this folder after its last finished epoch.
    #[arg(long, value_name = "RUN_FOLDER")]
    resume: Option<PathBuf>,
    /// Ends after training, without the frozen probes.
    #[arg(long)]
    skip_evaluation: bool,
    /// Logs what happens.
    #[arg(long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    shared::run(|| train(&arguments))
}

#[expect(clippy::print_stdout, reason = "a command speaks to its user")]
fn train(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let bars = &mut ProgressBars::new();
    let mut run = match (&arguments.resume, &arguments.config) {
        (Some(folder), _) => Run::resume(folder, bars)?,
        (None, Some(path)) => Run::start(Config::load(path, &arguments.overrides)?, bars)?,
        (None, None) => unreachable!("one of the two is required"),
    };
    println!("run folder: {}", run.folder().root().display());
    println!("device: {}", run.device_name());
    let verdict = run.train(bars)?;
    if !arguments.skip_evaluation {
        let card = run.evaluate(bars)?;
        shared::print_results(run.rows().last(), &card);
    }
    Ok(shared::print_verdict(&verdict))
}

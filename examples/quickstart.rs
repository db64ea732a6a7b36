//! Trains a small seq-JEPA on the built-in procedural data set: no download, no GPU, about a minute on two cores.
//!
//! ```text
//! cargo run --release --example quickstart
//! ```
//!
//! Prints the metrics beside those of the randomly initialised encoder under the same protocol, and leaves a run folder
//! with a picture of source images, their views and their action values (`views.png`).

mod shared;
#[path = "shared/signals.rs"]
mod signals;

use std::process::ExitCode;

use clap::Parser;
use seqjepa::data::picture::sequence_sheet;
use seqjepa::prelude::*;
use seqjepa::train::StopFlag;

/// Trains a small model on the built-in procedural data set, about a minute on two cores, and prints its figures beside those
/// of the randomly initialised one. Leaves a run folder below `runs`.
#[derive(Parser)]
struct Arguments {
    /// Logs what happens.
    #[arg(long)]
    verbose: bool,
}

fn main() -> ExitCode {
    Arguments::parse();
    shared::run(|| signals::stoppable(|stop| shared::on_the_pool(|| quickstart(stop))))
}

#[expect(clippy::print_stdout, reason = "a command speaks to its user")]
fn quickstart(stop: StopFlag) -> anyhow::Result<ExitCode> {
    // The config is built in, so that the program runs from any folder.
    let config = Config::parse::<&str>(include_str!("../configs/quickstart.yaml"), "quickstart.yaml", &[])?;
    let bars = &mut ProgressBars::new();
    let mut run = Run::start(config, bars)?;
    run.stop_on(stop);
    println!("run folder: {}", run.folder().root().display());

    let sequences = run.config().sequence_config(3, run.data().normalization)?;
    let picture = run.folder().root().join("views.png");
    sequence_sheet(&run.data().train, &sequences, Split::Train, 0, &[0, 1, 2, 3, 4, 5])?.save(&picture)?;
    println!("source images with their views and action values: {}", picture.display());

    run.train(bars)?;
    let card = run.evaluate(bars)?;
    shared::print_results(run.rows().last(), &card);
    println!("everything is in {}", run.folder().root().display());
    Ok(ExitCode::SUCCESS)
}

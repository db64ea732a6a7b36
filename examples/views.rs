//! Draws images with their views, actions and parameters as a labelled PNG.
//!
//! ```text
//! cargo run --release --example views -- --output views.png
//! cargo run --release --example views -- --config configs/fashion_mnist_cpu.yaml --samples 0,10,20 --output views.png
//! ```

mod shared;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{anyhow, ensure};
use clap::Parser;
use seqjepa::data::picture::sequence_sheet;
use seqjepa::prelude::*;
use seqjepa::train::RunData;

/// Draws source images with their observed views and target view.
#[derive(Parser)]
struct Arguments {
    /// The YAML config that names the data set; default: the built-in set.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Overrides one key of the config; may be given again and again.
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    overrides: Vec<String>,
    /// Indices of the training images, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "0,1,2,3,4,5")]
    samples: Vec<usize>,
    /// The epoch whose views are drawn, from 0.
    #[arg(long, default_value_t = 0)]
    epoch: u64,
    /// The picture.
    #[arg(long, default_value = "views.png")]
    output: PathBuf,
    /// Logs what happens.
    #[arg(long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    shared::run(|| draw(&arguments))
}

#[expect(clippy::print_stdout, reason = "a command speaks to its user")]
fn draw(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = match &arguments.config {
        Some(path) => Config::load(path, &arguments.overrides)?,
        None => Config::parse("dataset: {name: synthetic}", "the built-in config", &arguments.overrides)?,
    };
    let data = RunData::load(&config, &mut ProgressBars::new())?;
    for &sample in &arguments.samples {
        let available = data.train.len();
        ensure!(sample < available, "--samples: expected indices below {available}, found {sample}");
    }
    let sequences = config.sequence_config(config.dataset.seq_len, data.normalization)?;
    let sheet = sequence_sheet(&data.train, &sequences, Split::Train, arguments.epoch, &arguments.samples)?;
    sheet
        .save(&arguments.output)
        .map_err(|error| anyhow!("could not write {}: {error}", arguments.output.display()))?;
    println!("{}", arguments.output.display());
    Ok(ExitCode::SUCCESS)
}

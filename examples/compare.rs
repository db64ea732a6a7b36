//! Puts several runs and the paper's figures side by side: tables on the terminal and as Markdown, every figure with its
//! protocol as CSV, and a picture of top-1 by M_train and M_val.
//!
//! ```text
//! cargo run --release --example compare -- runs/first runs/second
//! cargo run --release --example compare -- runs/first card.json --output comparison
//! ```
//!
//! A run is a run folder or a result card of `--example evaluate`. Figures that were not measured the same way are marked
//! and explained below the table.

mod shared;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use seqjepa::train::evaluation::{ComparedRun, Comparison};
use seqjepa::train::run_folder::write_atomically;

/// Compares runs with each other and with the paper.
#[derive(Parser)]
struct Arguments {
    /// Run folders or result cards; the first is what the others are held against.
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Folder for comparison.md, comparison.csv, grid.png and grid.svg.
    #[arg(long, value_name = "FOLDER", default_value = "comparison")]
    output: PathBuf,
    /// Logs what happens.
    #[arg(long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    shared::run(|| compare(&arguments))
}

#[expect(clippy::print_stdout, reason = "a command speaks to its user")]
fn compare(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let runs = arguments.runs.iter().map(|path| ComparedRun::read(path)).collect::<Result<Vec<_>, _>>()?;
    let comparison = Comparison::new(runs);
    let markdown = comparison.markdown();
    println!("{markdown}");
    let file = |name: &str| arguments.output.join(name);
    write_atomically(&file("comparison.md"), markdown.as_bytes())?;
    write_atomically(&file("comparison.csv"), comparison.csv().as_bytes())?;
    let grid = comparison.grid();
    for name in ["grid.png", "grid.svg"] {
        grid.save(&file(name))?;
    }
    for name in ["comparison.md", "comparison.csv", "grid.png", "grid.svg"] {
        println!("{}", file(name).display());
    }
    Ok(ExitCode::SUCCESS)
}

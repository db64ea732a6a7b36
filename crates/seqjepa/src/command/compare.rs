//! `compare`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use seqjepa_evaluation::{ComparedRun, Comparison};
use seqjepa_train::storage::write_atomically;

use super::outputs::refuse_own_input;
use super::terminal::say;

/// Puts runs and the paper's figures side by side.
///
/// Tables on the terminal and as Markdown, every figure with its protocol as CSV, and a picture of top-1 by the views a model was
/// trained on (M_train) and the views it is tested on (M_val). Figures that were not measured the same way are marked and explained
/// below the table.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Run folders or result cards; the first is what the others are held against.
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Folder for comparison.md, comparison.csv, grid.png and grid.svg.
    #[arg(long, value_name = "FOLDER", default_value = "comparison")]
    output: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let [table, figures, picture, drawing] =
        ["comparison.md", "comparison.csv", "grid.png", "grid.svg"].map(|name| arguments.output.join(name));
    for file in [&table, &figures, &picture, &drawing] {
        refuse_own_input(file, arguments.runs.iter().map(PathBuf::as_path))?;
    }
    let runs = arguments.runs.iter().map(|path| ComparedRun::read(path)).collect::<Result<Vec<_>, _>>()?;
    let comparison = Comparison::new(runs);
    let markdown = comparison.markdown();
    say!("{markdown}");
    write_atomically(&table, markdown.as_bytes())?;
    write_atomically(&figures, comparison.csv().as_bytes())?;
    let grid = comparison.grid();
    grid.save(&picture)?;
    grid.save(&drawing)?;
    for file in [table, figures, picture, drawing] {
        say!("{}", file.display());
    }
    Ok(ExitCode::SUCCESS)
}

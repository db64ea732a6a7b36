//! `compare`.

use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use clap::Args;
use seqjepa_data::regular::open_regular;
use seqjepa_evaluation::{ComparedRun, Comparison, ResultCard, TestedSplit, TrainedAs};
use seqjepa_run::RunFolder;
use seqjepa_run::registry::Registry;
use seqjepa_train::MetricsRow;
use seqjepa_train::storage::write_atomically;

use super::outputs::{refuse_other_than_comparison, refuse_own_input};
use super::terminal::{say, width};

/// Puts runs side by side, and the paper's figures where data and protocol are the same.
///
/// Tables on the terminal and as Markdown, every figure with its protocol as CSV, and pictures: top-1 by the views a model was trained on
/// (M_train) and the views it is tested on (M_val), and top-1 against R2. Runs of one config that differ in their seeds are one column, mean and
/// standard deviation. Figures that were not measured the same way are marked and explained below the table.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Run folders or result cards; the first is what the others are held against.
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Prints every figure and note; without it those that say the most.
    #[arg(long)]
    all: bool,
    /// Folder for comparison.md, comparison.csv, grid.png, grid.svg, methods.png and methods.svg.
    #[arg(long, value_name = "FOLDER", default_value = "comparison")]
    output: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let output = &arguments.output;
    ensure!(
        output.is_dir() || !output.exists(),
        "--output {}: expected a folder, or a name that is free, found a file; nothing was written",
        output.display()
    );
    let [table, figures] = ["comparison.md", "comparison.csv"].map(|name| output.join(name));
    let [grid, drawn_grid, methods, drawn_methods] =
        ["grid.png", "grid.svg", "methods.png", "methods.svg"].map(|name| output.join(name));
    for file in [&table, &figures, &grid, &drawn_grid, &methods, &drawn_methods] {
        refuse_own_input(file, arguments.runs.iter().map(PathBuf::as_path))?;
    }
    refuse_other_than_comparison([&table, &figures], [&grid, &drawn_grid, &methods, &drawn_methods])?;
    let runs = arguments.runs.iter().map(|path| read(path)).collect::<anyhow::Result<Vec<_>>>()?;
    let comparison = Comparison::new(runs);
    let markdown = comparison.markdown();
    say!("{}", comparison.text(width(), arguments.all));
    write_atomically(&table, markdown.as_bytes())?;
    write_atomically(&figures, comparison.csv().as_bytes())?;
    let by_views = comparison.grid();
    by_views.save(&grid)?;
    by_views.save(&drawn_grid)?;
    let by_method = comparison.methods().scatter();
    by_method.save(&methods)?;
    by_method.save(&drawn_methods)?;
    for (what, file) in [
        ("every figure and note", &table),
        ("one line a figure, with its protocol", &figures),
        ("top-1 by M_train and M_val", &grid),
        ("the same as a drawing", &drawn_grid),
        ("top-1 against R2", &methods),
        ("the same as a drawing", &drawn_methods),
    ] {
        say!("{what}: {}", file.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a run folder, its card and the last line of its metrics, or a card.
fn read(path: &Path) -> anyhow::Result<ComparedRun> {
    if !path.is_dir() {
        return Ok(ComparedRun::from_card(path)?);
    }
    let folder = RunFolder::at(path);
    let card = folder.evaluation().exists().then(|| ResultCard::load(&folder.evaluation())).transpose()?;
    let online = last_row(&folder.metrics_jsonl())?;
    if card.is_none() && online.is_none() {
        let metrics = folder.metrics_jsonl();
        ensure!(
            !metrics.exists(),
            "{}: expected a line of figures for each epoch, found no whole line of them",
            metrics.display()
        );
        bail!("{}: expected evaluation.json or metrics.jsonl in the folder, found neither", path.display());
    }
    let resolved = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let label = resolved.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let config = if card.is_none() { RunFolder::open(&Registry::standard(), path).ok() } else { None };
    let trained_as = config.map(|(_, config)| TrainedAs {
        observed_views: config.dataset.seq_len,
        seed: config.run.seed,
        tested: if config.dataset.validation > 0 { TestedSplit::Validation } else { TestedSplit::Test },
        data_set: config.dataset.name,
        method: config.method,
    });
    Ok(ComparedRun { label, card, online, trained_as })
}

fn last_row(path: &Path) -> anyhow::Result<Option<MetricsRow>> {
    /// Far more than the longest line.
    const END: u64 = 1 << 20;
    let mut end = Vec::new();
    match open_regular(path, u64::MAX) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.and_then(|(mut file, length)| {
            file.seek(SeekFrom::Start(length.saturating_sub(END)))?;
            file.take(END).read_to_end(&mut end)
        }),
    }
    .with_context(|| format!("could not read {}", path.display()))?;
    // A line that a killed run did not finish is no row.
    Ok(String::from_utf8_lossy(&end).lines().rev().find_map(|line| MetricsRow::from_line(line).ok()))
}

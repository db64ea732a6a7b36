//! `report`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Args;
use seqjepa_report::Report;
use seqjepa_run::RunFolder;
use seqjepa_train::storage::write_atomically;

use super::disk;
use super::outputs::{expect_ending, refuse_other_than_report, refuse_own_input};
use super::pool::on_the_pool;
use super::terminal::{note, say};

/// Writes one page about runs: curves, figures with their protocols, maps, neighbours, configs and their differences.
///
/// The page is one HTML file that needs no network and no other file. Runs are overlaid. It is also written of runs that are
/// under way, were stopped or have crashed; what is missing says which command makes it.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Run folders, at most 16.
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// The page. A file of that name is replaced only if it is such a page.
    #[arg(long, alias = "out", value_name = "FILE", default_value = "report.html")]
    output: PathBuf,
    /// Shows the page in the browser.
    #[arg(long)]
    open: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let output = &arguments.output;
    expect_ending(output, "html")?;
    refuse_own_input(output, arguments.runs.iter().map(PathBuf::as_path))?;
    refuse_other_than_report(output)?;
    on_the_pool(|| write(&arguments.runs, output))?;
    if arguments.open
        && let Err(reason) = show(output)
    {
        note!("could not open a browser ({reason}); open {} in one", output.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the page of a run that has just ended into its folder. That it cannot be written is no failure of the run.
pub(super) fn write_beside(folder: &RunFolder) {
    let page = folder.report();
    let written = refuse_other_than_report(&page).and_then(|()| write(&[folder.root()], &page));
    if let Err(error) = written {
        note!("warning: no report was written: {error}");
    }
}

fn write<P: AsRef<Path> + Sync>(runs: &[P], output: &Path) -> anyhow::Result<()> {
    let page = Report::read(runs)?.html();
    write_atomically(output, page.as_bytes())?;
    say!("report: {} ({})", output.display(), disk::size(page.len() as u64));
    Ok(())
}

/// Opens a file with the program that the system has for it.
fn show(page: &Path) -> Result<(), String> {
    let page = page.canonicalize().map_err(|error| error.to_string())?;
    let (program, first): (&str, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        // What `start` does, without a shell that would read the name.
        ("rundll32", &["url.dll,FileProtocolHandler"])
    } else {
        ("xdg-open", &[])
    };
    let mut command = Command::new(program);
    command.args(first).arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
    succeeded(child).map_err(|code| format!("{program} ended with {code}"))
}

/// Whether a program ends well soon, or goes on, as a browser may.
fn succeeded(mut child: Child) -> Result<(), String> {
    const SOON: Duration = Duration::from_secs(3);
    let start = Instant::now();
    while start.elapsed() < SOON {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(status.to_string()),
            Ok(None) => sleep(Duration::from_millis(20)),
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(())
}

//! `quickstart`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use seqjepa_data::Split;
use seqjepa_run::progress::ProgressBars;
use seqjepa_run::{Config, Run};

use super::finish::train_and_evaluate;
use super::pool::on_the_pool;
use super::signals::{Stop, stoppable};
use super::terminal::say;
use super::views::{self, Drawing};

/// The config is built in, so that the program runs from any folder.
const CONFIG: &str = include_str!("../../assets/quickstart.yaml");

/// Trains a small model on the built-in procedural data set.
///
/// No download, no GPU, about two minutes on two cores. Prints the figures beside those of the randomly initialised model under the
/// same protocol, and leaves a run folder below `runs` with a picture of source images, their views and their action values, and with a report page
/// (`report.html`, for any browser).
#[derive(Debug, Args)]
pub(super) struct Arguments {}

pub(super) fn run(_: &Arguments) -> anyhow::Result<ExitCode> {
    stoppable(|stop| on_the_pool(|| quickstart(stop)))
}

fn quickstart(stop: &Stop) -> anyhow::Result<ExitCode> {
    let config = Config::parse::<&str>(CONFIG, "quickstart.yaml", &[])?;
    let run = Run::start(config, &mut ProgressBars::new())?;
    let picture = run.folder().root().join("views.png");
    draw_views(run.config(), &picture).context("drawing the views")?;
    say!("source images with their views and action values: {}", picture.display());
    train_and_evaluate(run, false, stop)
}

/// Draws the first few training images with their views.
fn draw_views(config: &Config, path: &Path) -> anyhow::Result<()> {
    let drawing = Drawing { split: Split::Train, epoch: 0, samples: vec![0, 1, 2, 3, 4, 5] };
    views::save(&drawing.draw(config, None)?.sheet()?, path)
}

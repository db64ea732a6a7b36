//! `resume`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use seqjepa_run::progress::ProgressBars;
use seqjepa_run::{Registry, ResumeOptions, Run};

use super::arguments::Overrides;
use super::finish::train_and_evaluate;
use super::pool::on_the_pool;
use super::signals::{Stop, stoppable};

/// Continues a run from its newest checkpoint, to the bit.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The run folder.
    #[arg(value_name = "RUN_FOLDER")]
    run: PathBuf,
    /// A YAML config in place of the run's own, with which it is compared.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    set: Overrides,
    /// Continues even if the config or the data have changed.
    #[arg(long)]
    allow_config_change: bool,
    /// Ends after training, without the frozen probes.
    #[arg(long)]
    skip_evaluation: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let options = ResumeOptions {
        config: arguments.config.clone(),
        overrides: arguments.set.overrides.clone(),
        allow_changes: arguments.allow_config_change,
    };
    stoppable(|stop| {
        on_the_pool(|| {
            let run = open(&arguments.run, &options, stop)?;
            train_and_evaluate(run, arguments.skip_evaluation, stop)
        })
    })
}

/// Opens the run in `root` at its newest checkpoint.
pub(super) fn open(root: &Path, options: &ResumeOptions, stop: &Stop) -> anyhow::Result<Run> {
    // The run's status says from here on that it goes on: it must not be left so.
    stop.begin();
    let bars = &mut ProgressBars::new();
    Ok(Run::resume_with(&Registry::standard(), root, options, &mut stop.watch(bars))?)
}

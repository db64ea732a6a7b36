//! `train`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use seqjepa_evaluation::ResultCard;
use seqjepa_run::folder::FolderError;
use seqjepa_run::folder::status::{RunState, inspect};
use seqjepa_run::progress::ProgressBars;
use seqjepa_run::{Config, ResumeOptions, Run, RunError, RunFolder};

use super::arguments::Overrides;
use super::dry_run::dry_run;
use super::finish::{print_gates, print_results, train_and_evaluate};
use super::pool::on_the_pool;
use super::resume::open;
use super::signals::{Stop, stoppable};
use super::terminal::say;

/// Trains from a YAML config and measures the result with frozen probes.
///
/// SIGINT (Ctrl-C), SIGTERM and SIGHUP finish the step, save, and end with exit code 130, 143 and 129; a second one ends at
/// once. `resume` continues the run to the bit. A run that fails the gates of its config ends with exit code 3.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The YAML config (`seqjepa config keys` lists the keys). With --resume RUN_FOLDER: to be compared with the run's own.
    #[arg(long, value_name = "FILE", required_unless_present = "resume")]
    config: Option<PathBuf>,
    #[command(flatten)]
    set: Overrides,
    /// Continues the run in this folder from its newest checkpoint. `auto`: continues the run of the config, in run.output_dir or
    /// runs/NAME, if there is one, and starts it otherwise.
    #[arg(long, value_name = "RUN_FOLDER|auto")]
    resume: Option<PathBuf>,
    /// With --resume: continues even if the config or the data have changed.
    #[arg(long, requires = "resume")]
    allow_config_change: bool,
    /// Ends after training, without the frozen probes.
    #[arg(long)]
    skip_evaluation: bool,
    /// Checks config and data, and says how large the run would be; writes nothing, fetches nothing
    #[arg(long, conflicts_with_all = ["resume", "skip_evaluation"])]
    dry_run: bool,
    /// With --dry-run: makes no steps to measure their time.
    #[arg(long, requires = "dry_run")]
    no_timing: bool,
}

impl Arguments {
    /// Those that start the run of a config, or go on with it where it was begun.
    pub(super) fn to_the_end_of(config: PathBuf) -> Self {
        Self {
            config: Some(config),
            set: Overrides { overrides: Vec::new() },
            resume: Some(PathBuf::from("auto")),
            allow_config_change: false,
            skip_evaluation: false,
            dry_run: false,
            no_timing: false,
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    stoppable(|stop| on_the_pool(|| train(arguments, stop)))
}

fn train(arguments: &Arguments, stop: &Stop) -> anyhow::Result<ExitCode> {
    let skip = arguments.skip_evaluation;
    let options = ResumeOptions {
        config: arguments.config.clone(),
        overrides: arguments.set.overrides.clone(),
        allow_changes: arguments.allow_config_change,
    };
    match (&arguments.resume, &arguments.config) {
        (Some(resumed), Some(config)) if resumed == Path::new("auto") => {
            start_or_resume(config, &options, skip, stop)
        }
        (Some(resumed), None) if resumed == Path::new("auto") => {
            bail!(
                "--resume auto: expected --config FILE beside it, found none; ./auto is the run folder of that name"
            )
        }
        (Some(folder), _) => train_and_evaluate(open(folder, &options, stop)?, skip, stop),
        (None, Some(path)) => {
            let config = Config::load(path, &options.overrides)?;
            if arguments.dry_run {
                return dry_run(config, !arguments.no_timing, |error| located(error, path, &options));
            }
            train_and_evaluate(start(config, path, &options)?, skip, stop)
        }
        (None, None) => unreachable!("one of the two is required"),
    }
}

fn start(config: Config, path: &Path, options: &ResumeOptions) -> Result<Run, RunError> {
    Run::start(config, &mut ProgressBars::new()).map_err(|error| located(error, path, options))
}

/// The error with the place of a value that was found wrong only when the run was made.
fn located(error: RunError, path: &Path, options: &ResumeOptions) -> RunError {
    match error {
        RunError::Config(error) => error.located(&path.display().to_string(), &options.overrides).into(),
        error => error,
    }
}

/// Continues the run of a config where there is one, else starts it: always in the same folder.
fn start_or_resume(
    path: &Path,
    options: &ResumeOptions,
    skip: bool,
    stop: &Stop,
) -> anyhow::Result<ExitCode> {
    let mut config = Config::load(path, &options.overrides)?;
    let root = config.run.output_dir.clone().unwrap_or_else(|| Path::new("runs").join(&config.run.name));
    config.run.output_dir = Some(root.clone());
    match RunFolder::check(&config) {
        Ok(()) => return train_and_evaluate(start(config, path, options)?, skip, stop),
        Err(FolderError::InUse { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let finished = inspect(&root).is_ok_and(|(status, _)| status.state == RunState::Finished);
    let run = open(&root, options, stop)?;
    let folder = run.folder().clone();
    if finished && run.rows().len() >= run.config().run.epochs && folder.evaluation().exists() {
        say!("the run in {} is finished", root.display());
        print_results(run.rows().last(), &ResultCard::load(&folder.evaluation())?);
        return Ok(run.rows().last().map_or(ExitCode::SUCCESS, |row| print_gates(run.config(), row)));
    }
    train_and_evaluate(run, skip, stop)
}

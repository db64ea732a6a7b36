//! What the command-line examples share: logging, exit codes, and printing the results.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use seqjepa::train::PretrainedSource;
use seqjepa::train::evaluation::{LoadedModel, ModelSource};
use seqjepa::train::report::results_table;
use seqjepa::train::{GateVerdict, MetricsRow, ResultCard};

/// Which trained model a command works on.
#[derive(Args)]
#[allow(dead_code, reason = "not every example loads a model")]
pub struct ModelArguments {
    /// The checkpoint: RUN_FOLDER/checkpoints/last.safetensors, RUN_FOLDER, or with --config a PyTorch or SafeTensors file
    /// with the published names.
    #[arg(long, value_name = "FILE")]
    pub checkpoint: PathBuf,
    /// A YAML config in place of the one that the checkpoint holds.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Overrides one key of the config, as dataset.mean=[0.5,0.5,0.5]; may be given again and again.
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    pub overrides: Vec<String>,
}

#[allow(dead_code, reason = "not every example loads a model")]
impl ModelArguments {
    /// Where the model is.
    pub fn source(self) -> PretrainedSource {
        let Self { checkpoint, config, overrides } = self;
        PretrainedSource { checkpoint, config, overrides }
    }
}

/// Runs a command; an error is printed as one message and ends with exit code 1.
pub fn run(command: impl FnOnce() -> anyhow::Result<ExitCode>) -> ExitCode {
    let level = if std::env::args().any(|argument| argument == "--verbose") {
        tracing::Level::INFO
    } else {
        tracing::Level::WARN
    };
    tracing_subscriber::fmt().with_max_level(level).with_target(false).with_writer(std::io::stderr).init();
    command().unwrap_or_else(|error| {
        // The message of the outermost error already holds those of its causes.
        tracing::debug!("{error:?}");
        print_error(&error);
        ExitCode::from(1)
    })
}

/// Does work on a thread of rayon's pool: the operators of the CPU backend, which run there, then need not wake it for each
/// call. Of a training step that is a tenth.
#[allow(dead_code, reason = "not every example trains")]
pub fn on_the_pool<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    rayon::scope(|_| work())
}

#[expect(clippy::print_stderr, reason = "a command speaks to its user")]
fn print_error(error: &anyhow::Error) {
    eprintln!("error: {error}");
}

/// Prints the verdict of the gates; a run that failed them ends with exit code 3, so that scripts can tell it from an error (1)
/// and from wrong arguments (2).
#[allow(dead_code, reason = "not every example has gates")]
#[expect(clippy::print_stdout, reason = "a command speaks to its user")]
pub fn print_verdict(verdict: &GateVerdict) -> ExitCode {
    if verdict.passed {
        println!("gates: passed");
        return ExitCode::SUCCESS;
    }
    println!("gates: failed");
    for reason in &verdict.reasons {
        println!("  {reason}");
    }
    ExitCode::from(3)
}

/// Prints the results and what each figure means.
#[allow(dead_code, reason = "not every example evaluates")]
#[expect(clippy::print_stdout, reason = "a command speaks to its user")]
pub fn print_results(last: Option<&MetricsRow>, card: &ResultCard) {
    println!("\n{}", results_table(last, card));
}

/// What was loaded, in a line.
#[allow(dead_code, reason = "not every example loads a model")]
pub fn describe(loaded: &LoadedModel) -> String {
    let path = loaded.origin.path.as_deref().unwrap_or("the model".as_ref()).display();
    match loaded.origin.source {
        ModelSource::Imported => {
            let target = if loaded.origin.target_encoder { "" } else { "; it has no target encoder" };
            format!("{path}: imported; left over: {:?}{target}", loaded.left_over)
        }
        _ => format!("{path}: {} epochs trained", loaded.origin.epochs.unwrap_or(0)),
    }
}

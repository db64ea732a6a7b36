//! The command `seqjepa` (feature `command`): [`main`] is the whole program.
//!
//! Exit codes: 0 for success, 1 for an error, 2 for wrong arguments, 3 for a run that failed its gates, 4 for a run that died
//! (`status`), 128 and the signal's number for a run that a signal has stopped.

mod arguments;
mod compare;
mod completions;
mod config;
mod device;
mod devices;
mod disk;
mod dry_run;
mod embed;
mod estimate;
mod evaluate;
mod export;
mod failure;
mod finish;
mod introduction;
mod log;
mod next;
mod npy;
mod outputs;
mod pace;
mod pool;
mod probe;
mod quickstart;
#[cfg(feature = "remote")]
mod remote;
mod report;
mod resume;
#[cfg(feature = "remote")]
mod serve;
mod signals;
mod status;
mod sweep;
mod terminal;
mod train;
mod views;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::LazyLock;

use clap::{ArgAction, FromArgMatches, Parser, Subcommand};

use terminal::Loudness;

/// The version with the commit that the program was built from.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let code = seqjepa_run::code_version();
    let commit =
        code.commit.map_or_else(|| "built outside git".to_owned(), |commit| format!("commit {commit}"));
    format!("{} ({commit})", code.version)
});

/// seq-JEPA: a self-supervised world model of images and their augmentations. Trains it, measures what its representations hold,
/// and uses them.
#[derive(Debug, Parser)]
#[command(name = "seqjepa", version = VERSION.as_str(), after_help = "docs/ in the repository explains configs, figures and files.\nProgress is live on a terminal and dated lines elsewhere; nothing is coloured.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Prints results and errors only: no progress, no warnings, nothing of what is about to be done.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Logs what happens, also what the libraries beneath do if given twice.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
}

impl Cli {
    fn loudness(&self) -> Loudness {
        match (self.quiet, self.verbose) {
            (true, _) => Loudness::Quiet,
            (false, 0) => Loudness::Usual,
            (false, 1) => Loudness::Verbose,
            (false, _) => Loudness::Everything,
        }
    }
}

/// What can be done.
#[derive(Debug, Subcommand)]
enum Command {
    Quickstart(quickstart::Arguments),
    Train(train::Arguments),
    Resume(resume::Arguments),
    Sweep(sweep::Arguments),
    Status(status::Arguments),
    Evaluate(evaluate::Arguments),
    Compare(compare::Arguments),
    Report(report::Arguments),
    Embed(embed::Arguments),
    Export(export::Arguments),
    Views(views::Arguments),
    Probe(probe::Arguments),
    Devices(devices::Arguments),
    #[cfg(feature = "remote")]
    Serve(serve::Arguments),
    #[command(subcommand)]
    Config(config::Arguments),
    Completions(completions::Arguments),
}

/// Runs the program with the arguments of the process.
#[must_use]
pub fn main() -> ExitCode {
    run(command_line(), std::env::args_os())
}

/// Runs one subcommand with the arguments of the process: a program of its own for it.
///
/// The examples `quickstart` and `train` of the repository are made so.
#[must_use]
pub fn main_of(subcommand: &str) -> ExitCode {
    run(without_program_name(), [subcommand.into()].into_iter().chain(std::env::args_os().skip(1)))
}

/// The command line of a program that is called as its subcommand: usage then has that name once, not twice.
fn without_program_name() -> clap::Command {
    command_line().no_binary_name(true)
}

fn run(command: clap::Command, arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let parsed = command.try_get_matches_from(arguments);
    let cli = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(message) => {
            // Help and the version are no errors; where they cannot be printed, nobody waits for them.
            let _ = message.print();
            return if message.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    terminal::begin(cli.loudness());
    failure::leave_to_the_report();
    seqjepa_cpu::keep_freed_memory();
    #[cfg(feature = "remote")]
    if let Some(token) = remote::token() {
        seqjepa_run::remote::present_token(token);
    }
    failure::guarded(|| perform(cli.command)).unwrap_or_else(|error| failure::report(&error))
}

fn perform(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Quickstart(arguments) => quickstart::run(&arguments),
        Command::Train(arguments) => train::run(&arguments),
        Command::Resume(arguments) => resume::run(&arguments),
        Command::Sweep(arguments) => sweep::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Evaluate(arguments) => evaluate::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Embed(arguments) => embed::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Views(arguments) => views::run(&arguments),
        Command::Probe(arguments) => probe::run(&arguments),
        Command::Devices(arguments) => devices::run(&arguments),
        #[cfg(feature = "remote")]
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Config(arguments) => config::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
    }
}

/// The command line itself, for completions and for the test that it is well formed.
fn command_line() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_of_one_subcommand_is_not_named_twice() {
        let error = without_program_name().try_get_matches_from(["quickstart", "--epochs", "3"]).unwrap_err();
        let usage = error.to_string();
        assert!(usage.contains("Usage: quickstart [OPTIONS]"), "{usage}");
    }

    #[test]
    fn the_command_line_is_well_formed() {
        command_line().debug_assert();
    }

    #[test]
    fn every_subcommand_says_what_it_does() {
        for command in command_line().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments().filter(|argument| argument.get_id() != "help") {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
        }
    }
}

//! `completions`.

use std::process::ExitCode;

use clap::Args;
use clap_complete::Shell;

use super::command_line;
use super::terminal::write_output;

/// Prints the completions for a shell.
///
/// As `seqjepa completions bash > ~/.local/share/bash-completion/completions/seqjepa`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The shell.
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command_line(), "seqjepa", &mut script);
    write_output(&script);
    Ok(ExitCode::SUCCESS)
}

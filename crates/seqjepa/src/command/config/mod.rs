//! `config`.

mod reference;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use seqjepa_run::Config;
use seqjepa_run::sweep::SweepPlan;

use super::arguments::Overrides;
use super::failure;
use super::terminal::{self, say};

/// Checks configs, shows them resolved, and lists every key.
#[derive(Debug, Subcommand)]
pub(super) enum Arguments {
    Check(Check),
    Show(Show),
    Keys(Keys),
    Schema(Schema),
}

/// Prints the JSON schema of a config, by which editors complete and check one.
#[derive(Debug, Args)]
pub(super) struct Schema {
    /// That of a sweep file.
    #[arg(long)]
    sweep: bool,
}

/// Checks config files, all that can be known without the data.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// The YAML files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    set: Overrides,
}

/// Prints a config with all defaults, as a run folder keeps it.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The YAML file; without one, the defaults.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    set: Overrides,
}

/// Lists every key with its type, its default and what it means.
#[derive(Debug, Args)]
pub(super) struct Keys {
    /// Only keys that contain this text.
    #[arg(value_name = "TEXT")]
    text: Option<String>,
    /// As the Markdown page of the guides.
    #[arg(long, conflicts_with = "text")]
    markdown: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match arguments {
        Arguments::Check(arguments) => Ok(check(arguments)),
        Arguments::Show(Show { file, set }) => {
            let config = match file {
                Some(path) => Config::load(path, &set.overrides)?,
                None => Config::parse("", "the defaults", &set.overrides)?,
            };
            say!("{}", config.to_yaml().trim_end());
            Ok(ExitCode::SUCCESS)
        }
        Arguments::Keys(Keys { markdown: true, .. }) => {
            say!("{}", reference::page(&Config::keys()).trim_end());
            Ok(ExitCode::SUCCESS)
        }
        Arguments::Keys(Keys { text, .. }) => {
            let mut keys = Config::keys();
            keys.retain(|key| text.as_deref().is_none_or(|text| key.name.contains(text)));
            if let (Some(text), true) = (text, keys.is_empty()) {
                bail!(
                    "config keys {text}: expected a part of a key's name, found none that has it; `config keys` lists all"
                );
            }
            for key in keys {
                say!("{}  ({}; default {})\n    {}", key.name, key.takes, key.default, key.meaning);
            }
            Ok(ExitCode::SUCCESS)
        }
        Arguments::Schema(Schema { sweep }) => {
            say!("{:#}", if *sweep { SweepPlan::json_schema() } else { Config::json_schema() });
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Checks every file, whatever is wrong with those before it.
fn check(arguments: &Check) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for file in &arguments.files {
        match Config::load(file, &arguments.set.overrides) {
            Ok(_) => say!("{}: valid", file.display()),
            Err(error) => {
                terminal::error(format_args!("error: {}", failure::message(&error.into())));
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}

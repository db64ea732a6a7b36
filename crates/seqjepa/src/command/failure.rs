//! Errors as one message: what, why, and what can be done.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Error;
use seqjepa_data::DataError;
use seqjepa_run::RunError;
use seqjepa_run::registry::DataSetError;
use seqjepa_run::folder::FolderError;

use super::terminal::note;

/// The exit code of an error.
const FAILED: u8 = 1;

/// Prints an error with its causes.
pub(super) fn report(error: &Error) -> ExitCode {
    note!("error: {}", message(error));
    ExitCode::from(FAILED)
}

/// An error with what can be done about it.
#[derive(Debug)]
struct Hinted {
    message: String,
    hint: String,
}

impl std::fmt::Display for Hinted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Hinted {}

/// Adds to an error what can be done about it.
pub(super) fn hinted(error: impl Into<Error>, hint: String) -> Error {
    Hinted { message: message(&error.into()), hint }.into()
}

/// An error with every cause that its text does not hold already, and a hint where the command line has something to offer.
pub(super) fn message(error: &Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            let _ = write!(text, ": {cause}");
        }
    }
    // What the library calls an override is given by this argument.
    let mut text = text.replace("the override `", "`--set ");
    if let Some(hint) = hint(error) {
        let _ = write!(text, "\nhint: {hint}");
    }
    text
}

fn hint(error: &Error) -> Option<String> {
    if let Some(Hinted { hint, .. }) = error.downcast_ref() {
        return Some(hint.clone());
    }
    let data_set = match error.downcast_ref() {
        Some(RunError::DataSet(error)) => Some(error),
        _ => error.downcast_ref::<DataSetError>(),
    };
    if let Some(DataSetError::Data(DataError::Missing { .. })) = data_set {
        return Some(
            "dataset.data_root names the folder of the data, as `--set dataset.data_root=FOLDER`; docs/data.md says which files it \
             holds, and `--set dataset.download=true` fetches those of CIFAR"
                .into(),
        );
    }
    match error.downcast_ref()? {
        RunError::ConfigChanged { .. }
        | RunError::DataChanged { .. }
        | RunError::HistoryChanged { .. } => {
            Some("--allow-config-change continues the run all the same".into())
        }
        RunError::Folder(FolderError::InUse { path, .. }) => Some(format!(
            "`seqjepa resume {0}` continues that run; `--set run.output_dir=FOLDER` starts another",
            path.display()
        )),
        RunError::Stopped { saved: true, path, .. } => {
            Some(format!("`seqjepa resume {0}`, or `train --resume {0}`, continues it", path.display()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn every_cause_is_named_once() {
        let error = anyhow!("no space left").context("could not write a: no space left").context("saving");
        assert_eq!(message(&error), "saving: could not write a: no space left");
        let error = std::fs::read("/nowhere/at/all").context("reading").unwrap_err();
        assert!(
            message(&error).starts_with("reading: ") && message(&error).len() > 12,
            "{}",
            message(&error)
        );
    }

    #[test]
    fn a_hint_and_the_arguments_name_stand_in_the_message() {
        let error = hinted(anyhow!("`run.epochs` in the override `run.epochs=0`: expected 1"), "do so".into());
        assert_eq!(message(&error), "`run.epochs` in `--set run.epochs=0`: expected 1\nhint: do so");
    }

    #[test]
    fn an_error_says_what_the_command_line_offers() {
        let stopped = RunError::Stopped { place: "here".into(), path: PathBuf::from("runs/x"), saved: true };
        assert!(message(&stopped.into()).contains("seqjepa resume runs/x"));
        let changed = RunError::ConfigChanged { path: PathBuf::from("runs/x"), differences: Vec::new() };
        assert!(message(&changed.into()).contains("--allow-config-change"));
    }
}

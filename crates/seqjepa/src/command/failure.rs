//! Errors as one message: what, why, and what can be done.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Error;
use seqjepa_data::DataError;
use seqjepa_run::RunError;
use seqjepa_run::embed::EmbedError;
use seqjepa_run::folder::FolderError;
use seqjepa_run::registry::DataSetError;

use super::terminal::note;

/// The exit code of an error.
const FAILED: u8 = 1;

/// Prints an error with its causes.
pub(super) fn report(error: &Error) -> ExitCode {
    note!("error: {}", message(error));
    ExitCode::from(FAILED)
}

/// An error with every cause that its text does not hold already, and a hint where the command line has something to offer.
pub(super) fn message(error: &Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            let _ = write!(text, ": {cause}");
        }
    }
    if let Some(hint) = hint(error) {
        let _ = write!(text, "\nhint: {hint}");
    }
    text
}

fn hint(error: &Error) -> Option<String> {
    if let Some(DataError::DamagedImage { .. }) = data_error(error) {
        return Some(
            "dataset.truncated_images=skip leaves damaged images out, accept uses what can be decoded of them".into(),
        );
    }
    match error.downcast_ref()? {
        RunError::ConfigChanged { .. } | RunError::DataChanged { .. } => {
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

/// What is wrong with the data, if that is it.
fn data_error(error: &Error) -> Option<&DataError> {
    fn of_set(error: &DataSetError) -> Option<&DataError> {
        match error {
            DataSetError::Data(error) => Some(error),
            _ => None,
        }
    }
    match (error.downcast_ref(), error.downcast_ref(), error.downcast_ref()) {
        (Some(RunError::DataSet(error)), ..) => of_set(error),
        (_, Some(EmbedError::Data(error)), _) => Some(error),
        (_, _, Some(error)) => of_set(error),
        _ => error.downcast_ref(),
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
    fn an_error_says_what_the_command_line_offers() {
        let stopped = RunError::Stopped { place: "here".into(), path: PathBuf::from("runs/x"), saved: true };
        assert!(message(&stopped.into()).contains("seqjepa resume runs/x"));
        let damaged =
            || DataError::DamagedImage { path: PathBuf::from("x.jpg"), offset: 5, found: "the end".into() };
        for error in [
            damaged().into(),
            DataSetError::from(damaged()).into(),
            RunError::from(DataSetError::from(damaged())).into(),
            EmbedError::from(damaged()).into(),
        ] {
            assert!(message(&error).contains("x.jpg") && message(&error).contains("truncated_images"));
        }
        let changed = RunError::ConfigChanged { path: PathBuf::from("runs/x"), differences: Vec::new() };
        assert!(message(&changed.into()).contains("--allow-config-change"));
    }
}

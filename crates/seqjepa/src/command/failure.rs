//! Errors as one message: what, why, and what can be done.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;

use anyhow::{Error, anyhow};
use seqjepa_data::DataError;
use seqjepa_run::embed::EmbedError;
use seqjepa_run::folder::FolderError;
use seqjepa_run::model_file::ModelFileError;
use seqjepa_run::registry::DataSetError;
use seqjepa_run::{DeviceFailure, RunError};
use seqjepa_train::storage::abridged;

use super::terminal::{self, message_line};

/// The exit code of an error.
const FAILED: u8 = 1;

/// Prints an error with its causes.
pub(super) fn report(error: &Error) -> ExitCode {
    terminal::error(format_args!("error: {}", message(error)));
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
    let error = error.into();
    // A hint of its own would stand before this one.
    let message = message(&error).split('\n').next().unwrap_or_default().to_owned();
    Hinted { message, hint }.into()
}

/// An error with every cause that its text does not hold already, and a hint where the command line has something to offer: one line
/// each. Whatever they quote, as names of files and tensors of others, can neither end a line nor fill the screen.
pub(super) fn message(error: &Error) -> String {
    let mut text = error_line(&with_causes(error));
    if let Some(hint) = hint(error) {
        let _ = write!(text, "\nhint: {}", error_line(&hint));
    }
    text
}

/// Leaves it to [`report`] to say what a device fails of: the panic by which backends report it becomes an error. Who asks for backtraces
/// gets the panic too.
pub(super) fn leave_to_the_report() {
    let next = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload_as_str().unwrap_or_default().to_owned();
        if DeviceFailure::of(&text).is_none() || std::env::var_os("RUST_BACKTRACE").is_some() {
            next(panic);
        }
    }));
}

/// Does what a command does; outside a run nobody else makes an error of a device that fails.
pub(super) fn guarded<T>(command: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    catch_unwind(AssertUnwindSafe(command)).unwrap_or_else(|panic| match DeviceFailure::of(&*panic) {
        Some(failure) => Err(anyhow!("{failure}")),
        None => resume_unwind(panic),
    })
}

fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            let _ = write!(text, ": {cause}");
        }
    }
    text
}

/// A message on one line, with what the library calls an override named by the argument that gives it.
fn error_line(text: &str) -> String {
    message_line(text).replace("the override `", "`--set ")
}

/// Names a setting that a flag of its own gives as the user has typed it, and not as the override that it comes to.
pub(super) fn as_typed<E: Into<Error>>(error: E, flags: &[(String, String)]) -> Error {
    let error = error.into();
    let whole = with_causes(&error);
    let mut text = whole.clone();
    for (over, typed) in flags {
        text = text.replace(&format!("the override `{}`", abridged(over)), &format!("`{typed}`"));
    }
    // With its type it keeps its hints.
    if text == whole { error } else { Error::msg(text) }
}

fn hint(error: &Error) -> Option<String> {
    if let Some(Hinted { hint, .. }) = error.downcast_ref() {
        return Some(hint.clone());
    }
    if let Some(DataError::DamagedImage { .. }) = data_error(error) {
        return Some(
            "dataset.truncated_images=skip leaves damaged images out, accept uses what can be decoded of them".into(),
        );
    }
    if let Some(ModelFileError::NoConfig { .. }) = error.downcast_ref() {
        return Some("give --config FILE, with the sizes of the model that the file holds".into());
    }
    let data_set = match error.downcast_ref() {
        Some(RunError::DataSet(error)) => Some(error),
        _ => error.downcast_ref::<DataSetError>(),
    };
    if let Some(DataSetError::Data(DataError::Missing { .. })) = data_set {
        return Some(
            "dataset.data_root names the folder of the data, as `--set dataset.data_root=FOLDER`, dataset.lists and \
             dataset.saliency_root those of lists and maps; docs/data.md says which files they hold; those of CIFAR are fetched with \
             `--set dataset.download=true`"
                .into(),
        );
    }
    match error.downcast_ref()? {
        RunError::ConfigChanged { .. } | RunError::DataChanged { .. } | RunError::HistoryChanged { .. } => {
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

    use anyhow::Context;

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
    fn what_is_quoted_can_neither_end_a_line_nor_fill_the_screen() {
        let name = "a\nerror: b\u{1b}[31m\u{202e}\r\tc";
        let error =
            hinted(anyhow!("{name}: expected x, found {}", "f".repeat(100_000)), format!("use {name}"));
        let text = message(&error);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[0].starts_with("a error: b[31m  c: expected x, found fff"), "{text}");
        assert!(lines[0].len() < 1000 && lines[1] == "hint: use a error: b[31m  c", "{text}");
    }

    #[test]
    fn a_flag_is_named_as_it_was_typed() {
        let flags = [("run.device=foo".to_owned(), "--device foo".to_owned())];
        let error = as_typed(anyhow!("`run.device` in the override `run.device=foo`: expected auto"), &flags);
        assert_eq!(message(&error), "`run.device` in `--device foo`: expected auto");
        let error = as_typed(anyhow!("in the override `run.device=cpu`"), &flags);
        assert_eq!(message(&error), "in `--set run.device=cpu`");
    }

    #[test]
    fn a_hint_and_the_arguments_name_stand_in_the_message() {
        let error =
            hinted(anyhow!("`run.epochs` in the override `run.epochs=0`: expected 1"), "do so".into());
        assert_eq!(message(&error), "`run.epochs` in `--set run.epochs=0`: expected 1\nhint: do so");
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

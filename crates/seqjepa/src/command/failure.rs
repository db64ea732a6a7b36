//! Errors as one message: what, why, and what can be done.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Error;
use seqjepa_data::DataError;
use seqjepa_run::RunError;
use seqjepa_run::embed::EmbedError;
use seqjepa_run::folder::FolderError;
use seqjepa_run::registry::DataSetError;

use super::terminal;

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
    let mut text = without_types(&text);
    // What the library calls an override is given by this argument.
    text = text.replace("the override `", "`--set ");
    if let Some(hint) = hint(error) {
        let _ = write!(text, "\nhint: {hint}");
    }
    text
}

/// What a deserialiser says of a file, without the names of Rust's types.
fn without_types(text: &str) -> String {
    let whole = "expected a whole number";
    let mut text = text.to_owned();
    for (name, words) in [
        ("expected usize", whole),
        ("expected u64", whole),
        ("expected u32", whole),
        ("expected u8", whole),
        ("expected i64", whole),
        ("expected f64", "expected a number"),
        ("expected f32", "expected a number"),
        ("expected a sequence", "expected a list"),
        ("expected a map", "expected an object"),
        ("invalid type: sequence", "found a list"),
        ("invalid type: map", "found an object"),
        ("invalid type: ", "found the "),
        ("invalid value: ", "found the "),
    ] {
        text = text.replace(name, words);
    }
    // `expected struct Name`, of the library's own types.
    while let Some(start) = text.find("expected struct ") {
        let name = start + "expected struct ".len();
        let end =
            text[name..].find(|c: char| !c.is_alphanumeric()).map_or(text.len(), |length| name + length);
        text.replace_range(start..end, "expected an object");
    }
    text
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
    fn no_type_of_rust_is_named() {
        let error =
            anyhow!("invalid type: string \"a\", expected usize at line 3").context("a.json: no card");
        assert_eq!(
            message(&error),
            "a.json: no card: found the string \"a\", expected a whole number at line 3"
        );
        let error = anyhow!("invalid type: sequence, expected struct ResultCard at line 1");
        assert_eq!(message(&error), "found a list, expected an object at line 1");
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

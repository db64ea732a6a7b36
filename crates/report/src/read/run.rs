//! One run.

use std::path::Path;

use seqjepa_evaluation::{EvaluationSample, ResultCard};
use seqjepa_run::GateVerdict;
use seqjepa_run::folder::status::{Life, Status, inspect};
use seqjepa_train::storage::Folder;

use super::config;
use super::metrics::Metrics;
use crate::error::ReportError;

/// Something of a run, or why it is not there.
pub(crate) type Found<T> = Result<T, String>;

/// Most bytes of the gates' verdict.
const GATES: u64 = 1 << 20;

/// What a run folder holds.
#[derive(Debug)]
pub(crate) struct ReportRun {
    /// The name of its folder, unique on the page.
    pub(crate) label: String,
    /// The folder as it was given, for commands.
    pub(crate) path: String,
    pub(crate) metrics: Found<Metrics>,
    pub(crate) status: Found<(Status, Life)>,
    pub(crate) config: Found<Vec<(String, String)>>,
    pub(crate) gates: Found<GateVerdict>,
    pub(crate) card: Found<ResultCard>,
    pub(crate) sample: Found<EvaluationSample>,
}

impl ReportRun {
    /// Reads a folder of any state.
    pub(crate) fn read(path: &Path) -> Result<Self, ReportError> {
        let folder = Folder::at(path);
        // Says why where there is no such folder.
        folder.names()?;
        const KNOWN: [&str; 4] = ["config.yaml", "metrics.jsonl", "status.json", ResultCard::FILE_NAME];
        if !KNOWN.iter().any(|name| folder.contains(name)) {
            return Err(ReportError::NoRun { path: path.to_owned() });
        }
        let resolved = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let label = resolved.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let card = present(&folder, ResultCard::FILE_NAME, |name| {
            ResultCard::load_in(&folder, name).map_err(|error| error.to_string())
        });
        let sample = present(&folder, EvaluationSample::FILE_NAME, |name| {
            EvaluationSample::load_in(&folder, name).map_err(|error| error.to_string())
        });
        let sample = match (sample, &card) {
            (Ok(sample), Ok(card)) if sample.model_sha256 != card.model.model_sha256 => {
                Err("it is of another model than evaluation.json".into())
            }
            (sample, _) => sample,
        };
        Ok(Self {
            label,
            path: path.display().to_string(),
            metrics: present(&folder, "metrics.jsonl", |name| Metrics::read(&folder, name)),
            status: present(&folder, "status.json", |_| inspect(path).map_err(|error| error.to_string())),
            config: present(&folder, "config.yaml", |name| config::read(&folder, name)),
            gates: present(&folder, "gates.json", |name| {
                let bytes = folder.read(name, GATES).map_err(|error| error.source.to_string())?;
                serde_json::from_slice(&bytes).map_err(|error| error.to_string())
            }),
            card,
            sample,
        })
    }

    /// The value of a key of the config.
    pub(crate) fn key(&self, key: &str) -> Option<&str> {
        let config = self.config.as_ref().ok()?;
        config.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    /// The command that goes on with the run.
    pub(crate) fn resume(&self) -> String {
        format!("seqjepa resume {}", quoted(&self.path))
    }
}

/// A path as a shell takes it.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:,@".contains(c);
    if !path.is_empty() && path.chars().all(plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', "'\\''"))
    }
}

/// What a file holds; "there is no" and its name where it is not there.
fn present<T>(folder: &Folder, name: &str, read: impl FnOnce(&str) -> Found<T>) -> Found<T> {
    if !folder.contains(name) {
        return Err(format!("there is no {name} in the run folder"));
    }
    read(name)
        .map_err(|error| if error.contains(name) { error } else { format!("{name} cannot be read: {error}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_run_is_refused_and_one_with_any_part_read() {
        let scratch = tempfile::tempdir().unwrap();
        assert!(matches!(ReportRun::read(scratch.path()), Err(ReportError::NoRun { .. })));
        std::fs::write(scratch.path().join("status.json"), "{").unwrap();
        let run = ReportRun::read(scratch.path()).unwrap();
        assert!(run.status.unwrap_err().contains("status.json"));
        assert_eq!(run.card.unwrap_err(), "there is no evaluation.json in the run folder");
    }

    #[cfg(unix)]
    #[test]
    fn links_in_the_folder_are_not_followed() {
        let scratch = tempfile::tempdir().unwrap();
        let secret = scratch.path().join("secret");
        std::fs::write(&secret, "a: password\n").unwrap();
        let folder = scratch.path().join("run");
        std::fs::create_dir(&folder).unwrap();
        for name in ["config.yaml", "metrics.jsonl", "evaluation.json", "sample.safetensors", "gates.json"] {
            std::os::unix::fs::symlink(&secret, folder.join(name)).unwrap();
        }
        let run = ReportRun::read(&folder).unwrap();
        assert!(run.config.unwrap_err().contains("link"));
        assert!(run.metrics.is_err() && run.card.is_err() && run.sample.is_err() && run.gates.is_err());
    }

    #[test]
    fn paths_are_quoted_for_a_shell() {
        assert_eq!((quoted("runs/a-1"), quoted("a b'c")), ("runs/a-1".into(), "'a b'\\''c'".into()));
    }
}

//! The folder that holds everything a run produced.

use std::path::{Path, PathBuf};

use seqjepa_train::storage::{Folder, StorageError};

use super::error::FolderError;
use super::lock::RunLock;
use crate::config::{Config, ConfigError};
use crate::registry::Registry;

/// Names in a run folder.
pub(crate) const CONFIG: &str = "config.yaml";
pub(crate) const METRICS_JSONL: &str = "metrics.jsonl";
pub(crate) const METRICS_KEPT: &str = "metrics.kept.jsonl";
pub(crate) const METRICS_CSV: &str = "metrics.csv";
pub(crate) const STATUS: &str = "status.json";
pub(crate) const DEVICE_CHECK: &str = "device_check.json";
pub(crate) const CHECKPOINTS: &str = "checkpoints";
pub(crate) const FEATURES: &str = "features";
pub(crate) const GATES: &str = "gates.json";
pub(crate) const EVALUATION: &str = "evaluation.json";
pub(crate) const SAMPLE: &str = seqjepa_evaluation::EvaluationSample::FILE_NAME;
pub(crate) const REPORT: &str = "report.html";

/// A run's folder: `config.yaml`, `metrics.jsonl`, `metrics.csv`, `status.json`, `device_check.json`, `checkpoints/`,
/// `gates.json`, `evaluation.json`, `sample.safetensors`, and the `lock` of the process that is at work on it.
#[derive(Debug, Clone)]
pub struct RunFolder {
    root: PathBuf,
}

impl RunFolder {
    /// Makes the folder of a new run, takes it for this process, and writes the resolved config.
    ///
    /// Where the config names no `run.output_dir`, the folder is `runs/NAME`, or the first of `runs/NAME-2`, `-3`, ...
    /// that is not in use.
    ///
    /// # Errors
    ///
    /// [`FolderError::InUse`] if the folder named holds a run, [`FolderError::Locked`] if another process
    /// is about to start one there, [`FolderError::Storage`] if it cannot be made.
    pub(crate) fn create(config: &Config) -> Result<(Self, RunLock), FolderError> {
        Self::check(config)?;
        let (folder, lock) = match &config.run.output_dir {
            Some(root) => {
                let folder = Self::at(root);
                let lock = folder.take()?;
                // Another process may have been quicker.
                Self::check(config)?;
                (folder, lock)
            }
            None => Self::first_free(&config.run.name)?,
        };
        let mut config = config.clone();
        config.run.output_dir = Some(folder.root.clone());
        lock.folder().write(CONFIG, config.to_yaml().as_bytes())?;
        Ok((folder, lock))
    }

    fn first_free(name: &str) -> Result<(Self, RunLock), FolderError> {
        for number in 1.. {
            let name = if number == 1 { name.to_owned() } else { format!("{name}-{number}") };
            let folder = Self::at(&Path::new("runs").join(name));
            if folder.used_by().is_some() {
                continue;
            }
            match folder.take() {
                Ok(lock) if folder.used_by().is_none() => return Ok((folder, lock)),
                Ok(_) | Err(FolderError::Locked { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        unreachable!("the numbers do not run out")
    }

    /// Takes the folder for this process, until the lock is dropped, and clears what a killed process left half-written.
    pub(crate) fn take(&self) -> Result<RunLock, FolderError> {
        let lock = RunLock::take(&self.root)?;
        let root = lock.folder();
        for folder in [root.clone(), root.below(CHECKPOINTS), root.below(FEATURES)] {
            folder.remove_leftovers();
        }
        Ok(lock)
    }

    /// Refuses a config whose `run.output_dir` holds a run, before any work is done for it.
    ///
    /// # Errors
    ///
    /// [`FolderError::InUse`], and [`FolderError::NoFolder`] where a file is in its place.
    pub fn check(config: &Config) -> Result<(), FolderError> {
        let Some(root) = &config.run.output_dir else {
            return Ok(());
        };
        // The nearest of the folders above it that is there.
        let above = root.ancestors().find(|path| path.symlink_metadata().is_ok());
        if let Some(path) = above.filter(|path| !path.is_dir()) {
            let found = match path == root {
                true => "a file of this name".to_owned(),
                false => format!("the file {} above it", path.display()),
            };
            return Err(FolderError::NoFolder { path: root.clone(), found });
        }
        match Self::at(root).used_by() {
            None => Ok(()),
            Some(found) => Err(FolderError::InUse { path: root.clone(), found }),
        }
    }

    /// Opens the folder of an earlier run and reads the config that it was started with.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Storage`] if there is no run in it, and as [`Config::load`].
    pub fn open(registry: &Registry, root: &Path) -> Result<(Self, Config), ConfigError> {
        let folder = Self::at(root);
        let text = Folder::at(root).read(CONFIG, crate::config_file::LIMIT)?;
        let origin = folder.config().display().to_string();
        let mut config = Config::parse_with::<&str>(registry, &text_of(text, &folder)?, &origin, &[])?;
        // The folder may have been moved since.
        config.run.output_dir = Some(folder.root.clone());
        Ok((folder, config))
    }

    /// The folder of that path, whatever is in it.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Refuses a path that is no folder with one of these files.
    pub(crate) fn expect_run(&self, files: &[&str]) -> Result<(), FolderError> {
        let refuse = |found| Err(FolderError::NoRun { path: self.root.clone(), found });
        match std::fs::metadata(&self.root) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => refuse("nothing of this name"),
            Ok(data) if !data.is_dir() => refuse("a file"),
            // What cannot be looked at may be there.
            Ok(_) if files.iter().all(|name| is_missing(&self.root.join(name))) => {
                refuse("a folder without them")
            }
            // What else is wrong shows when it is read.
            _ => Ok(()),
        }
    }

    /// The file that shows that a run is in the folder.
    pub(crate) fn used_by(&self) -> Option<&'static str> {
        ["config.yaml", "metrics.jsonl", "checkpoints"].into_iter().find(|name| self.root.join(name).exists())
    }

    /// Whether a path is that of a file that some run keeps in its folder.
    #[must_use]
    pub fn keeps(file: &Path) -> bool {
        const FILES: [&str; 10] = [
            CONFIG,
            METRICS_JSONL,
            METRICS_KEPT,
            METRICS_CSV,
            STATUS,
            GATES,
            EVALUATION,
            SAMPLE,
            "lock",
            "wandb.json",
        ];
        const FOLDERS: [&str; 4] = [CHECKPOINTS, FEATURES, "tensorboard", "wandb"];
        file.ancestors().skip(1).take(6).any(|root| {
            let mut below = file.strip_prefix(root).into_iter().flat_map(Path::iter);
            let (first, second) =
                (below.next().and_then(|name| name.to_str()).unwrap_or_default(), below.next());
            let of_a_run = if second.is_none() { FILES.contains(&first) } else { FOLDERS.contains(&first) };
            of_a_run
                && root.join(CONFIG).is_file()
                && (root.join(STATUS).exists() || root.join(CHECKPOINTS).exists())
        })
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The resolved config.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.root.join(CONFIG)
    }

    /// One JSON object an epoch.
    #[must_use]
    pub fn metrics_jsonl(&self) -> PathBuf {
        self.root.join(METRICS_JSONL)
    }

    /// The same rows as CSV.
    #[must_use]
    pub fn metrics_csv(&self) -> PathBuf {
        self.root.join(METRICS_CSV)
    }

    /// How the run is doing, for other processes.
    #[must_use]
    pub fn status(&self) -> PathBuf {
        self.root.join(STATUS)
    }

    /// The folder of the checkpoints.
    #[must_use]
    pub fn checkpoints(&self) -> PathBuf {
        self.root.join(CHECKPOINTS)
    }

    /// The newest checkpoint.
    #[must_use]
    pub fn last_checkpoint(&self) -> PathBuf {
        self.checkpoints().join("last.safetensors")
    }

    /// The folder of the features that the frozen evaluation keeps.
    #[must_use]
    pub fn features(&self) -> PathBuf {
        self.root.join(FEATURES)
    }

    /// The verdict of the gates.
    #[must_use]
    pub fn gates(&self) -> PathBuf {
        self.root.join(GATES)
    }

    /// The results of the frozen evaluation.
    #[must_use]
    pub fn evaluation(&self) -> PathBuf {
        self.root.join(EVALUATION)
    }

    /// Some test sequences with their representations, as the frozen evaluation keeps them.
    #[must_use]
    pub fn sample(&self) -> PathBuf {
        self.root.join(SAMPLE)
    }

    /// The report page, where one is written beside the run.
    #[must_use]
    pub fn report(&self) -> PathBuf {
        self.root.join(REPORT)
    }
}

fn text_of(bytes: Vec<u8>, folder: &RunFolder) -> Result<String, StorageError> {
    String::from_utf8(bytes).map_err(|error| {
        let source = std::io::Error::new(std::io::ErrorKind::InvalidData, error.utf8_error());
        StorageError::new("read", &folder.config(), source)
    })
}

fn is_missing(path: &Path) -> bool {
    path.symlink_metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_files_of_a_run_are_known() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path();
        assert!(!RunFolder::keeps(&root.join("config.yaml")));
        for name in [CONFIG, STATUS] {
            fs::write(root.join(name), "").unwrap();
        }
        for own in [
            "config.yaml",
            "sample.safetensors",
            "checkpoints/last.safetensors",
            "wandb/offline-run-1/files/x",
        ] {
            assert!(RunFolder::keeps(&root.join(own)), "{own}");
        }
        for other in ["features.npy", "model.safetensors", "mine/config.yaml", "report.html"] {
            assert!(!RunFolder::keeps(&root.join(other)), "{other}");
        }
    }

    #[test]
    fn a_folder_with_a_run_is_refused_and_left_alone() {
        let scratch = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.run.output_dir = Some(scratch.path().join("run"));
        let (folder, lock) = RunFolder::create(&config).unwrap();
        drop(lock);
        let before = fs::read(folder.config()).unwrap();
        config.run.epochs = 77;
        let message = RunFolder::create(&config).unwrap_err().to_string();
        assert!(message.contains("already in use") && message.contains("config.yaml"), "{message}");
        assert_eq!(fs::read(folder.config()).unwrap(), before);
        let (_, read) = RunFolder::open(&Registry::standard(), folder.root()).unwrap();
        assert_eq!(read.run.epochs, 10);
    }

    #[test]
    fn what_is_no_run_folder_is_said_to_be_none() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("file");
        fs::write(&file, "").unwrap();
        let absent = scratch.path().join("absent");
        for (path, found) in
            [(scratch.path(), "a folder without them"), (&file, "a file"), (&absent, "nothing of this name")]
        {
            let message = RunFolder::at(path).expect_run(&[CONFIG]).unwrap_err().to_string();
            assert!(message.contains("which holds config.yaml") && message.ends_with(found), "{message}");
        }
        let mut config = Config::default();
        for (path, found) in [(file.clone(), "a file of this name"), (file.join("a/b"), "above it")] {
            config.run.output_dir = Some(path);
            let message = RunFolder::check(&config).unwrap_err().to_string();
            assert!(message.starts_with("run.output_dir ") && message.ends_with(found), "{message}");
        }
    }
}

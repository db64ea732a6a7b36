//! The folder that holds everything a run produced.

use std::path::{Path, PathBuf};

use seqjepa_train::storage::{make_folder, remove_leftovers, write_atomically};

use super::error::FolderError;
use super::lock::RunLock;
use crate::config::{Config, ConfigError};
use crate::registry::Registry;

/// A run's folder: `config.yaml`, `metrics.jsonl`, `metrics.csv`, `status.json`, `checkpoints/`, `gates.json`,
/// `evaluation.json`, and the `lock` of the process that is at work on it.
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
        write_atomically(&folder.config(), config.to_yaml().as_bytes())?;
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
        make_folder(&self.root)?;
        let lock = RunLock::take(&self.lock_file(), &self.root, &self.status())?;
        for folder in [self.root.clone(), self.checkpoints(), self.features()] {
            remove_leftovers(&folder);
        }
        Ok(lock)
    }

    /// Refuses a config whose `run.output_dir` holds a run, before any work is done for it.
    ///
    /// # Errors
    ///
    /// [`FolderError::InUse`].
    pub fn check(config: &Config) -> Result<(), FolderError> {
        let Some(root) = &config.run.output_dir else {
            return Ok(());
        };
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
        let mut config = Config::load_with::<&str>(registry, &folder.config(), &[])?;
        // The folder may have been moved since.
        config.run.output_dir = Some(folder.root.clone());
        Ok((folder, config))
    }

    /// The folder of that path, whatever is in it.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    fn used_by(&self) -> Option<&'static str> {
        ["config.yaml", "metrics.jsonl", "checkpoints"].into_iter().find(|name| self.root.join(name).exists())
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The resolved config.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.root.join("config.yaml")
    }

    /// One JSON object an epoch.
    #[must_use]
    pub fn metrics_jsonl(&self) -> PathBuf {
        self.root.join("metrics.jsonl")
    }

    /// The same rows as CSV.
    #[must_use]
    pub fn metrics_csv(&self) -> PathBuf {
        self.root.join("metrics.csv")
    }

    /// How the run is doing, for other processes.
    #[must_use]
    pub fn status(&self) -> PathBuf {
        self.root.join("status.json")
    }

    /// The folder of the checkpoints.
    #[must_use]
    pub fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }

    /// The newest checkpoint.
    #[must_use]
    pub fn last_checkpoint(&self) -> PathBuf {
        self.checkpoints().join("last.safetensors")
    }

    /// The folder of the features that the frozen evaluation keeps.
    #[must_use]
    pub fn features(&self) -> PathBuf {
        self.root.join("features")
    }

    pub(crate) fn lock_file(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// The verdict of the gates.
    #[must_use]
    pub fn gates(&self) -> PathBuf {
        self.root.join("gates.json")
    }

    /// The results of the frozen evaluation.
    #[must_use]
    pub fn evaluation(&self) -> PathBuf {
        self.root.join("evaluation.json")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

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
}

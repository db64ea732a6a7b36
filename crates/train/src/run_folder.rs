//! The folder that holds everything a run produced, and writing files so that none is ever left half-written.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::TrainError;
use crate::config::Config;

/// A run's folder: `config.yaml`, `metrics.jsonl`, `metrics.csv`, `checkpoints/`, `gates.json`, `evaluation.json`.
#[derive(Debug, Clone)]
pub struct RunFolder {
    root: PathBuf,
}

impl RunFolder {
    /// Makes the folder of a new run and writes its resolved config.
    ///
    /// Where the config names no `run.output_dir`, the folder is `runs/NAME`, or the first of `runs/NAME-2`, `-3`, ...
    /// that is not in use.
    ///
    /// # Errors
    ///
    /// [`TrainError::RunFolderInUse`] if the folder named holds a run, [`TrainError::Io`] if it cannot be made.
    pub fn create(config: &Config) -> Result<Self, TrainError> {
        Self::check(config)?;
        let folder = match &config.run.output_dir {
            Some(root) => Self { root: root.clone() },
            None => (1..)
                .map(|number| {
                    let name = &config.run.name;
                    let name = if number == 1 { name.clone() } else { format!("{name}-{number}") };
                    Self { root: Path::new("runs").join(name) }
                })
                .find(|folder| folder.used_by().is_none())
                .expect("the numbers do not run out"),
        };
        make_folder(&folder.root)?;
        let mut config = config.clone();
        config.run.output_dir = Some(folder.root.clone());
        write_atomically(&folder.config(), config.to_yaml().as_bytes())?;
        Ok(folder)
    }

    /// Refuses a config whose `run.output_dir` holds a run, before any work is done for it.
    ///
    /// # Errors
    ///
    /// [`TrainError::RunFolderInUse`].
    pub fn check(config: &Config) -> Result<(), TrainError> {
        let Some(root) = &config.run.output_dir else {
            return Ok(());
        };
        match (Self { root: root.clone() }).used_by() {
            None => Ok(()),
            Some(found) => Err(TrainError::RunFolderInUse {
                path: root.clone(),
                found,
                hint: ", or continue that run with --resume",
            }),
        }
    }

    /// Opens the folder of an earlier run and reads the config that it was started with.
    ///
    /// # Errors
    ///
    /// [`TrainError::Io`] if there is no run in it, and as [`Config::load`].
    pub fn open(root: &Path) -> Result<(Self, Config), TrainError> {
        let folder = Self { root: root.to_owned() };
        let mut config = Config::load::<&str>(&folder.config(), &[])?;
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

    /// The checkpoint of the last finished epoch.
    #[must_use]
    pub fn last_checkpoint(&self) -> PathBuf {
        self.root.join("checkpoints").join("last.safetensors")
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

/// Makes a folder and its parents.
///
/// # Errors
///
/// [`TrainError::Io`].
pub fn make_folder(path: &Path) -> Result<(), TrainError> {
    fs::create_dir_all(path).map_err(|source| TrainError::io("create the folder", path, source))
}

/// Writes a file under a temporary name in its folder, syncs it, and renames it: readers see the old file or the new one.
///
/// # Errors
///
/// [`TrainError::Io`]; the file of that name is then what it was before.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_folder(folder)?;
    let fail = |source| TrainError::io("write", path, source);
    let mut file = NamedTempFile::new_in(folder).map_err(fail)?;
    // Temporary files are private by default; what a run leaves is as readable as any other file.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o644)).map_err(fail)?;
    }
    file.write_all(bytes).map_err(fail)?;
    file.as_file().sync_all().map_err(fail)?;
    file.persist(path).map_err(|error| fail(error.error))?;
    // The rename itself is durable once the folder is synced.
    #[cfg(unix)]
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(fail)?;
    Ok(())
}

/// Replaces a file's content and opens it for appending.
pub(crate) fn replace_and_append(path: &Path, bytes: &[u8]) -> Result<File, TrainError> {
    write_atomically(path, bytes)?;
    OpenOptions::new().append(true).open(path).map_err(|source| TrainError::io("open", path, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_a_run_is_refused_and_left_alone() {
        let scratch = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.run.output_dir = Some(scratch.path().join("run"));
        let folder = RunFolder::create(&config).unwrap();
        let before = fs::read(folder.config()).unwrap();
        config.run.epochs = 77;
        let message = RunFolder::create(&config).unwrap_err().to_string();
        assert!(message.contains("already in use") && message.contains("config.yaml"), "{message}");
        assert_eq!(fs::read(folder.config()).unwrap(), before);
        let (_, read) = RunFolder::open(folder.root()).unwrap();
        assert_eq!(read.run.epochs, 10);
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_other() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("file");
        write_atomically(&path, b"old").unwrap();
        // A folder in the place of the file makes the rename fail.
        let blocked = scratch.path().join("blocked");
        fs::create_dir(&blocked).unwrap();
        assert!(write_atomically(&blocked, b"new").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 2);
    }
}

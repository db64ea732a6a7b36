//! How a run is doing, for other processes: the file `status.json` of its folder.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use seqjepa_train::MetricsRow;
use seqjepa_train::storage::{Folder, StorageError, folder_of, read_json};
use serde::{Deserialize, Serialize};

use super::error::FolderError;
use super::lock::is_held;
use super::run_folder::{RunFolder, STATUS};

/// What a run was doing when it wrote its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// Getting ready.
    Starting,
    /// On the training split.
    Training,
    /// On the test split, with the online probes.
    Testing,
    /// Every epoch is done; the frozen probes are not.
    Trained,
    /// The frozen probes are under way.
    Evaluating,
    /// All is done.
    Finished,
    /// Asked to stop, saved, and ended.
    Stopped,
    /// Ended with an error.
    Failed,
}

impl RunState {
    /// Whether a process in this state is still at work.
    #[must_use]
    pub fn is_active(self) -> bool {
        matches!(self, Self::Starting | Self::Training | Self::Testing | Self::Evaluating)
    }
}

/// The content of `status.json`: a summary of a run, written whole every few seconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {
    /// What the run is doing.
    pub state: RunState,
    /// Name of the run.
    pub name: String,
    /// Process that runs it.
    pub pid: u32,
    /// Version of this project.
    pub version: String,
    /// When that process started with it, in seconds since 1970 (UTC).
    pub started: u64,
    /// When this was written.
    pub updated: u64,
    /// Epoch under way, from 1; after the last, the number of epochs.
    pub epoch: usize,
    /// Epochs in all.
    pub epochs: usize,
    /// Batches done of the split, or sequences or epochs of the frozen probes.
    pub batch: usize,
    /// Those there are.
    pub batches: usize,
    /// Optimizer steps done.
    pub step: u64,
    /// Optimizer steps in all.
    pub steps: u64,
    /// Learning rate of the epoch.
    pub learning_rate: Option<f64>,
    /// Loss of the last batch.
    pub loss: Option<f64>,
    /// Seconds until every epoch is done, at the pace of this process so far.
    pub eta_seconds: Option<f64>,
    /// The newest checkpoint of the run, in its folder.
    pub checkpoint: Option<PathBuf>,
    /// Optimizer steps that it holds.
    pub checkpoint_step: Option<u64>,
    /// What stopped the run.
    pub message: Option<String>,
    /// Figures of the last epoch done.
    pub last_metrics: Option<MetricsRow>,
}

impl Status {
    /// Reads a `status.json`.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if it cannot be read or is no such file.
    pub fn read(path: &Path) -> Result<Self, StorageError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Self::read_named(&Folder::at(folder_of(path)), &name)
    }

    /// Reads that of a run folder.
    pub(crate) fn read_in(root: &Folder) -> Result<Self, StorageError> {
        Self::read_named(root, STATUS)
    }

    fn read_named(folder: &Folder, name: &str) -> Result<Self, StorageError> {
        /// Far more than a status of the most figures takes.
        const LONGEST: u64 = 4 << 20;
        let text = folder.read(name, LONGEST)?;
        read_json(&text).map_err(|found| {
            let source = std::io::Error::other(format!("expected the status of a run, found {found}"));
            StorageError::new("read", &folder.path().join(name), source)
        })
    }

    /// Makes the status say that this process is getting ready to continue the run. That it cannot be said is no reason
    /// not to.
    pub(crate) fn restarting(root: &Folder) {
        let Ok(mut status) = Self::read_in(root) else { return };
        (status.state, status.pid, status.message) = (RunState::Starting, std::process::id(), None);
        (status.started, status.updated) = (seconds_since_1970(), seconds_since_1970());
        (status.eta_seconds, status.loss) = (None, None);
        if let Err(error) = status.write(root) {
            tracing::warn!("{error}");
        }
    }

    /// Replaces the `status.json` of a run folder.
    pub(crate) fn write(&self, root: &Folder) -> Result<(), StorageError> {
        root.write_unsynced(STATUS, &self.text())
    }

    /// The same wherever the folder is now: the last word of a run whose folder was moved belongs there.
    pub(crate) fn write_where_it_is(&self, root: &Folder) -> Result<(), StorageError> {
        root.write_where_it_is(STATUS, &self.text())
    }

    fn text(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).expect("a status is plain data");
        text.push(b'\n');
        text
    }

    /// Time since it was written.
    #[must_use]
    pub fn age(&self) -> Duration {
        Duration::from_secs(seconds_since_1970().saturating_sub(self.updated))
    }
}

/// Whether there is life in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// A process holds the run folder.
    Running,
    /// The process ended as it should, or with an error that it wrote down.
    Ended,
    /// The process was killed, or the machine went down: nobody holds the folder, and the status says nothing of an end.
    Died,
}

/// Looks at the run in a folder: its status, and whether a process is at work on it.
///
/// # Errors
///
/// [`FolderError::NoRun`] if there is no run, [`FolderError::Storage`] if its status cannot be read.
pub fn inspect(root: &Path) -> Result<(Status, Life), FolderError> {
    RunFolder::at(root).expect_run(&[STATUS])?;
    let folder = Folder::at(root);
    // First the lock: a process that ends in between has then written its last status.
    let held = is_held(&folder);
    let status = Status::read_in(&folder)?;
    let life = match (held, status.state.is_active()) {
        (true, _) => Life::Running,
        (false, true) => Life::Died,
        (false, false) => Life::Ended,
    };
    Ok((status, life))
}

pub(crate) fn seconds_since_1970() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

use std::path::{Path, PathBuf};

use seqjepa_tracking::wandb::{OfflineRun, RunDescription, Upload};
use seqjepa_tracking::{Timestamp, TrackingError};
use seqjepa_train::storage::{Folder, StorageError};
use serde_json::{Map, Value};

use super::identity::{Identity, new_id};
use super::place::StoredFolder;
use super::progress::{EPOCH, Held, Progress, STEP};
use super::system::Monitor;
use crate::config::{Config, WandbConfig, WandbMode};

/// The command of the public client.
pub(super) const CLIENT: &str = "wandb";

/// Whether the section asks for a run.
pub(super) fn is_on(config: &WandbConfig) -> bool {
    config.enabled && config.mode != Some(WandbMode::Disabled)
}

/// The folder called `wandb`.
fn home(config: &WandbConfig, root: &Folder) -> Folder {
    config.dir.as_ref().map_or_else(|| root.clone(), |dir| Folder::at(dir)).below("wandb")
}

/// The folder of the W&B run of the run in `root`, if it has one.
pub(super) fn folder(config: &WandbConfig, root: &Folder) -> Option<PathBuf> {
    let (_, name) = Identity::read(root)?;
    let folder = home(config, root);
    let held = folder.names().is_ok_and(|names| names.iter().any(|found| found.to_str() == Some(&name)));
    held.then(|| folder.path().join(name))
}

/// A W&B run that is being written.
#[derive(Debug)]
pub(super) struct WandbTracker {
    pub(super) run: OfflineRun,
    home: Folder,
    /// Whether it is sent at every checkpoint, and the one being sent now.
    sends: bool,
    upload: Option<Upload>,
}

impl WandbTracker {
    /// Goes on with that of the run in `root`, or begins it.
    pub(super) fn open(
        wandb: &WandbConfig,
        config: &Config,
        root: &Folder,
        (settings, backend): (&Map<String, Value>, &str),
        monitor: &Monitor,
        (progress, held): (&Progress, &mut Held),
    ) -> Result<Self, Problem> {
        let now = Timestamp::now();
        let home = home(wandb, root);
        let known = Identity::read(root);
        let id = known.as_ref().map_or_else(new_id, |(id, _)| id.clone());
        let mut description = RunDescription::new(id.clone(), program());
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        description.project = text(&wandb.project);
        description.entity = text(&wandb.entity);
        description.group = text(&wandb.group);
        description.name = wandb.name.clone().unwrap_or_else(|| config.run.name.clone());
        description.tags = wandb.tags.clone();
        description.config = settings.clone();
        description.machine = monitor.machine(backend);
        home.make()?;
        let place = StoredFolder(home.clone());
        let run = match known {
            Some((_, folder)) => OfflineRun::resume(place, &folder, &description, now, |row| {
                progress.keeps(held, row.figure(STEP), row.figure(EPOCH), row.names())
            })?,
            None => OfflineRun::create(place, &description, now)?,
        };
        Identity { id: id.to_string(), folder: run.folder().to_owned() }.write(root)?;
        let sends = wandb.mode == Some(WandbMode::Online) && wandb.sync_checkpoints;
        Ok(Self { run: run.along(STEP), home, sends, upload: None })
    }

    /// Hands all to the system, if the folder is still the one that it was.
    pub(super) fn flush(&mut self) -> Result<(), Problem> {
        self.home.check()?;
        Ok(self.run.flush()?)
    }

    /// Sends it beside the training, where that is asked for and nothing is being sent.
    pub(super) fn checkpoint(&mut self) -> Result<(), Problem> {
        self.flush()?;
        if !self.sends {
            return Ok(());
        }
        if let Some(upload) = &mut self.upload {
            match upload.is_done() {
                Ok(false) => return Ok(()),
                Ok(true) => self.upload = None,
                Err(error) => return Err(self.stop_sending(error.into())),
            }
        }
        match Upload::start(CLIENT, &self.path()) {
            Ok(upload) => self.upload = Some(upload),
            Err(error) => return Err(self.stop_sending(error.into())),
        }
        Ok(())
    }

    /// One problem is told once.
    fn stop_sending(&mut self, problem: Problem) -> Problem {
        (self.sends, self.upload) = (false, None);
        problem
    }

    fn path(&self) -> PathBuf {
        self.home.path().join(self.run.folder())
    }
}

/// Name and version of what writes.
pub(super) fn program() -> String {
    concat!("seqjepa ", env!("CARGO_PKG_VERSION")).into()
}

/// Sends the run in `folder` and waits for that.
pub(super) fn send(folder: &Path, go_on: impl Fn() -> bool) -> Result<(), String> {
    /// One that takes longer hangs.
    const LIMIT: std::time::Duration = std::time::Duration::from_secs(600);
    let sent = Upload::start(CLIENT, folder).and_then(|upload| upload.finish(LIMIT, go_on));
    sent.map_err(|error| error.to_string())
}

/// What has gone wrong with a tracker.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error(transparent)]
    Tracking(#[from] TrackingError),
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Upload(#[from] seqjepa_tracking::wandb::UploadError),
}

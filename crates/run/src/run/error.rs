use std::path::PathBuf;

use seqjepa_train::checkpoint::CheckpointError;
use seqjepa_train::observer::ObserverError;
use seqjepa_train::storage::StorageError;
use thiserror::Error;

use crate::config::{ConfigDifference, ConfigError};
use crate::device::DeviceError;
use crate::device_check::DeviceCheckError;
use crate::device_failure::{advice, waiting_for};
use crate::folder::FolderError;
use crate::registry::DataSetError;

/// What can stop a whole run, each with what was expected and what was found.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// A config that cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A device that cannot be had.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A device that computes wrongly.
    #[error(transparent)]
    DeviceCheck(#[from] DeviceCheckError),
    /// A run folder that cannot be made or taken.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A data set that cannot be used.
    #[error(transparent)]
    DataSet(#[from] DataSetError),
    /// A model that cannot be built.
    #[error(transparent)]
    Model(#[from] seqjepa_model::ModelError),
    /// Probes that cannot be built.
    #[error(transparent)]
    Probe(#[from] seqjepa_probes::ProbeError),
    /// An optimizer that cannot be built.
    #[error(transparent)]
    Optimizer(#[from] seqjepa_nn::NnError),
    /// The training loop stopped.
    #[error(transparent)]
    Train(#[from] seqjepa_train::TrainError),
    /// A checkpoint that cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The frozen evaluation stopped.
    #[error(transparent)]
    Evaluation(#[from] seqjepa_evaluation::EvaluationError),
    /// A file operation failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// An observer that could not go on.
    #[error(transparent)]
    Observer(#[from] ObserverError),
    /// The run was asked to stop ([`StopFlag`](seqjepa_train::StopFlag)) and did.
    #[error(
        "stopped {place}; {}",
        if *saved {
            format!("everything is saved, the run in {} can be resumed", path.display())
        } else {
            "nothing was saved, since run.save_checkpoint is false".to_owned()
        }
    )]
    Stopped {
        /// How far it was.
        place: String,
        /// The run folder.
        path: PathBuf,
        /// Whether the run can be continued from there.
        saved: bool,
    },
    /// A resume with another config than the run's.
    #[error(
        "the config is not that of the run in {}: expected the same values, found {}; leave the run's values, or allow the change",
        path.display(),
        differences.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    )]
    ConfigChanged {
        /// The run folder.
        path: PathBuf,
        /// The keys that differ, with both values.
        differences: Vec<ConfigDifference>,
    },
    /// A resume with other images than those that the run was started with.
    #[error(
        "the {split} images are not those of the run: expected data with SHA-256 {expected}, found {found}; restore the data, or allow the change"
    )]
    DataChanged {
        /// `training` or `test`.
        split: &'static str,
        /// Digest of the run's data.
        expected: String,
        /// Digest of the data there is.
        found: String,
    },
    /// A run that the machine cannot hold.
    #[error(
        "memory: expected at most the {} GiB of this machine, found that the run takes {} GiB before its first step; a smaller \
         `model.width`, `dataset.batch_size` or `dataset.synthetic_train` takes less",
        there >> 30,
        needed.div_ceil(1 << 30)
    )]
    Memory {
        /// Bytes that it takes in any case.
        needed: u64,
        /// Bytes of the machine.
        there: u64,
    },
    /// A device whose memory was used up.
    #[error(
        "memory: {device} has no more ({found}), and the run needs about {} GiB of it; {hint} takes less",
        gib(*expected)
    )]
    OutOfMemory {
        /// The device.
        device: String,
        /// What its backend has said.
        found: String,
        /// Bytes that the run was expected to take at a time, about.
        expected: u64,
        /// Keys of the config that make it less, in words.
        hint: String,
    },
    /// A device that did not compile or not launch a kernel.
    #[error("device `{device}` cannot run a kernel: {reason}{}. {}", waiting_for(waiting), advice(reason))]
    Kernel {
        /// The device's backend.
        device: String,
        /// What its compiler or driver has said.
        reason: String,
        /// Kernels that were left out since they needed what it was to compute, the first first.
        waiting: Vec<String>,
    },
    /// A remote device that is gone.
    #[error(
        "device `{device}`: its server ended the session, or cannot be reached any more; where it still runs, it has said why. What was \
         computed since the last checkpoint is lost: start the server again and resume the run"
    )]
    LostConnection {
        /// The device, as the config names it.
        device: String,
    },
    /// A resume whose metrics are not those that the run has written.
    #[error(
        "{}: expected to begin with the metrics of {} epochs ({} bytes) as the run has written them, found {found} whole lines that may be \
         theirs; they are kept nowhere else: bring the file back, or allow the change and go on with those lines",
        path.display(),
        expected.0,
        expected.1
    )]
    HistoryChanged {
        /// The file.
        path: PathBuf,
        /// Lines and bytes that the checkpoint knows of.
        expected: (usize, u64),
        /// Lines that can be read.
        found: usize,
    },
    /// The metrics file is no longer what the run has left.
    #[error(
        "{source}; the metrics of all epochs done are in {}: give that file the name metrics.jsonl, and the run can be resumed",
        kept.display()
    )]
    MetricsChanged {
        /// Where the metrics are now.
        kept: PathBuf,
        /// What was found.
        source: ObserverError,
    },
    /// A run without checkpoints that has done epochs.
    #[error(
        "expected a checkpoint in {}, found none, though the run has done {epochs} epochs; a resume would begin anew: {hint}",
        path.display()
    )]
    NoCheckpoint {
        /// Where checkpoints should be.
        path: PathBuf,
        /// Epochs in its metrics.
        epochs: usize,
        /// What can be done.
        hint: &'static str,
    },
}

/// GiB to one place.
pub(super) fn gib(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / (1_u64 << 30) as f64)
}

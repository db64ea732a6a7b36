use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::config::ConfigDifference;

/// Everything that can stop a run, each with what was expected and what was found.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A config file that is not YAML.
    #[error("{origin} is not valid YAML: {message}")]
    ConfigSyntax {
        /// The file.
        origin: String,
        /// The parser's words, with line and column.
        message: String,
    },
    /// A key that no section has.
    #[error("unknown key `{key}` in {origin}; the nearest known key is `{nearest}`")]
    UnknownKey {
        /// The key with its section.
        key: String,
        /// The file.
        origin: String,
        /// The known key most like it.
        nearest: String,
    },
    /// A value of the wrong type.
    #[error("`{key}` in {origin}: {message}")]
    MistypedValue {
        /// The key with its section.
        key: String,
        /// The file.
        origin: String,
        /// What was expected and found.
        message: String,
    },
    /// A value out of range.
    #[error("`{key}`: expected {expected}, found {found}")]
    InvalidValue {
        /// The key with its section.
        key: &'static str,
        /// What would be taken.
        expected: String,
        /// The value.
        found: String,
    },
    /// A command-line override that cannot be read.
    #[error("override `{text}`: expected section.key=value, but {message}")]
    Override {
        /// The override.
        text: String,
        /// What is wrong with it.
        message: String,
    },
    /// A device of a backend that this build does not contain.
    #[error(
        "device `{device}`: this build has no {backend} backend (compiled in: {compiled}); build with `--features {feature}`"
    )]
    BackendNotCompiled {
        /// The device asked for.
        device: String,
        /// Its backend.
        backend: &'static str,
        /// The cargo feature that brings it.
        feature: &'static str,
        /// The backends there are.
        compiled: String,
    },
    /// A device that the machine does not have.
    #[error("device `{device}` is not there: the {backend} backend sees {found} device(s) on this machine")]
    DeviceAbsent {
        /// The device asked for.
        device: String,
        /// Its backend.
        backend: &'static str,
        /// Devices of that backend.
        found: usize,
    },
    /// The run folder holds another run.
    #[error(
        "run folder {} is already in use: expected a folder without a run, found {found}; choose another run.output_dir{hint}",
        path.display()
    )]
    RunFolderInUse {
        /// The folder.
        path: PathBuf,
        /// The file that shows it.
        found: &'static str,
        /// What else can be done.
        hint: &'static str,
    },
    /// A file operation that failed.
    #[error("could not {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Fewer images than a batch.
    #[error("the {split} split has {found} images, expected at least {expected} ({reason})")]
    TooFewImages {
        /// `training` or `test`.
        split: &'static str,
        /// Images there are.
        found: usize,
        /// Images needed.
        expected: usize,
        /// Why.
        reason: &'static str,
    },
    /// Another process trains in the run folder.
    #[error(
        "run folder {} is in use by another process{}; expected none, since two would overwrite each other's files",
        path.display(),
        process.map_or_else(String::new, |process| format!(" (process {process})"))
    )]
    RunFolderLocked {
        /// The folder.
        path: PathBuf,
        /// The process that wrote its `status.json` last.
        process: Option<u32>,
    },
    /// A loss, gradient, parameter or probe is NaN or infinite.
    #[error(
        "{what} at step {step} (epoch {epoch}, batch {batch}, learning rate {learning_rate}); expected a finite number. Batch of images {indices:?}{}",
        diagnostic.as_ref().map_or_else(String::new, |path| format!(". The last state is in {}", path.display()))
    )]
    NonFinite {
        /// What is not finite: `the loss is NaN`, say.
        what: String,
        /// Optimizer steps done before it.
        step: u64,
        /// Epoch, from 1.
        epoch: usize,
        /// Batch of the epoch, from 0.
        batch: usize,
        /// The learning rate of that step.
        learning_rate: f64,
        /// Indices of the batch's images in the data set.
        indices: Vec<u32>,
        /// A checkpoint of the last state, before the step if that was not made, where one was written.
        diagnostic: Option<PathBuf>,
    },
    /// The run was asked to stop ([`StopFlag`](crate::StopFlag)) and did.
    #[error(
        "stopped {place}; {}",
        if *saved {
            format!("everything is saved, continue with --resume {}", path.display())
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
        "the config is not that of the run in {}: expected the same values, found {}; leave the run's values, or continue with these by --allow-config-change",
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
        "the {split} images are not those of the run: expected data with SHA-256 {expected}, found {found}; restore the data, or continue with these by --allow-config-change"
    )]
    DataChanged {
        /// `training` or `test`.
        split: &'static str,
        /// Digest of the run's data.
        expected: String,
        /// Digest of the data there is.
        found: String,
    },
    /// Checkpoints of which none can be used.
    #[error("expected a usable checkpoint in {}, found only damaged ones: {found}", path.display())]
    NoUsableCheckpoint {
        /// Their folder.
        path: PathBuf,
        /// What is wrong with each.
        found: String,
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
    /// A representation that is NaN or infinite.
    #[error("{name} of image {image} holds {found}; expected finite numbers: is the checkpoint whole?")]
    NonFiniteFeatures {
        /// `z_t` or `z_AGG`.
        name: &'static str,
        /// Number of the image, from 0.
        image: usize,
        /// The value.
        found: f32,
    },
    /// A checkpoint that cannot be used.
    #[error("checkpoint {}: {message}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What was expected and found.
        message: String,
    },
    /// A result card that cannot be used.
    #[error("result card {}: {message}; make one with `--example evaluate`", path.display())]
    Card {
        /// The file.
        path: PathBuf,
        /// What was expected and found.
        message: String,
    },
    /// An evaluation that the model or its checkpoint does not allow.
    #[error("cannot evaluate: expected {expected}, found {found}")]
    Evaluation {
        /// What it takes.
        expected: String,
        /// What there is.
        found: String,
    },
    /// A checkpoint within an epoch that has fewer batches here.
    #[error(
        "the checkpoint is within an epoch: expected at most {there_are} training batches done, found {done}"
    )]
    Position {
        /// Training batches that the checkpoint has done.
        done: usize,
        /// Batches of an epoch.
        there_are: usize,
    },
    /// Data that cannot be used.
    #[error(transparent)]
    Data(#[from] seqjepa_data::DataError),
    /// A view distribution that cannot be used.
    #[error(transparent)]
    Augment(#[from] seqjepa_data::AugmentError),
    /// A model that cannot be built.
    #[error(transparent)]
    Model(#[from] seqjepa_model::ModelError),
    /// Probes that cannot be trained.
    #[error(transparent)]
    Probe(#[from] seqjepa_probes::ProbeError),
    /// An optimizer that cannot be built, or tensors that do not fit the model or the optimizer.
    #[error(transparent)]
    State(#[from] seqjepa_nn::NnError),
}

impl TrainError {
    /// An [`TrainError::Io`] with its action and path.
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }
}

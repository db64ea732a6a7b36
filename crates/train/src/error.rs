use thiserror::Error;

use crate::checkpoint::CheckpointError;
use crate::observer::ObserverError;
use crate::trainer::NonFiniteStep;

/// What can stop the training loop, each with what was expected and what was found.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A loss, gradient, parameter or probe is NaN or infinite.
    #[error(transparent)]
    NonFinite(Box<NonFiniteStep>),
    /// Parts of a trainer that do not fit together.
    #[error("trainer: expected {expected}, found {found}")]
    Mismatch {
        /// What would fit.
        expected: String,
        /// What was given.
        found: String,
    },
    /// Devices that do not add up.
    #[error(
        "all-reduce of {devices} devices: expected {expected}, found {found}; that through the memory of the machine \
         (`AllReduce::Host`) needs nothing of theirs"
    )]
    AllReduce {
        /// How many there are.
        devices: usize,
        /// The sum.
        expected: String,
        /// What there is in its place.
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
    /// A checkpoint that cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Sequences that cannot be made.
    #[error(transparent)]
    Data(#[from] seqjepa_data::DataError),
    /// A method that does not take its input.
    #[error(transparent)]
    Model(#[from] seqjepa_model::ModelError),
    /// Probes that cannot be trained.
    #[error(transparent)]
    Probe(#[from] seqjepa_probes::ProbeError),
    /// Collapse diagnostics that cannot be made.
    #[error("collapse diagnostics: {0}")]
    Diagnostics(#[from] seqjepa_probes::NumericError),
    /// Tensors that do not fit the method or the optimizer.
    #[error(transparent)]
    State(#[from] seqjepa_nn::NnError),
    /// An observer that could not go on.
    #[error(transparent)]
    Observer(#[from] ObserverError),
}

impl From<seqjepa_probes::InputError> for TrainError {
    fn from(error: seqjepa_probes::InputError) -> Self {
        Self::Diagnostics(error.into())
    }
}

//! What training, evaluation and embedding tell whoever watches: progress bars, files, trackers.

use std::path::Path;
use std::time::Duration;

use crate::metrics::MetricsRow;

/// Why an observer could not go on; it ends the work that it watches.
pub type ObserverError = Box<dyn std::error::Error + Send + Sync>;

/// Work that is counted while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Fetching the archive of a data set; counted in bytes.
    Downloading,
    /// Decoding the files of a data set; counted in images.
    Decoding,
    /// Extracting features for the frozen probes; counted in sequences.
    ExtractingFeatures,
    /// Fitting and scoring exact probes; counted in probes.
    FittingProbes,
    /// Training frozen probes by gradient descent; counted in epochs.
    TrainingProbes,
    /// Embedding the images of a folder; counted in images.
    Embedding,
}

/// Something that happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A checkpoint is damaged; an earlier one takes its place.
    CheckpointDamaged {
        /// What is wrong with it, and its file.
        problem: &'a str,
    },
    /// A run goes on from a checkpoint.
    Resumed {
        /// Its file; `None` if the run was killed before its first one, and starts anew.
        path: Option<&'a Path>,
        /// Epochs done.
        epoch: usize,
        /// Training batches of the next epoch done.
        batch: usize,
    },
    /// Training is about to start.
    RunStarted {
        /// First epoch that will run, counted from 1; above 1 after a resume.
        first_epoch: usize,
        /// Epochs in all.
        epochs: usize,
        /// Optimizer steps done before, and in all.
        steps: (u64, u64),
        /// Trainable values of the model.
        parameters: u64,
    },
    /// An epoch starts.
    EpochStarted {
        /// The epoch, counted from 1.
        epoch: usize,
        /// Training batches that it has.
        batches: usize,
        /// Those of them that were done before a resume.
        done: usize,
        /// The learning rate of its next step.
        learning_rate: f64,
    },
    /// A training step has been handed to the device; its loss is known later ([`Event::StepLogged`]).
    StepFinished {
        /// Steps done in the whole run, this one included.
        step: u64,
        /// Batch of the epoch, from 0.
        batch: usize,
        /// Sequences of the batch.
        sequences: usize,
        /// Time that the epoch has spent waiting for data, since this process took it up.
        data_wait: Duration,
    },
    /// The loss of a step has come back from the device. Every step is logged once, in order.
    StepLogged {
        /// Steps done in the whole run, this one included.
        step: u64,
        /// Loss of the batch.
        loss: f64,
        /// The loss's named terms, as the method gives them.
        terms: &'a [(&'static str, f64)],
        /// Learning rate of the step.
        learning_rate: f64,
    },
    /// A step was left out, since its loss or gradient is not finite.
    StepSkipped {
        /// Steps done before it.
        step: u64,
        /// What is not finite.
        what: &'a str,
        /// Indices of the batch's samples in the data set.
        indices: &'a [u32],
    },
    /// The online evaluation on the test split starts.
    TestStarted {
        /// Test batches.
        batches: usize,
    },
    /// A test batch has been handed to the device.
    TestBatchFinished {
        /// Batch of the split, from 0.
        batch: usize,
    },
    /// An epoch is done.
    EpochFinished {
        /// Its figures.
        row: &'a MetricsRow,
    },
    /// A checkpoint is on disk.
    CheckpointSaved {
        /// The file.
        path: &'a Path,
        /// Optimizer steps that it holds.
        step: u64,
    },
    /// Some counted work has come further.
    Progress {
        /// Which.
        stage: Stage,
        /// What is done just now, where that has a name.
        what: Option<&'a str>,
        /// Units done.
        done: u64,
        /// Units in all, where that is known.
        total: Option<u64>,
    },
}

/// Watches. An error ends what is watched: a metrics file that cannot be written must not go unseen.
pub trait Observer {
    /// Called at every event, in order, on the working thread.
    ///
    /// # Errors
    ///
    /// Whatever the observer could not do; the work ends with it.
    fn observe(&mut self, event: &Event) -> Result<(), ObserverError>;
}

impl<F: FnMut(&Event) -> Result<(), ObserverError>> Observer for F {
    fn observe(&mut self, event: &Event) -> Result<(), ObserverError> {
        self(event)
    }
}

/// Any number of observers, told in order.
#[derive(Default)]
pub struct Observers<'a> {
    list: Vec<Box<dyn Observer + 'a>>,
}

impl<'a> Observers<'a> {
    /// No observers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one at the end.
    #[must_use]
    pub fn with(mut self, observer: impl Observer + 'a) -> Self {
        self.list.push(Box::new(observer));
        self
    }
}

impl Observer for Observers<'_> {
    fn observe(&mut self, event: &Event) -> Result<(), ObserverError> {
        self.list.iter_mut().try_for_each(|observer| observer.observe(event))
    }
}

//! What the trainer tells whoever watches: progress bars, files, trackers.

use std::path::Path;

use crate::TrainError;
use crate::metrics::MetricsRow;

/// Something that happened in a run.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A data set's archive is being fetched.
    Downloading {
        /// Bytes on disk.
        received: u64,
        /// Bytes of the whole file, where the server says.
        total: Option<u64>,
    },
    /// A checkpoint is damaged; an earlier one takes its place.
    CheckpointDamaged {
        /// What is wrong with it, and its file.
        error: &'a TrainError,
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
        /// Its learning rate.
        learning_rate: f64,
    },
    /// An optimizer step is done.
    StepFinished {
        /// Steps done in the whole run.
        step: u64,
        /// Batch of the epoch, from 0.
        batch: usize,
        /// Prediction loss of the batch; NaN for a step that was left out.
        loss: f64,
    },
    /// A step was left out, since its loss or gradient is not finite (`run.skip_nonfinite_steps`).
    StepSkipped {
        /// Steps done before it.
        step: u64,
        /// What is not finite.
        what: &'a str,
        /// Indices of the batch's images in the data set.
        indices: &'a [u32],
    },
    /// The online evaluation on the test split starts.
    TestStarted {
        /// Test batches.
        batches: usize,
    },
    /// A test batch is done.
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
    /// Features for the frozen probes are being extracted.
    FeaturesExtracted {
        /// Sequences encoded so far.
        done: usize,
        /// Sequences to encode.
        total: usize,
    },
    /// Images of a folder have been embedded.
    ImagesEmbedded {
        /// Images so far.
        done: usize,
        /// Images in all.
        total: usize,
    },
    /// An exact probe is fitted and scored.
    ProbeFitted {
        /// What it reads from what.
        what: &'a str,
        /// Probes done.
        done: usize,
        /// Probes in all.
        total: usize,
    },
    /// An epoch of the frozen probes is done.
    ProbeEpochFinished {
        /// Probe epochs done.
        done: usize,
        /// Probe epochs in all.
        total: usize,
    },
}

/// Watches a run. An error ends the run: a metrics file that cannot be written must not go unseen.
pub trait Observer {
    /// Called at every event, in order, on the training thread.
    ///
    /// # Errors
    ///
    /// Whatever the observer could not do; the run ends with it.
    fn observe(&mut self, event: &Event) -> Result<(), TrainError>;
}

impl<F: FnMut(&Event) -> Result<(), TrainError>> Observer for F {
    fn observe(&mut self, event: &Event) -> Result<(), TrainError> {
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
    fn observe(&mut self, event: &Event) -> Result<(), TrainError> {
        self.list.iter_mut().try_for_each(|observer| observer.observe(event))
    }
}

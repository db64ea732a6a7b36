use std::path::PathBuf;

use thiserror::Error;

/// A step at which something is NaN or infinite, and where it was.
#[derive(Debug, Error)]
#[error(
    "{what} at step {step} (epoch {epoch}, batch {batch}, learning rate {learning_rate}); expected a finite number. Batch of images {indices:?}{}",
    diagnostic.as_ref().map_or_else(String::new, |path| format!(". The last state is in {}", path.display()))
)]
#[non_exhaustive]
pub struct NonFiniteStep {
    /// What is not finite: `the loss is NaN`, say.
    pub what: String,
    /// Optimizer steps done before it.
    pub step: u64,
    /// Epoch, from 1.
    pub epoch: usize,
    /// Batch of the epoch, from 0.
    pub batch: usize,
    /// The learning rate of that step.
    pub learning_rate: f64,
    /// Indices of the batch's samples in the data set.
    pub indices: Vec<u32>,
    /// A checkpoint of the last state, before the step if that was not made, where one was written.
    pub diagnostic: Option<PathBuf>,
}

//! Batches of sequences: parallel, ordered, in bounded memory, the same bits for any number of threads.

mod batch;
mod byte_views;
mod config;
mod epoch;
mod pool;
mod shared;

pub use batch::{BatchParts, SequenceBatch};
pub use byte_views::ByteViews;
pub use config::LoaderConfig;
pub use epoch::SequenceEpoch;
pub use pool::PooledBatch;

use std::sync::Arc;
use std::time::Duration;

use crate::error::DataError;
use crate::source::SequenceSource;
use shared::Shared;

/// Makes the batches of any epoch.
///
/// Every random draw is keyed by (seed, split, epoch, sample, view), and the order of an epoch by (seed, split,
/// epoch): the batches are the same bits whatever the number of threads, and an epoch can be entered at any batch.
/// One batch is made at a time, by all threads together; `prefetch` finished ones wait, and the consumer holds one.
#[derive(Debug)]
pub struct SequenceLoader {
    shared: Arc<Shared>,
}

impl SequenceLoader {
    /// Checks the settings and starts the worker threads; they sleep until an epoch is asked for.
    ///
    /// # Errors
    /// [`DataError::InvalidArgument`] for a layout or setting out of range, also for a subset index beyond the samples and
    /// for `drop_last` that would leave no batch; [`DataError::Threads`] when the system gives no thread.
    pub fn new(source: Arc<dyn SequenceSource>, config: LoaderConfig) -> Result<Self, DataError> {
        source.layout().validate()?;
        config.validate(&*source)?;
        Ok(Self { shared: Arc::new(Shared::new(source, config)?) })
    }

    /// What makes the sequences.
    #[must_use]
    pub fn source(&self) -> &Arc<dyn SequenceSource> {
        &self.shared.source
    }

    /// Which samples are loaded, in which order, with how many threads.
    #[must_use]
    pub fn config(&self) -> &LoaderConfig {
        &self.shared.config
    }

    /// Number of batches of every epoch, at least 1.
    #[must_use]
    pub fn batches_per_epoch(&self) -> usize {
        self.shared.batches()
    }

    /// Number of sequences of every epoch, without those that `drop_last` leaves out.
    #[must_use]
    pub fn samples_per_epoch(&self) -> usize {
        let (samples, config) = (self.shared.samples(), &self.shared.config);
        if config.drop_last { samples - samples % config.batch_size } else { samples }
    }

    /// The batches of `epoch` (from 0) from `first_batch` on, in order; none if there are not so many.
    ///
    /// Dropping the iterator stops its work. Several may run at a time.
    #[must_use]
    pub fn epoch(&self, epoch: u64, first_batch: usize) -> SequenceEpoch {
        SequenceEpoch::new(Arc::clone(&self.shared), epoch, first_batch)
    }

    /// Time that consumers have spent waiting in [`SequenceEpoch::next`], over all epochs so far.
    ///
    /// Work done in the consumer's own thread (`threads` or `prefetch` 0) is waiting too.
    #[must_use]
    pub fn wait_time(&self) -> Duration {
        self.shared.waited()
    }
}

//! Batches of sequences: parallel, ordered, in bounded memory, the same bits for any number of threads.

mod batch;
mod config;
mod epoch;

pub use batch::{PooledBatch, SequenceBatch};
pub use config::LoaderConfig;
pub use epoch::SequenceEpoch;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::augment::Scratch;
use crate::dataset::ImageSet;
use crate::error::DataError;
use crate::rng::ShuffleKey;
use crate::sequence::{SequenceConfig, SequenceKey, SequenceSlot};
use batch::BatchPool;

/// Sequences that one worker makes in one go: a few hundred microseconds of work.
const GRAIN: usize = 4;

/// Makes the batches of any epoch.
///
/// Every random draw is keyed by (seed, split, epoch, sample, view), and the order of an epoch by (seed, split,
/// epoch): the batches are the same bits whatever the number of threads, and an epoch can be entered at any batch.
/// One batch is made at a time, by all threads together; `prefetch` finished ones wait, and the consumer holds one.
#[derive(Debug)]
pub struct SequenceLoader {
    shared: Arc<Shared>,
}

/// What the loader, its epochs and their threads have in common.
#[derive(Debug)]
struct Shared {
    images: Arc<ImageSet>,
    sequence: SequenceConfig,
    config: LoaderConfig,
    workers: Option<rayon::ThreadPool>,
    /// One for each worker; one for the consumer's thread if there is no worker.
    scratch: Vec<Mutex<Scratch>>,
    pool: Arc<BatchPool>,
    wait_nanos: AtomicU64,
}

impl SequenceLoader {
    /// Checks the settings and starts the worker threads; they sleep until an epoch is asked for.
    ///
    /// # Errors
    /// [`DataError::InvalidArgument`] or [`DataError::Augment`] for a setting out of range, also for a subset index
    /// beyond the images and for `drop_last` that would leave no batch; [`DataError::Threads`] when the system gives
    /// no thread.
    pub fn new(
        images: Arc<ImageSet>,
        sequence: SequenceConfig,
        config: LoaderConfig,
    ) -> Result<Self, DataError> {
        sequence.validate()?;
        config.validate(&images)?;
        Self::unchecked(images, sequence, config)
    }

    fn unchecked(
        images: Arc<ImageSet>,
        sequence: SequenceConfig,
        config: LoaderConfig,
    ) -> Result<Self, DataError> {
        let workers = (config.threads > 0)
            .then(|| {
                rayon::ThreadPoolBuilder::new()
                    .num_threads(config.threads)
                    .thread_name(|index| format!("loader-{index}"))
                    .build()
                    .map_err(|error| DataError::Threads { reason: error.to_string() })
            })
            .transpose()?;
        let scratch = (0..config.threads.max(1)).map(|_| Mutex::default()).collect();
        let pool = BatchPool::new(config.prefetch + 2);
        let shared =
            Shared { images, sequence, config, workers, scratch, pool, wait_nanos: AtomicU64::new(0) };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The source images.
    pub fn images(&self) -> &Arc<ImageSet> {
        &self.shared.images
    }

    /// How sequences are made.
    pub fn sequence(&self) -> &SequenceConfig {
        &self.shared.sequence
    }

    /// Number of batches of every epoch, at least 1.
    pub fn batches_per_epoch(&self) -> usize {
        self.shared.batches()
    }

    /// Number of sequences of every epoch, without those that `drop_last` leaves out.
    pub fn samples_per_epoch(&self) -> usize {
        let samples = self.shared.samples();
        if self.shared.config.drop_last { samples - samples % self.shared.config.batch_size } else { samples }
    }

    /// The batches of `epoch` (from 0) from `first_batch` on, in order; none if there are not so many.
    ///
    /// Dropping the iterator stops its work. Several may run at a time.
    pub fn epoch(&self, epoch: u64, first_batch: usize) -> SequenceEpoch {
        SequenceEpoch::new(Arc::clone(&self.shared), epoch, first_batch)
    }

    /// Time that consumers have spent waiting in [`SequenceEpoch::next`], over all epochs so far.
    ///
    /// Work done in the consumer's own thread (`threads` or `prefetch` 0) is waiting too.
    pub fn wait_time(&self) -> Duration {
        Duration::from_nanos(self.shared.wait_nanos.load(Ordering::Relaxed))
    }
}

impl Shared {
    fn samples(&self) -> usize {
        self.config.subset.as_ref().map_or(self.images.len(), Vec::len)
    }

    fn batches(&self) -> usize {
        let (samples, size) = (self.samples(), self.config.batch_size);
        if self.config.drop_last { samples / size } else { samples.div_ceil(size) }
    }

    /// Indices of the images of `epoch`, in order.
    fn order(&self, epoch: u64) -> Vec<u32> {
        let mut order = match &self.config.subset {
            Some(subset) => subset.clone(),
            // `ImageSet` holds no more images than a `u32` can index.
            None => (0..self.images.len() as u32).collect(),
        };
        if self.config.shuffle {
            ShuffleKey { seed: self.sequence.seed, split: self.config.split, epoch }.shuffle(&mut order);
        }
        order
    }

    /// Makes one batch; its content is unspecified if `stop` was set meanwhile.
    fn make(
        &self,
        order: &[u32],
        epoch: u64,
        number: usize,
        stop: &AtomicBool,
    ) -> Result<PooledBatch, DataError> {
        let start = number * self.config.batch_size;
        let indices = &order[start..order.len().min(start + self.config.batch_size)];
        let mut batch = self.pool.take(&self.sequence);
        let buffers = batch.get_mut();
        buffers.resize(indices.len());
        buffers.indices.copy_from_slice(indices);
        for (label, &index) in buffers.labels.iter_mut().zip(indices) {
            *label = self.images.label(index as usize);
        }
        let slots = buffers.slots();
        match &self.workers {
            Some(workers) => workers.install(|| self.fill(indices, epoch, slots, stop))?,
            None => self.fill_here(indices, epoch, slots, stop)?,
        }
        Ok(batch)
    }

    /// Divides the work among the pool that this runs in. Of several errors, the first sample's is returned.
    fn fill(
        &self,
        indices: &[u32],
        epoch: u64,
        slots: SequenceSlot<'_>,
        stop: &AtomicBool,
    ) -> Result<(), DataError> {
        if indices.len() <= GRAIN {
            return self.fill_here(indices, epoch, slots, stop);
        }
        let middle = indices.len() / 2;
        let (first, second) = slots.split_at(middle, indices.len());
        let (first, second) = rayon::join(
            || self.fill(&indices[..middle], epoch, first, stop),
            || self.fill(&indices[middle..], epoch, second, stop),
        );
        first.and(second)
    }

    fn fill_here(
        &self,
        indices: &[u32],
        epoch: u64,
        mut slots: SequenceSlot<'_>,
        stop: &AtomicBool,
    ) -> Result<(), DataError> {
        // Without a pool of its own this runs in the consumer's thread, which may belong to another pool.
        let worker = if self.workers.is_some() { rayon::current_thread_index().unwrap_or(0) } else { 0 };
        let mut scratch = self.scratch[worker].lock().unwrap_or_else(PoisonError::into_inner);
        for (done, &sample) in indices.iter().enumerate() {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let (slot, rest) = slots.split_at(1, indices.len() - done);
            slots = rest;
            let key = SequenceKey { split: self.config.split, epoch, sample };
            self.sequence.fill(self.images.image(sample as usize), key, &mut scratch, slot)?;
        }
        Ok(())
    }
}

//! The work of the loader: a batch, by all threads together.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::LoaderConfig;
use super::batch::{BatchSlots, SequenceBatch, Slots};
use super::pool::{BatchPool, PooledBatch};
use crate::error::DataError;
use crate::rng::ShuffleKey;
use crate::source::{ByteSource, Pixel, SequenceKey, SequenceScratch, SequenceSlot, SequenceSource};

/// Sequences that one worker makes in one go: a few hundred microseconds of work.
const GRAIN: usize = 4;

/// What the loader, its epochs and their threads have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) source: Arc<dyn SequenceSource>,
    pub(super) config: LoaderConfig,
    workers: Option<rayon::ThreadPool>,
    /// Working memory, one for each worker; without workers, one for the consumer's thread.
    scratch: Vec<Mutex<SequenceScratch>>,
    pool: Arc<BatchPool>,
    wait_nanos: AtomicU64,
}

impl Shared {
    pub(super) fn new(source: Arc<dyn SequenceSource>, config: LoaderConfig) -> Result<Self, DataError> {
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
        Ok(Self { source, config, workers, scratch, pool, wait_nanos: AtomicU64::new(0) })
    }

    /// Whether batches are made by threads of the loader's own.
    pub(super) fn has_workers(&self) -> bool {
        self.workers.is_some()
    }

    /// Adds to the time that consumers have spent waiting.
    pub(super) fn add_waited(&self, waited: Duration) {
        let nanos = u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX);
        self.wait_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    pub(super) fn waited(&self) -> Duration {
        Duration::from_nanos(self.wait_nanos.load(Ordering::Relaxed))
    }

    pub(super) fn samples(&self) -> usize {
        self.config.subset.as_ref().map_or(self.source.len(), Vec::len)
    }

    pub(super) fn batches(&self) -> usize {
        let (samples, size) = (self.samples(), self.config.batch_size);
        if self.config.drop_last { samples / size } else { samples.div_ceil(size) }
    }

    /// Indices of the samples of `epoch`, in order.
    pub(super) fn order(&self, epoch: u64) -> Vec<u32> {
        let mut order = match &self.config.subset {
            Some(subset) => subset.clone(),
            // The config's check refuses more samples than a `u32` can index.
            None => (0..).take(self.source.len()).collect(),
        };
        if self.config.shuffle {
            ShuffleKey { seed: self.config.seed, split: self.config.split, epoch }.shuffle(&mut order);
        }
        order
    }

    /// Makes one batch; its content is unspecified if `stop` was set meanwhile.
    pub(super) fn make(
        &self,
        order: &[u32],
        epoch: u64,
        number: usize,
        stop: &AtomicBool,
    ) -> Result<PooledBatch, DataError> {
        let start = number * self.config.batch_size;
        let indices = &order[start..order.len().min(start + self.config.batch_size)];
        let mut batch = self.pool.take(|| {
            let rendered = self.config.rendered_views.unwrap_or(usize::MAX);
            // Tables are those of red, green and blue.
            let bytes = self.config.bytes && self.source.layout().channels == 3;
            let source = if bytes { self.source.as_bytes() } else { None };
            let bytes = source.map(ByteSource::normalization);
            SequenceBatch::empty(self.source.layout(), rendered, self.config.render_target, bytes)
        });
        let buffers = batch.get_mut();
        buffers.resize(indices.len());
        buffers.indices.copy_from_slice(indices);
        buffers.set_labels(indices.iter().map(|&index| self.source.label(index as usize)));
        match buffers.slots() {
            Slots::Values(slots) => self.fill_all(indices, epoch, slots, stop)?,
            Slots::Bytes(slots) => self.fill_all(indices, epoch, slots, stop)?,
        }
        Ok(batch)
    }

    fn fill_all<P: Pixel>(
        &self,
        indices: &[u32],
        epoch: u64,
        slots: BatchSlots<'_, P>,
        stop: &AtomicBool,
    ) -> Result<(), DataError> {
        match &self.workers {
            Some(workers) => workers.install(|| self.fill(indices, epoch, slots, stop)),
            None => self.fill_here(indices, epoch, slots, stop),
        }
    }

    /// Divides the work among the pool that this runs in. Of several errors, the first sample's is returned.
    fn fill<P: Pixel>(
        &self,
        indices: &[u32],
        epoch: u64,
        slots: BatchSlots<'_, P>,
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

    fn fill_here<P: Pixel>(
        &self,
        indices: &[u32],
        epoch: u64,
        mut slots: BatchSlots<'_, P>,
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
            let key = SequenceKey { seed: self.config.seed, split: self.config.split, epoch, sample };
            let BatchSlots { observed, target, parameters, actions, relative } = slot;
            let slot = SequenceSlot { observed, target, parameters: &mut *parameters };
            P::fill(&*self.source, key, &mut scratch, slot)?;
            let made = self.source.layout().actions.sequence(parameters, actions, relative);
            made.map_err(|source| DataError::SampleActions { sample, source })?;
        }
        Ok(())
    }
}

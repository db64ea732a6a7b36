//! Batches whose buffers are used again.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::batch::SequenceBatch;

/// Buffers that wait for reuse.
#[derive(Debug)]
pub(super) struct BatchPool {
    free: Mutex<Vec<SequenceBatch>>,
    capacity: usize,
}

impl BatchPool {
    /// A pool that keeps at most `capacity` batches.
    pub(super) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { free: Mutex::new(Vec::with_capacity(capacity)), capacity })
    }

    /// A used batch, or a new one for the first few.
    pub(super) fn take(self: &Arc<Self>, new: impl FnOnce() -> SequenceBatch) -> PooledBatch {
        let used = self.lock().pop();
        PooledBatch { batch: Some(used.unwrap_or_else(new)), pool: Arc::clone(self) }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<SequenceBatch>> {
        // Nothing panics while the lock is held.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A batch whose buffers go back to the loader when it is dropped.
///
/// Dereferences to [`SequenceBatch`]. Batches may be kept as long as you like; the loader then allocates others.
#[derive(Debug)]
pub struct PooledBatch {
    /// `None` only while being dropped or taken apart.
    batch: Option<SequenceBatch>,
    pool: Arc<BatchPool>,
}

impl PooledBatch {
    /// Takes the buffers out for good.
    #[must_use]
    pub fn into_inner(mut self) -> SequenceBatch {
        self.batch.take().expect("only drop and this function take the batch")
    }

    pub(super) fn get_mut(&mut self) -> &mut SequenceBatch {
        self.batch.as_mut().expect("only drop and into_inner take the batch")
    }
}

impl Deref for PooledBatch {
    type Target = SequenceBatch;

    fn deref(&self) -> &SequenceBatch {
        self.batch.as_ref().expect("only drop and into_inner take the batch")
    }
}

impl Drop for PooledBatch {
    fn drop(&mut self) {
        if let Some(batch) = self.batch.take() {
            let mut free = self.pool.lock();
            if free.len() < self.pool.capacity {
                free.push(batch);
            }
        }
    }
}

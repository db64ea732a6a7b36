//! The buffers of a batch, and the pool they return to.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use crate::sequence::{PARAMETERS, SequenceConfig, SequenceSlot};

/// A batch of sequences in contiguous row-major buffers.
///
/// In the shapes, `views` is the number of observed views (the paper's M) and `parameters` the length of an action.
#[derive(Clone, Debug, PartialEq)]
pub struct SequenceBatch {
    /// Observed views, normalised, `[batch, views, 3, height, width]`.
    pub observed: Vec<f32>,
    /// Target views, normalised, `[batch, 3, height, width]`.
    pub target: Vec<f32>,
    /// Raw action parameters, the target's last, `[batch, views + 1, parameters]`: see
    /// [`AugmentParams::action`](crate::AugmentParams::action).
    pub parameters: Vec<f32>,
    /// Normalised actions, `[batch, views + 1, parameters]`.
    pub actions: Vec<f32>,
    /// Relative actions: row `t` is action `t + 1` minus action `t`, `[batch, views, parameters]`.
    pub relative: Vec<f32>,
    /// Class of each source image, `[batch]`.
    pub labels: Vec<u32>,
    /// Index of each source image in its data set, `[batch]`.
    pub indices: Vec<u32>,
    views: usize,
    height: usize,
    width: usize,
}

impl SequenceBatch {
    pub(super) fn new(config: &SequenceConfig) -> Self {
        Self {
            observed: Vec::new(),
            target: Vec::new(),
            parameters: Vec::new(),
            actions: Vec::new(),
            relative: Vec::new(),
            labels: Vec::new(),
            indices: Vec::new(),
            views: config.observed_views,
            height: config.observed.output_height,
            width: config.observed.output_width,
        }
    }

    /// Number of sequences, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "the loader makes no empty batch")]
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Number of observed views of each sequence.
    pub fn views(&self) -> usize {
        self.views
    }

    /// Height of every view in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Width of every view in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Length of an action vector.
    pub fn parameter_count(&self) -> usize {
        PARAMETERS
    }

    /// Sets the number of sequences; a buffer that was as large before is not reallocated.
    pub(super) fn resize(&mut self, len: usize) {
        let view = 3 * self.height * self.width;
        self.observed.resize(len * self.views * view, 0.0);
        self.target.resize(len * view, 0.0);
        self.parameters.resize(len * (self.views + 1) * PARAMETERS, 0.0);
        self.actions.resize(len * (self.views + 1) * PARAMETERS, 0.0);
        self.relative.resize(len * self.views * PARAMETERS, 0.0);
        self.labels.resize(len, 0);
        self.indices.resize(len, 0);
    }

    /// The whole batch as consecutive slots.
    pub(super) fn slots(&mut self) -> SequenceSlot<'_> {
        SequenceSlot {
            observed: &mut self.observed,
            target: &mut self.target,
            parameters: &mut self.parameters,
            actions: &mut self.actions,
            relative: &mut self.relative,
        }
    }
}

impl<'a> SequenceSlot<'a> {
    /// Divides consecutive slots of `count` sequences before sequence `at`.
    pub(super) fn split_at(self, at: usize, count: usize) -> (Self, Self) {
        fn split(values: &mut [f32], at: usize, count: usize) -> (&mut [f32], &mut [f32]) {
            let each = values.len() / count;
            values.split_at_mut(at * each)
        }
        let (observed, observed_rest) = split(self.observed, at, count);
        let (target, target_rest) = split(self.target, at, count);
        let (parameters, parameters_rest) = split(self.parameters, at, count);
        let (actions, actions_rest) = split(self.actions, at, count);
        let (relative, relative_rest) = split(self.relative, at, count);
        let rest = Self {
            observed: observed_rest,
            target: target_rest,
            parameters: parameters_rest,
            actions: actions_rest,
            relative: relative_rest,
        };
        (Self { observed, target, parameters, actions, relative }, rest)
    }
}

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
    pub(super) fn take(self: &Arc<Self>, config: &SequenceConfig) -> PooledBatch {
        let used = self.lock().pop();
        PooledBatch {
            batch: Some(used.unwrap_or_else(|| SequenceBatch::new(config))),
            pool: Arc::clone(self),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<SequenceBatch>> {
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

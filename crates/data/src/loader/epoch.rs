//! The batches of one epoch, made ahead by a thread or when they are asked for.

use std::iter::FusedIterator;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::pool::PooledBatch;
use super::shared::Shared;
use crate::error::DataError;

type BatchResult = Result<PooledBatch, DataError>;

/// Iterator over the batches of one epoch, in order: see [`SequenceLoader::epoch`](crate::SequenceLoader::epoch).
///
/// After an error it ends. Dropping it stops and joins its thread.
#[derive(Debug)]
pub struct SequenceEpoch {
    shared: Arc<Shared>,
    source: Source,
    remaining: usize,
    waited: Duration,
}

#[derive(Debug)]
enum Source {
    /// Batches are made while the consumer waits.
    OnDemand { order: Vec<u32>, epoch: u64, next: usize },
    /// Batches are made ahead.
    Prefetch(Prefetch),
    /// The system refused a thread.
    Failed(Option<DataError>),
}

impl SequenceEpoch {
    pub(super) fn new(shared: Arc<Shared>, epoch: u64, first_batch: usize) -> Self {
        let mut remaining = shared.batches().saturating_sub(first_batch);
        let order = if remaining > 0 { shared.order(epoch) } else { Vec::new() };
        let ahead = shared.config.prefetch.min(remaining);
        let source = if !shared.has_workers() || ahead == 0 {
            Source::OnDemand { order, epoch, next: first_batch }
        } else {
            match Prefetch::start(&shared, order, epoch, first_batch, ahead) {
                Ok(prefetch) => Source::Prefetch(prefetch),
                Err(error) => {
                    remaining = 1;
                    Source::Failed(Some(error))
                }
            }
        };
        Self { shared, source, remaining, waited: Duration::ZERO }
    }

    /// Time that the consumer has spent waiting in [`next`](Iterator::next) so far.
    ///
    /// Work done in the consumer's own thread (`threads` or `prefetch` 0) is waiting too.
    #[must_use]
    pub fn wait_time(&self) -> Duration {
        self.waited
    }
}

impl Iterator for SequenceEpoch {
    type Item = BatchResult;

    fn next(&mut self) -> Option<BatchResult> {
        if self.remaining == 0 {
            return None;
        }
        let started = Instant::now();
        let result = match &mut self.source {
            Source::OnDemand { order, epoch, next } => {
                let result = self.shared.make(order, *epoch, *next, &AtomicBool::new(false));
                *next += 1;
                Some(result)
            }
            Source::Prefetch(prefetch) => Some(prefetch.receive()),
            Source::Failed(error) => error.take().map(Err),
        };
        let waited = started.elapsed();
        self.waited += waited;
        self.shared.add_waited(waited);
        self.remaining = if matches!(result, Some(Ok(_))) { self.remaining - 1 } else { 0 };
        result
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // An error may end the epoch early, but it is an item too: at least one more if any is left.
        (self.remaining.min(1), Some(self.remaining))
    }
}

impl FusedIterator for SequenceEpoch {}

/// A thread that makes batches ahead, at most as many as fit its channel and one in hand.
#[derive(Debug)]
struct Prefetch {
    /// `None` only while being dropped.
    receiver: Option<Receiver<BatchResult>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Prefetch {
    fn start(
        shared: &Arc<Shared>,
        order: Vec<u32>,
        epoch: u64,
        first_batch: usize,
        ahead: usize,
    ) -> Result<Self, DataError> {
        // The batch that waits in the thread's hand for room is one of those ahead.
        let (sender, receiver) = sync_channel(ahead - 1);
        let stop = Arc::new(AtomicBool::new(false));
        let (shared, stopped) = (Arc::clone(shared), Arc::clone(&stop));
        let work = move || {
            for number in first_batch..shared.batches() {
                let result = shared.make(&order, epoch, number, &stopped);
                let failed = result.is_err();
                // Sending fails once the consumer has dropped the epoch.
                if stopped.load(Ordering::Relaxed) || sender.send(result).is_err() || failed {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name(format!("loader-epoch-{epoch}"))
            .spawn(work)
            .map_err(|error| DataError::Threads { reason: error.to_string() })?;
        Ok(Self { receiver: Some(receiver), stop, thread: Some(thread) })
    }

    fn receive(&mut self) -> BatchResult {
        let received = self.receiver.as_ref().and_then(|receiver| receiver.recv().ok());
        received.unwrap_or_else(|| {
            // The thread sends every batch or an error; only a panic ends it before. Pass that on.
            if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
                resume_unwind(panic);
            }
            Err(DataError::Threads { reason: "the loader's thread ended early".to_owned() })
        })
    }
}

impl Drop for Prefetch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A thread that waits for room in the channel wakes up when the receiver is gone.
        drop(self.receiver.take());
        if let Some(thread) = self.thread.take() {
            // A panic in a batch that nobody asked for is dropped with it.
            let _ = thread.join();
        }
    }
}

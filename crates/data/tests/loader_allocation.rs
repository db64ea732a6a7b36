//! A warm loader reuses its buffers: it allocates next to nothing for a batch. One test to a binary: the counter is global.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use seqjepa_data::dataset::Synthetic;
use seqjepa_data::{
    AugmentedImages, DataError, LoaderConfig, SequenceConfig, SequenceLoader, SequenceSource, Split,
};

struct Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        BYTES.fetch_add(size, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_warm_loader_allocates_next_to_nothing_for_a_batch() -> Result<(), DataError> {
    const BATCH_SIZE: usize = 32;
    let images = Synthetic { train_images: 8 * BATCH_SIZE, ..Synthetic::default() }.load(Split::Train)?;
    let config = SequenceConfig::new(32, 3, Synthetic::NORMALIZATION)?;
    let source: Arc<dyn SequenceSource> = Arc::new(AugmentedImages::new(Arc::new(images), config)?);
    for (threads, prefetch) in [(0, 0), (1, 2), (2, 2), (4, 0)] {
        let config = LoaderConfig { threads, prefetch, ..LoaderConfig::train(BATCH_SIZE, 1) };
        let loader = SequenceLoader::new(Arc::clone(&source), config)?;
        let run = |epochs: std::ops::Range<u64>| -> Result<usize, DataError> {
            let (before, mut batches) = (BYTES.load(Ordering::Relaxed), 0);
            for epoch in epochs {
                for batch in loader.epoch(epoch, 0) {
                    batches += batch?.len() / BATCH_SIZE;
                }
            }
            Ok((BYTES.load(Ordering::Relaxed) - before) / batches)
        };
        // Every worker meets nearly all crop sizes, and every buffer is made.
        let cold = run(0..24)?;
        let warm = run(24..48)?;
        // A batch is 32 * 4 * 3 * 32 * 32 values: 1.5 MiB. What is left is the order and the thread of an epoch, and a
        // resize table of a size that one worker has not met before.
        assert!(
            warm <= 16 * 1024,
            "{threads} threads, prefetch {prefetch}: {warm} bytes a batch, at first {cold}"
        );
    }
    Ok(())
}

//! The sequence loader on its own: what a consumer that takes no time gets. Shared by `augmentation` and `loader`.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput};
use seqjepa_data::dataset::Synthetic;
use seqjepa_data::{AugmentedImages, LoaderConfig, SequenceConfig, SequenceLoader, SequenceSource, Split};

/// Views of each sequence, the target among them.
pub(crate) const VIEWS: usize = 4;

/// Batches in one measured epoch.
pub(crate) const BATCHES: usize = 8;

/// Sequences of a batch.
pub(crate) const BATCH_SIZE: usize = 128;

/// Published sequences, three observed views and a target of 32x32 pixels, of as many images as an epoch has.
pub(crate) fn source() -> Arc<dyn SequenceSource> {
    let images = Synthetic { train_images: BATCHES * BATCH_SIZE, ..Synthetic::default() };
    let images = images.load(Split::Train).expect("the settings are in range");
    let config = SequenceConfig::new(32, VIEWS - 1, Synthetic::NORMALIZATION).expect("in range");
    Arc::new(AugmentedImages::new(Arc::new(images), config).expect("in range"))
}

/// A loader of these sequences.
pub(crate) fn loader(source: &Arc<dyn SequenceSource>, threads: usize, prefetch: usize) -> SequenceLoader {
    let config = LoaderConfig { threads, prefetch, ..LoaderConfig::train(BATCH_SIZE, 42) };
    SequenceLoader::new(Arc::clone(source), config).expect("in range")
}

/// Whole epochs, for several numbers of threads.
pub(crate) fn throughput(criterion: &mut Criterion) {
    let source = source();
    let mut group = criterion.benchmark_group("sequence_loader");
    group.sample_size(20);
    group.throughput(Throughput::Elements((BATCHES * BATCH_SIZE * VIEWS) as u64));
    let all = LoaderConfig::train(BATCH_SIZE, 42).threads;
    let mut settings = vec![(0, 0), (1, 2), (2, 2), (all, 0), (all, 2)];
    settings.sort_unstable();
    settings.dedup();
    for (threads, prefetch) in settings {
        let loader = loader(&source, threads, prefetch);
        let mut number = 0;
        group.bench_function(
            BenchmarkId::new(format!("{threads}_threads"), format!("prefetch_{prefetch}")),
            |bencher| {
                bencher.iter(|| {
                    for batch in loader.epoch(number, 0) {
                        black_box(batch.expect("the loader has valid settings"));
                    }
                    number += 1;
                });
            },
        );
    }
    group.finish();
}

//! The sequence loader on its own: what a consumer that takes no time gets. Shared by `augmentation` and `loader`.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput};
use seqjepa_data::dataset::{ImageSet, Synthetic};
use seqjepa_data::{LoaderConfig, SequenceConfig, SequenceLoader, Split};

/// Views of each sequence, the target among them.
pub const VIEWS: usize = 4;

/// Batches in one measured epoch.
pub const BATCHES: usize = 8;

/// Sequences of a batch.
pub const BATCH_SIZE: usize = 128;

/// As many 32x32 images as an epoch has.
pub fn images() -> Arc<ImageSet> {
    let images = Synthetic { train_images: BATCHES * BATCH_SIZE, ..Synthetic::default() };
    Arc::new(images.load(Split::Train).expect("the settings are in range"))
}

/// A loader of published sequences: three observed views and a target of 32x32 pixels.
pub fn loader(images: &Arc<ImageSet>, threads: usize, prefetch: usize) -> SequenceLoader {
    let sequence = SequenceConfig::new(32, VIEWS - 1, Synthetic::NORMALIZATION, 42).expect("in range");
    let config = LoaderConfig { threads, prefetch, ..LoaderConfig::train(BATCH_SIZE) };
    SequenceLoader::new(Arc::clone(images), sequence, config).expect("in range")
}

/// Whole epochs, for several numbers of threads.
pub fn throughput(criterion: &mut Criterion) {
    let images = images();
    let mut group = criterion.benchmark_group("sequence_loader");
    group.sample_size(20);
    group.throughput(Throughput::Elements((BATCHES * BATCH_SIZE * VIEWS) as u64));
    let all = LoaderConfig::train(BATCH_SIZE).threads;
    let mut settings = vec![(0, 0), (1, 2), (2, 2), (all, 0), (all, 2)];
    settings.sort_unstable();
    settings.dedup();
    for (threads, prefetch) in settings {
        let loader = loader(&images, threads, prefetch);
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

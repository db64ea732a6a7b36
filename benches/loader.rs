//! The sequence loader in views per second: batches of 128 sequences of 3 observed views and a target, 32x32.
//!
//! `cargo bench --bench loader -- --save-baseline before`, then `-- --baseline before`, compares two versions.
//! `augmentation` measures the views themselves; the difference is the loader's own cost.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use seqjepa_data::dataset::Synthetic;
use seqjepa_data::{LoaderConfig, SequenceConfig, SequenceLoader, Split};

const OBSERVED_VIEWS: usize = 3;

/// Batches in one measured epoch.
const BATCHES: usize = 8;

fn loader(criterion: &mut Criterion) {
    let train = LoaderConfig::train(128);
    let images = Synthetic { train_images: BATCHES * train.batch_size, ..Synthetic::default() };
    let images = Arc::new(images.load(Split::Train).expect("the settings are in range"));
    let sequence = SequenceConfig::new(32, OBSERVED_VIEWS, Synthetic::NORMALIZATION, 42).expect("in range");

    let mut group = criterion.benchmark_group("loader");
    group.sample_size(20);
    let views = BATCHES * train.batch_size * (OBSERVED_VIEWS + 1);
    group.throughput(Throughput::Elements(views as u64));
    let all = train.threads;
    let mut settings = vec![(0, 0), (1, 2), (all, 0), (all, 2)];
    settings.dedup();
    for (threads, prefetch) in settings {
        let config = LoaderConfig { threads, prefetch, ..train.clone() };
        let loader = SequenceLoader::new(Arc::clone(&images), sequence.clone(), config).expect("in range");
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

criterion_group!(benches, loader);
criterion_main!(benches);

//! The sequence loader in views per second: batches of 128 sequences of 3 observed views and a target, 32x32.
//!
//! `cargo bench --bench loader -- --save-baseline before`, then `-- --baseline before`, compares two versions.
//! `sequence_loader` asks for batches as fast as they come; `augmentation` measures the views themselves, and the
//! difference is the loader's own cost. `consumer` takes 50 us of its own core for every view, as a training step
//! that uses 20 000 views a second would: the loader keeps up where the figure is near 20 000, and the share of the
//! time that the consumer waited is printed after each.

#![allow(clippy::cast_possible_truncation, reason = "small numbers of a benchmark")]

mod sequence_loader;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

use sequence_loader::{BATCH_SIZE, BATCHES, VIEWS};

/// What the consumer does with a view.
const WORK: Duration = Duration::from_micros(50);

#[expect(clippy::print_stdout, reason = "criterion has no place for a second figure")]
fn consumer(criterion: &mut Criterion) {
    let source = sequence_loader::source();
    let mut group = criterion.benchmark_group("consumer");
    group.sample_size(10);
    group.throughput(Throughput::Elements((BATCHES * BATCH_SIZE * VIEWS) as u64));
    for threads in [0, 1] {
        let loader = sequence_loader::loader(&source, threads, 2);
        let (mut number, mut total) = (0, Duration::ZERO);
        group.bench_function(
            BenchmarkId::new("20000_views_per_second", format!("{threads}_threads")),
            |bencher| {
                bencher.iter(|| {
                    let started = Instant::now();
                    for batch in loader.epoch(number, 0) {
                        let batch = batch.expect("the loader has valid settings");
                        let end = Instant::now() + WORK * (batch.len() * VIEWS) as u32;
                        while Instant::now() < end {
                            black_box(&batch);
                        }
                    }
                    number += 1;
                    total += started.elapsed();
                });
            },
        );
        let share = 100.0 * loader.wait_time().as_secs_f64() / total.as_secs_f64().max(f64::MIN_POSITIVE);
        println!("{threads} threads: the consumer waited {share:.2} % of the time");
    }
    group.finish();
}

criterion_group!(benches, sequence_loader::throughput, consumer);
criterion_main!(benches);

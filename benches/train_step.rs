//! One training step of seq-JEPA: forward, backward, optimizer and EMA, without data loading and probes.
//!
//! ```text
//! cargo bench --bench train_step -- --save-baseline main
//! cargo bench --bench train_step -- --baseline main
//! ```
//!
//! Throughput is in sequences (of 3 observed views and a target). `width_16` is the quickstart's model, `width_64` the
//! paper's. On another device than the processor: `SEQJEPA_BENCH_DEVICE=cuda cargo bench --features cuda ..`.

mod device;
mod training_step;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use training_step::{Size, Training};

fn train_step(criterion: &mut Criterion) {
    seqjepa::cpu::keep_freed_memory();
    let device = device::device();
    let mut group = criterion.benchmark_group("train_step");
    group.sample_size(10);
    for (width, batch) in [(16, 32), (64, 8), (64, 32)] {
        let mut training = Training::new(Size { width, batch, views: 3, side: 32 }, &device);
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_function(format!("width_{width}/batch_{batch}"), |bencher| {
            bencher.iter(|| training.step());
        });
    }
    group.finish();
}

criterion_group!(benches, train_step);
criterion_main!(benches);

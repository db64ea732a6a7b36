//! What the machine itself can do, to hold the other figures against: a plain matrix product, and a copy larger than its caches,
//! on all threads.
//!
//! ```text
//! cargo bench --bench machine
//! ```
//!
//! Elements of the product are floating-point operations; the copy counts what is read and what is written.

use burn::tensor::{Device, Distribution, Tensor};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rayon::prelude::*;

const SIDE: usize = 2048;
const VALUES: usize = 64 << 20;

fn machine(criterion: &mut Criterion) {
    seqjepa::cpu::keep_freed_memory();
    let device = Device::flex();
    let mut group = criterion.benchmark_group("machine");
    group.sample_size(20);
    let random = || Tensor::<2>::random([SIDE, SIDE], Distribution::Normal(0.0, 1.0), &device);
    let (left, right) = (random(), random());
    group.throughput(Throughput::Elements(2 * (SIDE as u64).pow(3)));
    group.bench_function("product", |bencher| {
        bencher.iter(|| rayon::scope(|_| left.clone().matmul(right.clone())));
    });
    let (source, mut target) = (vec![1.0_f32; VALUES], vec![0.0_f32; VALUES]);
    group.throughput(Throughput::Bytes(2 * 4 * VALUES as u64));
    group.bench_function("copy", |bencher| {
        bencher.iter(|| {
            let pieces = target.par_chunks_mut(1 << 18).zip(source.par_chunks(1 << 18));
            pieces.for_each(|(target, source)| target.copy_from_slice(source));
        });
    });
    group.finish();
}

criterion_group!(benches, machine);
criterion_main!(benches);

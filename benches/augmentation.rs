//! Throughput of the augmentation engine, in views a second.
//!
//! ```text
//! cargo bench --bench augmentation                                   # everything
//! cargo bench --bench augmentation -- observed_view/32               # one group
//! cargo bench --bench augmentation -- --save-baseline before         # keep figures under a name
//! cargo bench --bench augmentation -- --baseline before              # compare with them
//! ```
//!
//! Criterion keeps its figures in `target/criterion/<id>/new/estimates.json`; `benches/peers/compare.py` reads
//! them. Sources are seeded noise, the slowest usual case of the two operators whose cost depends on the pixels:
//! hue on the portable path and large blur kernels. Every figure includes drawing the parameters of the view,
//! except where an operator is timed alone.

#![allow(clippy::cast_possible_truncation, reason = "small numbers of a benchmark")]

mod sequence_loader;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rayon::prelude::*;
use seqjepa_data::augment::{ColorJitter, Crop, GaussianBlur, InstructionSet, Instructions, JitterStep};
use seqjepa_data::{
    AugmentParams, AugmentPolicy, ImageView, Normalization, Scratch, ShuffleKey, Split, ViewKey,
};

const SEED: u64 = 42;

/// Times that all threads go through the source images in one measurement.
const ROUNDS: usize = 8;

/// Source images of seeded noise, `[count, size, size, 3]`.
fn sources(count: usize, size: usize) -> Vec<u8> {
    let mut pixels: Vec<u8> = (0..count * size * size * 3).map(|i| i as u8).collect();
    ShuffleKey { seed: SEED, split: Split::Train, epoch: 0 }.shuffle(&mut pixels);
    pixels
}

fn key(sample: usize) -> ViewKey {
    ViewKey { seed: SEED, split: Split::Train, epoch: 0, sample: sample as u64, view: 0 }
}

/// Draws and makes one view for every source image.
fn make_views(
    policy: &AugmentPolicy,
    pixels: &[u8],
    size: usize,
    first: usize,
    scratch: &mut Scratch,
    out: &mut [f32],
) {
    for (i, pixels) in pixels.chunks_exact(size * size * 3).enumerate() {
        let params = policy.sample(&mut key(first + i).rng(), size, size);
        let image = ImageView::new(pixels, size, size).expect("the sources have this size");
        params
            .apply_normalized(image, &Normalization::CIFAR100, scratch, out)
            .expect("a valid policy draws valid parameters");
        black_box(&mut *out);
    }
}

fn views(c: &mut Criterion) {
    type Policy = fn(usize) -> AugmentPolicy;
    for (name, policy) in
        [("observed_view", AugmentPolicy::observed as Policy), ("target_view", AugmentPolicy::target)]
    {
        let mut group = c.benchmark_group(name);
        for size in [32, 64, 96, 224] {
            let count = 512 * 32 * 32 / (size * size);
            let (policy, pixels) = (policy(size), sources(count, size));
            group.throughput(Throughput::Elements(count as u64));
            let single = |scratch: Scratch| {
                let (mut scratch, mut out) = (scratch, vec![0.0; 3 * size * size]);
                let (policy, pixels) = (&policy, &pixels);
                move |bencher: &mut criterion::Bencher<'_>| {
                    bencher.iter(|| make_views(policy, pixels, size, 0, &mut scratch, &mut out));
                }
            };
            group.bench_function(BenchmarkId::new(size.to_string(), "1_thread"), single(Scratch::new()));
            if size == 32 {
                // Slower sets than that of the case above, each that views have code of their own for.
                let slower = [InstructionSet::Avx2, InstructionSet::Portable];
                let sets = Instructions::available().rev().skip(1);
                for instructions in sets.filter(|instructions| slower.contains(&instructions.set())) {
                    let scratch = Scratch::with_instructions(instructions);
                    let id = BenchmarkId::new(size.to_string(), format!("1_thread_{instructions}"));
                    group.bench_function(id, single(scratch));
                }
            }
            // Waking the threads takes longer than some views: several rounds hide it.
            group.throughput(Throughput::Elements((ROUNDS * count) as u64));
            group.bench_function(BenchmarkId::new(size.to_string(), "all_threads"), |bencher| {
                let share = count.div_ceil(rayon::current_num_threads());
                let mut workers: Vec<_> = pixels
                    .chunks(share * size * size * 3)
                    .map(|pixels| (pixels, Scratch::new(), vec![0.0; 3 * size * size]))
                    .collect();
                bencher.iter(|| {
                    workers.par_iter_mut().enumerate().for_each(|(worker, (pixels, scratch, out))| {
                        for round in 0..ROUNDS {
                            let first = round * count + worker * share;
                            make_views(&policy, pixels, size, first, scratch, out);
                        }
                    });
                });
            });
        }
        group.finish();
    }
}

/// Parameters that apply one operator to a 32 x 32 image.
fn operators() -> Vec<(&'static str, AugmentParams)> {
    let identity = AugmentParams::identity(32, 32);
    let jitter = |step: JitterStep| {
        let factor = |this: JitterStep, value: f32| (this == step).then_some(value);
        let jitter = ColorJitter {
            order: JitterStep::ALL,
            brightness: factor(JitterStep::Brightness, 0.8),
            contrast: factor(JitterStep::Contrast, 1.2),
            saturation: factor(JitterStep::Saturation, 1.13),
            hue: factor(JitterStep::Hue, 0.05),
        };
        AugmentParams { jitter: Some(jitter), ..identity.clone() }
    };
    let blur = |kernel_size| AugmentParams {
        blur: Some(GaussianBlur { sigma: 1.0, kernel_size }),
        ..identity.clone()
    };
    vec![
        ("copy", identity.clone()),
        (
            "resized_crop",
            AugmentParams { crop: Crop { top: 3, left: 5, height: 24, width: 22 }, ..identity.clone() },
        ),
        ("flip", AugmentParams { flip: true, ..identity.clone() }),
        ("brightness", jitter(JitterStep::Brightness)),
        ("contrast", jitter(JitterStep::Contrast)),
        ("saturation", jitter(JitterStep::Saturation)),
        ("hue", jitter(JitterStep::Hue)),
        ("grayscale", AugmentParams { grayscale: true, ..identity.clone() }),
        ("blur_3", blur(3)),
        ("blur_9", blur(9)),
        ("solarize", AugmentParams { solarize: Some(128), ..identity.clone() }),
    ]
}

/// Each operator alone at 32 x 32; subtract `copy` for its net cost.
fn single_operators(c: &mut Criterion) {
    let mut group = c.benchmark_group("operator");
    group.throughput(Throughput::Elements(1));
    let pixels = sources(1, 32);
    let image = ImageView::new(&pixels, 32, 32).expect("the source has this size");
    for (name, params) in operators() {
        let (mut scratch, mut out) = (Scratch::new(), vec![0; params.output_len()]);
        group.bench_function(name, |bencher| {
            bencher.iter(|| params.apply(black_box(image), &mut scratch, black_box(&mut out)));
        });
    }
    let identity = AugmentParams::identity(32, 32);
    let (mut scratch, mut out) = (Scratch::new(), vec![0.0; identity.output_len()]);
    group.bench_function("copy_normalized", |bencher| {
        bencher.iter(|| {
            identity.apply_normalized(
                black_box(image),
                &Normalization::CIFAR100,
                &mut scratch,
                black_box(&mut out),
            )
        });
    });
    group.finish();
}

/// Drawing parameters, without making the view.
fn sampling(c: &mut Criterion) {
    let mut group = c.benchmark_group("sampling");
    group.throughput(Throughput::Elements(1));
    let (policy, mut sample) = (AugmentPolicy::observed(32), 0);
    group.bench_function("observed", |bencher| {
        bencher.iter(|| {
            sample += 1;
            policy.sample(&mut key(sample).rng(), 32, 32)
        });
    });
    group.finish();
}

criterion_group!(benches, views, single_operators, sampling, sequence_loader::throughput);
criterion_main!(benches);

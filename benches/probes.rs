//! Probes on features in memory: exact ones, the published gradient descent, kNN, ranking and diagnostics.
//!
//! ```text
//! cargo bench --bench probes -- --save-baseline main
//! cargo bench --bench probes -- --baseline main
//! PROBE_ROWS=50000 cargo bench --bench probes -- ridge
//! ```
//!
//! `PROBE_ROWS` training rows (10000 by default) and a fifth as many test rows, of 640 features, 100 classes and 9
//! targets. `sgd_epoch` is one of the 100 epochs of the *linear* protocol on the same features: the classifier alone, and
//! the regressor of all nine targets alone. Throughput is in training rows.

#![allow(clippy::cast_possible_truncation, reason = "small numbers of a benchmark")]

use std::sync::Arc;

use burn::tensor::Device;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use seqjepa::probes::diagnostics::{DiagnosticsConfig, ViewFeatures, diagnose};
use seqjepa::probes::exact::{Logistic, LogisticConfig, Ridge, RidgeConfig};
use seqjepa::probes::frozen::{
    FeatureBuffers, FeatureSet, FrozenConfig, RegressionTarget, Representation, frozen_probes,
};
use seqjepa::probes::knn::{KnnConfig, knn};
use seqjepa::probes::ranking::Ranks;
use seqjepa::probes::{Bootstrap, Features, Labelled, OutputGroup, Targeted};

const WIDTH: usize = 640;
const CLASSES: usize = 100;
const TARGETS: usize = 9;
const FACTORS: usize = 48;

/// A small generator of numbers that are normal enough: sums of four uniform ones.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        let mut uniform = || {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 40) as f32 / (1u64 << 24) as f32
        };
        (0..4).map(|_| uniform()).sum::<f32>() * 3f32.sqrt() - 2.0 * 3f32.sqrt()
    }

    fn take(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.next()).collect()
    }
}

/// What an encoder's features look like to a probe: correlated, not negative, with classes that overlap and targets
/// that are nearly linear in them.
fn split(rows: usize, noise: &mut Noise, centres: &[f32], mixing: &[f32]) -> FeatureSet {
    let (mut first, mut relative, mut labels) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..rows {
        let class = row * 7919 % CLASSES;
        let factors = noise.take(FACTORS);
        labels.push(class as u32);
        relative.extend(factors[..TARGETS].iter().map(|factor| factor + 0.3 * noise.next()));
        let mut mixed = vec![0.3; WIDTH];
        for (factor, mixing) in factors.iter().zip(mixing.chunks(WIDTH)) {
            mixed.iter_mut().zip(mixing).for_each(|(sum, mixing)| *sum += factor * mixing / 8.0);
        }
        let centre = &centres[class * WIDTH..][..WIDTH];
        first.extend(
            mixed
                .iter()
                .zip(centre)
                .map(|(mixed, centre)| (mixed + 0.12 * centre + 0.3 * noise.next()).max(0.0)),
        );
    }
    let aggregate = first.clone();
    let second = first.clone();
    let buffers =
        FeatureBuffers { aggregate, first, second, relative, labels: Some(labels), ..Default::default() };
    FeatureSet::new(rows, buffers).expect("the sizes fit")
}

fn features(set: &FeatureSet) -> Features<'_> {
    set.features(Representation::First).expect("z_1 is there")
}

fn labelled(set: &FeatureSet) -> Labelled<'_> {
    Labelled::new(features(set), set.labels().expect("labels are there")).expect("the sizes fit")
}

fn targeted(set: &FeatureSet) -> Targeted<'_> {
    Targeted::new(features(set), set.targets(RegressionTarget::Relative), TARGETS).expect("the sizes fit")
}

fn probes(criterion: &mut Criterion) {
    let rows =
        std::env::var("PROBE_ROWS").map_or(10_000, |rows| rows.parse().expect("PROBE_ROWS is a number"));
    let mut noise = Noise(1);
    let (centres, mixing) = (noise.take(CLASSES * WIDTH), noise.take(FACTORS * WIDTH));
    let train = Arc::new(split(rows, &mut noise, &centres, &mixing));
    let test = Arc::new(split(rows / 5, &mut noise, &centres, &mixing));

    let mut group = criterion.benchmark_group("probes");
    group.sample_size(10).throughput(Throughput::Elements(rows as u64));
    group.bench_function("ridge", |bencher| {
        let config = RidgeConfig::default();
        bencher.iter(|| Ridge::fit(&targeted(&train), &config).expect("the fit succeeds"));
    });
    group.bench_function("logistic", |bencher| {
        let config = LogisticConfig::default();
        bencher.iter(|| Logistic::fit(&labelled(&train), CLASSES, &config).expect("the fit succeeds"));
    });
    let groups = [OutputGroup::new("action", 0..TARGETS)];
    for (name, config) in [
        (
            "sgd_epoch/classifier",
            FrozenConfig { regressors: Vec::new(), ..FrozenConfig::linear(Some(CLASSES), &[]) },
        ),
        ("sgd_epoch/regressor", FrozenConfig::linear(None, &groups)),
    ] {
        // One classifier reads z_AGG, one z_1; the regressor reads the pair of 1280 features.
        let config = FrozenConfig { epochs: 1, lr: 0.01, bootstrap: Bootstrap::none(), ..config };
        let device = Device::flex();
        let one = Arc::new(split(5, &mut noise, &centres, &mixing));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                frozen_probes(&config, &mut train.clone(), &mut one.clone(), &device, &mut |_| ())
                    .expect("the probes train")
            });
        });
    }
    group.bench_function("knn", |bencher| {
        let (config, none) = (KnnConfig::default(), Bootstrap::none());
        bencher
            .iter(|| knn(&labelled(&train), &labelled(&test), CLASSES, &config, &none).expect("valid input"));
    });
    group.bench_function("ranks", |bencher| {
        let truths: Vec<usize> = (0..test.samples()).collect();
        bencher.iter(|| Ranks::among(&features(&test), &features(&train), &truths).expect("valid input"));
    });
    group.bench_function("diagnose/2048_samples", |bencher| {
        let rows = test.rows(Representation::First, &(0..test.samples().min(2048)).collect::<Vec<_>>());
        let views = ViewFeatures::new(Features::new(&rows, WIDTH).expect("finite"), 1).expect("one view");
        bencher.iter(|| diagnose(&views, &DiagnosticsConfig::default()).expect("valid input"));
    });
    group.bench_function("bootstrap/1000_resamples", |bencher| {
        let hits: Vec<f64> = (0..rows / 5).map(|row| f64::from(u8::from(row % 3 == 0))).collect();
        bencher.iter(|| Bootstrap::default().mean(&hits).expect("finite values"));
    });
    group.finish();
}

criterion_group!(benches, probes);
criterion_main!(benches);

//! One training step of seq-JEPA on the CPU: forward, backward, optimizer and EMA, without data loading and probes.
//!
//! ```text
//! cargo bench --bench train_step -- --save-baseline main
//! cargo bench --bench train_step -- --baseline main
//! ```
//!
//! Throughput is in sequences (of 3 observed views and a target). `width_16` is the quickstart's model, `width_64` the
//! paper's.

use burn::tensor::{Device, Distribution, Tensor};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use seqjepa::model::{
    EncoderConfig, Method, ResNetConfig, SeqJepa, SeqJepaConfig, SequenceActions, SequenceInput,
};
use seqjepa::nn::DropoutKey;
use seqjepa::nn::optimizer::{Optimizer, OptimizerConfig, ParameterGradients};

const VIEWS: usize = 3;

fn step(model: SeqJepa, optimizer: &mut Optimizer, input: SequenceInput, number: u64) -> SeqJepa {
    let output =
        model.training_forward(input, DropoutKey { seed: 42, step: number }).expect("the shapes fit");
    let mut backward = output.loss.backward();
    let gradients = ParameterGradients::take(&mut backward, &model);
    let model = optimizer.step(1e-3, model, gradients).expect("the gradients fit");
    model.after_step(number, u64::MAX)
}

fn train_step(criterion: &mut Criterion) {
    seqjepa::cpu::keep_freed_memory();
    let device = Device::flex().autodiff();
    let mut group = criterion.benchmark_group("train_step");
    group.sample_size(10);
    for (width, batch) in [(16, 32), (64, 8), (64, 32)] {
        let config = SeqJepaConfig {
            encoder: EncoderConfig::Resnet(ResNetConfig { width, ..ResNetConfig::default() }),
            ..SeqJepaConfig::default()
        };
        let mut model = Some(config.init(42, &device).expect("a valid config"));
        let mut optimizer = Optimizer::new(OptimizerConfig::adam()).expect("valid constants");
        let random = Distribution::Normal(0.0, 1.0);
        let input = SequenceInput {
            observed: Tensor::random([batch, VIEWS, 3, 32, 32], random, &device),
            target: Some(Tensor::random([batch, 3, 32, 32], random, &device)),
            actions: SequenceActions::new(
                Tensor::random([batch, VIEWS + 1, 9], random, &device),
                Tensor::random([batch, VIEWS, 9], random, &device),
            )
            .expect("one absolute action more than relative ones"),
        };
        let mut number = 0;
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_function(format!("width_{width}/batch_{batch}"), |bencher| {
            bencher.iter(|| {
                let before = model.take().expect("the model is only away during a step");
                // On a thread of the pool, as the example `train` trains.
                model = Some(rayon::scope(|_| step(before, &mut optimizer, input.clone(), number)));
                number += 1;
            });
        });
    }
    group.finish();
}

criterion_group!(benches, train_step);
criterion_main!(benches);

//! Optimizer steps against `torch.optim`, with the EMA target and all running statistics.
//!
//! Fixtures: `scripts/goldens/model.py`, function `training`, computed in f64 and stored in f32.
//!
//! Tolerances. Every loss within 1e-4. All tensors after one step within 2e-4 of their norm: Adam divides a
//! gradient by its own size, so that an element whose gradient is rounding noise moves by up to the learning
//! rate in a random direction. After twenty steps within 5e-3: by then PyTorch's own f32 and f64 runs are up to
//! 2e-3 apart in single tensors, and 5e-6 in the median. Learning rates are small so that they are not further
//! apart; what a decay of 1e-3 does alone is compared in `crates/nn/tests/optimizer.rs`. After each of the
//! steps: how far the parameters of each encoder have moved since the start, as one vector, and all its running statistics.
//! The target starts elsewhere than the online encoder here, so its movement is what the EMA does; a wrong decay, or
//! statistics of another step, are off by 9e-2 and more. `VECTORS` has the tolerances, two to twenty times the distance
//! between PyTorch's own f32 and f64 runs: 1e-2, 6e-5, 2e-5 and 6e-7.

#![allow(clippy::disallowed_methods, reason = "tests look at values")]

mod common;

use common::{Fixture, batch, fill, small_config, summary, tensors, training_device};
use seqjepa_model::{DropoutKey, Method, SeqJepa};
use seqjepa_nn::is_buffer;
use seqjepa_nn::optimizer::{Optimizer, OptimizerConfig, ParameterGradients};
use std::collections::BTreeMap;

fn compare(name: &str, config: OptimizerConfig, rate: f64) {
    let fixture = Fixture::open("training");
    let device = training_device();
    let mut model = fill(small_config().init(0, &device).expect("a valid configuration"));
    let mut optimizer = Optimizer::new(config).expect("a valid optimizer");
    let start = tensors(&model);
    let (mut losses, mut steps) = (Vec::new(), Vec::new());
    for step in 0..20 {
        let input = batch(&format!("step.{step}"), 8, 3, 16, &device);
        let output = model.training_forward(input, DropoutKey { seed: 0, step }).expect("shapes that fit");
        losses.push(output.loss.clone().into_scalar::<f32>());
        let gradients = ParameterGradients::take(&mut output.loss.backward(), &model);
        model = optimizer.step(rate, model, gradients).expect("gradients of this model");
        model = model.after_step(step, 20);
        steps.extend(digest(&model, &start));
        if step == 0 {
            fixture.assert_table(&format!("{name}.1"), &tensors(&model), 2e-4);
        }
    }
    common::assert_close(
        &format!("{name}.losses"),
        &losses,
        &fixture.values(&format!("{name}.losses")),
        1e-4,
    );
    fixture.assert_table(&format!("{name}.20"), &tensors(&model), 5e-3);

    let expected = fixture.values(&format!("{name}.steps"));
    assert_eq!(steps.len(), expected.len());
    let rows = expected.len() / (20 * VECTORS.len());
    for (row, (found, expected)) in steps.chunks(rows).zip(expected.chunks(rows)).enumerate() {
        let ((vector, tolerance), step) = (VECTORS[row % VECTORS.len()], row / VECTORS.len() + 1);
        for (found, value) in found.iter().zip(expected) {
            let difference = (found - value).abs() / expected[0];
            assert!(difference <= tolerance, "{name}, step {step}, {vector}: {difference} of the norm");
        }
    }
}

/// The vectors of a digest in the script's order, each with what it may differ by, of its norm.
const VECTORS: [(&str, f32); 4] = [
    ("encoder.movement", 2e-2),
    ("encoder.statistics", 2e-4),
    ("target_encoder.movement", 1e-4),
    ("target_encoder.statistics", 1e-5),
];

/// Summaries of how far all parameters of each encoder have moved, and of all its running statistics.
fn digest(model: &SeqJepa, start: &BTreeMap<String, Vec<f32>>) -> Vec<f32> {
    let mut vectors: BTreeMap<String, Vec<f32>> = BTreeMap::new();
    for (name, values) in tensors(model) {
        let encoder = name.split('.').next().expect("a name");
        if !["encoder", "target_encoder"].contains(&encoder) {
            continue;
        }
        if is_buffer(&name) {
            vectors.entry(format!("{encoder}.statistics")).or_default().extend(values);
        } else {
            let moved = values.iter().zip(&start[&name]).map(|(now, then)| now - then);
            vectors.entry(format!("{encoder}.movement")).or_default().extend(moved);
        }
    }
    assert_eq!(vectors.keys().map(String::as_str).collect::<Vec<_>>(), VECTORS.map(|(name, _)| name));
    vectors.iter().flat_map(|(name, values)| summary(name, values)).collect()
}

#[test]
fn adam() {
    compare("adam", OptimizerConfig::adam(), 3e-5);
}

#[test]
fn adamw() {
    compare("adamw", OptimizerConfig::adamw().with_weight_decay(1e-3), 3e-5);
}

#[test]
fn sgd_with_momentum() {
    compare("sgd", OptimizerConfig::sgd(0.9), 0.005);
}

//! Optimizer steps against `torch.optim`, with the EMA target and all running statistics.
//!
//! Fixtures: `scripts/goldens/model.py`, function `training`, computed in f64 and stored in f32.
//!
//! Tolerances. Every loss within 1e-4. All tensors after one step within 2e-4 of their norm: Adam divides a
//! gradient by its own size, so that an element whose gradient is rounding noise moves by up to the learning
//! rate in a random direction. After twenty steps within 5e-3: by then PyTorch's own f32 and f64 runs are up to
//! 2e-3 apart in single tensors, and 5e-6 in the median. Learning rates are small so that they are not further
//! apart; what a decay of 1e-3 does alone is compared in `crates/nn/tests/optimizer.rs`.

mod common;

use common::{Fixture, batch, fill, small_config, tensors, training_device};
use seqjepa_model::{DropoutKey, Method};
use seqjepa_nn::optimizer::{Optimizer, OptimizerConfig, ParameterGradients};

fn compare(name: &str, config: OptimizerConfig, rate: f64) {
    let fixture = Fixture::open("training");
    let device = training_device();
    let mut model = fill(small_config().init(0, &device).expect("a valid configuration"));
    let mut optimizer = Optimizer::new(config).expect("a valid optimizer");
    let mut losses = Vec::new();
    for step in 0..20 {
        let input = batch(&format!("step.{step}"), 8, 3, 16, &device);
        let output = model.training_forward(input, DropoutKey { seed: 0, step }).expect("shapes that fit");
        losses.push(output.loss.clone().into_scalar::<f32>());
        let gradients = ParameterGradients::take(&mut output.loss.backward(), &model);
        model = optimizer.step(rate, model, gradients).expect("gradients of this model");
        model = model.after_step(step, 20);
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

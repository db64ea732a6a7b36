//! Adam and AdamW against their formulas in f64, over several steps.
//!
//! Tolerance: f32 rounds each of a dozen operations to 6e-8 of its result.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use seqjepa_nn::optimizer::{Optimizer, OptimizerConfig, ParameterGradients};

use crate::values::{tensor, values, waves};

#[derive(Module, Debug)]
struct Values {
    weight: Param<Tensor<2>>,
}

const DIMS: [usize; 2] = [7, 61];
const STEPS: usize = 4;

const COUNT: usize = DIMS[0] * DIMS[1];

fn start() -> Vec<f64> {
    waves(COUNT, 0.17, 0.0)
}

/// The gradient of a step: what the values are multiplied by.
fn gradient(step: usize) -> Vec<f64> {
    waves(COUNT, 0.3 + 0.2 * step as f64, 0.0)
}

/// Values after the steps on the device.
fn trained(config: &OptimizerConfig, device: &Device) -> Vec<f64> {
    let device = device.clone().autodiff();
    let mut module = Values { weight: Param::from_tensor(tensor(&start(), DIMS, &device)) };
    let mut optimizer = Optimizer::new(*config).unwrap();
    for step in 0..STEPS {
        let loss = (module.weight.val() * tensor(&gradient(step), DIMS, &device)).sum();
        let gradients = ParameterGradients::take(&mut loss.backward(), &module);
        module = optimizer.step(0.01, module, gradients).unwrap();
    }
    values(module.weight.val())
}

/// The formulas of `torch.optim.Adam` and `AdamW`.
fn expected([beta1, beta2]: [f64; 2], weight_decay: f64, decoupled: bool) -> Vec<f64> {
    let mut values = start();
    let mut moments = vec![(0.0, 0.0); values.len()];
    for step in 0..STEPS {
        let corrections = [beta1, beta2].map(|beta: f64| 1.0 - beta.powf(step as f64 + 1.0));
        for ((value, (mean, square)), gradient) in values.iter_mut().zip(&mut moments).zip(gradient(step)) {
            let gradient = if decoupled { gradient } else { gradient + weight_decay * *value };
            if decoupled {
                *value *= 1.0 - 0.01 * weight_decay;
            }
            *mean = beta1 * *mean + (1.0 - beta1) * gradient;
            *square = beta2 * *square + (1.0 - beta2) * gradient * gradient;
            *value -= 0.01 * (*mean / corrections[0]) / ((*square / corrections[1]).sqrt() + 1e-8);
        }
    }
    values
}

pub(super) fn formulas(device: &Device) {
    let (eps, weight_decay) = (1e-8, 0.1);
    for [beta1, beta2] in [[0.9, 0.999], [0.3, 0.6]] {
        for (config, decoupled) in [
            (OptimizerConfig::Adam { beta1, beta2, eps, weight_decay }, false),
            (OptimizerConfig::AdamW { beta1, beta2, eps, weight_decay }, true),
        ] {
            let expected = expected([beta1, beta2], weight_decay, decoupled);
            for (at, (found, expected)) in trained(&config, device).iter().zip(expected).enumerate() {
                assert!((found - expected).abs() <= 2e-6, "{config:?} [{at}]: {expected}, found {found}");
            }
        }
    }
}

//! Adam and AdamW against their formulas in f64, over several steps.
//!
//! Tolerance: f32 rounds each of a dozen operations to 6e-8 of its result.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use seqjepa_nn::host::read_scalar;
use seqjepa_nn::optimizer::{GradientLayout, Optimizer, OptimizerConfig, ParameterGradients};

use crate::values::{tensor, values, waves};

/// More small tensors than a kernel takes at a time, of several lengths, and one that is launched by itself, of more values than units.
const DIMS: [[usize; 2]; 23] = {
    let mut dims = [[7, 61]; 23];
    dims[1] = [1, 1];
    dims[4] = [256, 256];
    dims[5] = [513, 512];
    dims[19] = [1, 257];
    dims
};
const STEPS: usize = 4;

#[derive(Module, Debug)]
struct Values {
    weights: Vec<Param<Tensor<2>>>,
}

fn start(which: usize) -> Vec<f64> {
    waves(DIMS[which].iter().product(), 0.17 + 0.01 * which as f64, 0.0)
}

/// The gradient of a step: what the values are multiplied by.
fn gradient(which: usize, step: usize) -> Vec<f64> {
    waves(DIMS[which].iter().product(), 0.3 + 0.2 * step as f64, 0.1 * which as f64)
}

/// Each tensor's values after the steps on the device.
fn trained(config: &OptimizerConfig, device: &Device) -> Vec<Vec<f64>> {
    let device = device.clone().autodiff();
    let weight = |which: usize| Param::from_tensor(tensor(&start(which), DIMS[which], &device));
    let mut module = Values { weights: (0..DIMS.len()).map(weight).collect() };
    let mut optimizer = Optimizer::new(*config).unwrap();
    for step in 0..STEPS {
        let terms = module.weights.iter().enumerate().map(|(which, weight)| {
            (weight.val() * tensor(&gradient(which, step), DIMS[which], &device)).sum()
        });
        let loss = terms.reduce(|sum, term| sum + term).unwrap();
        let mut gradients = ParameterGradients::take(&mut loss.backward(), &module);
        if step > 0 {
            // As several devices exchange them: parts of one vector, each of which ends before its memory does.
            let layout = GradientLayout::of(&gradients);
            gradients = layout.split(layout.join(gradients, &device));
        }
        let squares = (0..DIMS.len()).flat_map(|which| gradient(which, step)).map(|value| value * value);
        let (expected, found) = (squares.sum::<f64>(), read_scalar(gradients.norm_squared().unwrap()));
        assert!((found / expected - 1.0).abs() < 1e-5, "the square of the norm: {expected}, found {found}");
        module = optimizer.step(0.01, module, gradients).unwrap();
    }
    module.weights.iter().map(|weight| values(weight.val())).collect()
}

/// The formulas of `torch.optim.Adam` and `AdamW`.
fn expected(which: usize, [beta1, beta2]: [f64; 2], weight_decay: f64, decoupled: bool) -> Vec<f64> {
    let mut values = start(which);
    let mut moments = vec![(0.0, 0.0); values.len()];
    for step in 0..STEPS {
        let corrections = [beta1, beta2].map(|beta: f64| 1.0 - beta.powf(step as f64 + 1.0));
        for ((value, (mean, square)), gradient) in
            values.iter_mut().zip(&mut moments).zip(gradient(which, step))
        {
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
            for (which, found) in trained(&config, device).into_iter().enumerate() {
                let expected = expected(which, [beta1, beta2], weight_decay, decoupled);
                assert_eq!(found.len(), expected.len());
                for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
                    let off = (found - expected).abs();
                    assert!(off <= 2e-6, "{config:?} of {which} [{at}]: {expected}, found {found}");
                }
            }
        }
    }
}

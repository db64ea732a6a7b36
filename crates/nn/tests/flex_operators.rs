//! The operators of the Flex backend against Burn's own on ndarray: outputs, gradients and running statistics.
//!
//! Tolerance: both sum in f32 in different orders; sums here have a few hundred terms of the order of 1, so 1e-4 of the
//! larger of 1 and the value is some tens of their rounding errors.

#![allow(clippy::disallowed_methods, reason = "tests look at values")]

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData, activation};
use seqjepa_nn::optimizer::{Optimizer, OptimizerConfig, ParameterGradients};
use seqjepa_nn::{BatchNorm, Conv2d, InitRng, Mode, ema_update, relu, state_dict};

fn waves<const D: usize>(dims: [usize; D], frequency: f32, device: &Device) -> Tensor<D> {
    let count = dims.iter().product::<usize>();
    let values: Vec<f32> = (0..count).map(|index| (index as f32 * frequency).sin()).collect();
    Tensor::from_data(TensorData::new(values, dims), device)
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec::<f32>().expect("f32 values")
}

/// Output of a convolution and batch norm, gradients of input, weight, gain and shift, and the running statistics.
fn run(device: Device, [kernel, stride, padding]: [usize; 3]) -> Vec<(&'static str, Vec<f32>)> {
    let device = device.autodiff();
    let conv = Conv2d::kaiming([3, 5], kernel, [stride, padding], &mut InitRng::new(1), &device);
    let norm = BatchNorm::new(5, &device);
    let input = waves([4, 3, 9, 7], 0.37, &device).require_grad();
    let output = norm.forward(conv.forward(input.clone()), Mode::Train);
    let weights = waves(output.dims(), 0.91, &device);
    let gradients = (output.clone() * weights).sum().backward();
    let (gain, shift) = (norm.weight.as_ref().expect("a gain"), norm.bias.as_ref().expect("a shift"));
    let found = "every parameter takes part";
    vec![
        ("output", values(output)),
        ("input gradient", values(input.grad(&gradients).expect(found))),
        ("weight gradient", values(conv.weight.val().grad(&gradients).expect(found))),
        ("gain gradient", values(gain.val().grad(&gradients).expect(found))),
        ("shift gradient", values(shift.val().grad(&gradients).expect(found))),
        ("running mean", values(norm.running_mean.value())),
        ("running variance", values(norm.running_var.value())),
    ]
}

#[test]
#[expect(deprecated, reason = "ndarray is the second oracle until Burn removes it")]
fn flex_and_ndarray_agree() {
    for sizes in [[3, 1, 1], [3, 2, 1], [1, 2, 0], [5, 3, 2]] {
        let expected = run(Device::ndarray(), sizes);
        for ((name, found), (_, expected)) in run(Device::flex(), sizes).into_iter().zip(expected) {
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.into_iter().zip(expected) {
                let tolerance = 1e-4 * expected.abs().max(1.0);
                assert!(
                    (found - expected).abs() <= tolerance,
                    "{name} of {sizes:?}: {found}, expected {expected}"
                );
            }
        }
    }
}

/// A network outside autodiff, as the target encoder runs, takes the same way.
#[test]
fn outside_autodiff_the_output_is_the_same() {
    let forward = |device: &Device| {
        let conv = Conv2d::kaiming([3, 5], 3, [1, 1], &mut InitRng::new(1), device);
        let norm = BatchNorm::new(5, device);
        values(norm.forward(conv.forward(waves([4, 3, 9, 7], 0.37, device)), Mode::Train))
    };
    assert_eq!(forward(&Device::flex()), forward(&Device::flex().autodiff()));
}

/// Rectification rounds nothing, so that outputs and gradients are Burn's own to the bit.
#[test]
fn rectification_is_burns_own() {
    let device = Device::flex().autodiff();
    let run = |own: bool| {
        let input = waves([3, 2, 5, 7], 0.37, &device).require_grad();
        // The input is used once more: nothing may be changed in place that is still needed.
        let rectified = if own { relu(input.clone()) } else { activation::relu(input.clone()) };
        let output = rectified * input.clone();
        let weights = waves(output.dims(), 0.91, &device);
        let gradients = (output.clone() * weights).sum().backward();
        [values(output), values(input.grad(&gradients).expect("a gradient")), values(input)]
    };
    assert_eq!(run(true), run(false));
}

/// The fused ends of a layer give what their parts give, outputs and all gradients, in both modes and where the residual is used
/// elsewhere too.
#[test]
fn fused_ends_are_their_parts() {
    let device = Device::flex().autodiff();
    let run = |fused: bool, with_residual: bool| {
        let norm = BatchNorm::new(2, &device);
        let input = waves([3, 2, 5, 7], 0.37, &device).require_grad();
        let residual = waves([3, 2, 5, 7], 0.53, &device).require_grad();
        let output = match (fused, with_residual) {
            (true, true) => norm.forward_add_relu(input.clone(), residual.clone(), Mode::Train),
            (true, false) => norm.forward_relu(input.clone(), Mode::Train),
            (false, true) => relu(norm.forward(input.clone(), Mode::Train) + residual.clone()),
            (false, false) => relu(norm.forward(input.clone(), Mode::Train)),
        };
        let used = output.clone() * residual.clone() + input.clone();
        let gradients = (used * waves([3, 2, 5, 7], 0.91, &device)).sum().backward();
        let (gain, shift) = (norm.weight.as_ref().expect("a gain"), norm.bias.as_ref().expect("a shift"));
        let found = [
            values(output),
            values(input.grad(&gradients).expect("a gradient")),
            values(residual.grad(&gradients).expect("a gradient")),
            values(gain.val().grad(&gradients).expect("a gradient")),
            values(shift.val().grad(&gradients).expect("a gradient")),
            values(input),
            values(residual),
        ];
        found.concat()
    };
    for with_residual in [true, false] {
        let parts = run(false, with_residual);
        for (found, expected) in run(true, with_residual).into_iter().zip(parts) {
            assert!((found - expected).abs() <= 1e-5 * expected.abs().max(1.0), "{found} {expected}");
        }
    }
}

/// In evaluation the images go through the kernels outside autodiff, and through Burn's own operators inside.
#[test]
fn evaluation_is_burns_own() {
    let run = |device: &Device| {
        let norm = BatchNorm::new(2, device);
        let input = waves([3, 2, 5, 7], 0.37, device);
        let _ = norm.forward(input.clone(), Mode::Train);
        let residual = waves([3, 2, 5, 7], 0.53, device);
        [
            values(norm.forward(input.clone(), Mode::Eval)),
            values(norm.forward_relu(input.clone(), Mode::Eval)),
            values(norm.forward_add_relu(input, residual, Mode::Eval)),
        ]
        .concat()
    };
    let expected = run(&Device::flex().autodiff());
    for (found, expected) in run(&Device::flex()).into_iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-5 * expected.abs().max(1.0), "{found} {expected}");
    }
}

/// Moved in one pass as by single operations, to the bit, and what else holds the averages keeps them.
#[test]
#[expect(deprecated, reason = "ndarray is the second oracle until Burn removes it")]
fn a_moving_average_is_the_same_on_ndarray() {
    let run = |device: &Device| {
        let module = |frequency| Single { values: Param::from_tensor(waves([40_000], frequency, device)) };
        let (target, online) = (module(0.37), module(0.53));
        let held = target.values.val();
        [values(ema_update(target, &online, 0.996).values.val()), values(held)]
    };
    assert_eq!(run(&Device::flex()), run(&Device::ndarray()));
}

#[derive(Module, Debug)]
struct Single {
    values: Param<Tensor<1>>,
}

/// Adam in one pass has the roundings of the operations one by one, as they run on ndarray: the same bits after each step.
#[test]
#[expect(deprecated, reason = "ndarray is the second oracle until Burn removes it")]
fn adam_in_one_pass_is_adam_by_single_operations() {
    let adam = |weight_decay| OptimizerConfig::adam().with_weight_decay(weight_decay);
    let adamw = |weight_decay| OptimizerConfig::adamw().with_weight_decay(weight_decay);
    for config in [adam(0.0), adam(0.01), adamw(0.0), adamw(0.01)] {
        let run = |device: Device| {
            let device = device.autodiff();
            let count = 40_000;
            let mut module = Single { values: Param::from_tensor(waves([count], 0.37, &device)) };
            let mut optimizer = Optimizer::new(config).expect("valid constants");
            let mut after = Vec::new();
            for step in 1..4 {
                // The gradient of `sum(values * chosen)` is `chosen`, to the bit.
                let chosen = waves([count], 0.11 * step as f32, &device);
                let mut backward = (module.values.val() * chosen).sum().backward();
                let gradients = ParameterGradients::take(&mut backward, &module);
                // A copy of before must not change with it.
                let before = module.clone();
                let held = state_dict(&before);
                module = optimizer.step(1e-3, module, gradients).expect("gradients that fit");
                assert_eq!(state_dict(&before), held);
                after.push((state_dict(&module), optimizer.state_dict()));
            }
            after
        };
        assert!(run(Device::flex()) == run(Device::ndarray()), "{config:?}");
    }
}

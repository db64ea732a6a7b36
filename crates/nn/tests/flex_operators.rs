//! The operators of the Flex backend against Burn's own on ndarray: outputs, gradients and running statistics.
//!
//! Tolerance: both sum in f32 in different orders; sums here have a few hundred terms of the order of 1, so 1e-4 of the
//! larger of 1 and the value is some tens of their rounding errors.

use burn::tensor::{Device, Tensor, TensorData};
use seqjepa_nn::{BatchNorm, Conv2d, InitRng, Mode};

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

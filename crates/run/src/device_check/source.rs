//! Inputs of operators, the same on every device.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use seqjepa_nn::optimizer::ParameterGradients;
use seqjepa_nn::{InitRng, host, widened};

/// Makes tensors of fixed numbers on a device, and differentiates what comes out.
pub(super) struct Source {
    device: Device,
    drawn: u64,
}

/// A result of an operator, with its name.
pub(super) type Part = (String, Vec<f32>);

impl Source {
    /// On `device`, which records gradients.
    pub(super) fn new(device: &Device) -> Self {
        Self { device: device.clone().autodiff(), drawn: 0 }
    }

    pub(super) fn device(&self) -> &Device {
        &self.device
    }

    /// For a layer's initial values.
    pub(super) fn rng(&self) -> InitRng {
        InitRng::new(7)
    }

    /// Numbers in [-1, 1), by SplitMix64 of their place.
    pub(super) fn constant<const D: usize>(&mut self, shape: [usize; D]) -> Tensor<D> {
        self.drawn += 1;
        let base = self.drawn << 32;
        let count = shape.iter().product::<usize>() as u64;
        let values = (0..count).map(|index| unit(base + index)).collect::<Vec<_>>();
        Tensor::from_data(TensorData::new::<f32, _>(values, shape), &self.device)
    }

    /// The same, of which gradients are asked for.
    pub(super) fn tensor<const D: usize>(&mut self, shape: [usize; D]) -> Tensor<D> {
        self.constant(shape).require_grad()
    }

    /// What an operator gives, and the gradients of a weighted sum of it by its inputs and by the parameters of `layer`.
    pub(super) fn parts<M: Module, const D: usize, const E: usize>(
        &mut self,
        output: Tensor<D>,
        inputs: &[&Tensor<E>],
        layer: &M,
    ) -> Vec<Part> {
        let output = widened(output);
        let weights = self.constant(output.dims());
        let mut backward = (output.clone() * weights).sum().backward();
        let mut parts = vec![("output".to_owned(), host::read(output.without_autodiff()))];
        for (number, input) in inputs.iter().enumerate() {
            if let Some(gradient) = input.grad(&backward) {
                parts.push((format!("gradient of input {}", number + 1), host::read(gradient)));
            }
        }
        let gradients = ParameterGradients::take(&mut backward, layer);
        for path in gradients.paths() {
            let gradient = gradients.get(path).expect("it was just named");
            parts.push((format!("gradient of {path}"), host::read(gradient)));
        }
        parts
    }
}

/// SplitMix64 of `index`, its upper 24 bits as a number in [-1, 1).
fn unit(index: u64) -> f32 {
    let mut bits = index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    // 24 bits are exact in f32.
    (bits >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
}

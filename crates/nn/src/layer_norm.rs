//! Layer normalisation.

use crate::recompute::value;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, module};

/// Layer normalisation over the last axis as `torch.nn.LayerNorm`, epsilon 1e-5.
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// Gain, `[features]`.
    pub weight: Param<Tensor<1>>,
    /// Shift, `[features]`.
    pub bias: Param<Tensor<1>>,
    epsilon: f64,
}

impl LayerNorm {
    /// A layer over `features` values with gain 1 and shift 0.
    #[must_use]
    pub fn new(features: usize, device: &Device) -> Self {
        Self {
            weight: Param::from_tensor(Tensor::ones([features], device)),
            bias: Param::from_tensor(Tensor::zeros([features], device)),
            epsilon: 1e-5,
        }
    }

    /// Normalises the last axis of `[.., features]`.
    #[must_use]
    pub fn forward<const D: usize>(&self, input: Tensor<D>) -> Tensor<D> {
        module::layer_norm(input, value(&self.weight), Some(value(&self.bias)), self.epsilon)
    }
}

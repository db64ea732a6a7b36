//! The Gaussian error linear unit.

use std::f64::consts::FRAC_1_SQRT_2;

use burn::tensor::Tensor;
#[cfg(feature = "flex")]
use burn::tensor::activation;

/// `x / 2 * (1 + erf(x / √2))`, as `torch.nn.functional.gelu`, with its exact gradient on every backend: Burn 0.22.1 has that on
/// Flex alone, and elsewhere gives the gradient of the approximation by tanh, off by up to 1e-3.
#[must_use]
pub fn gelu<const D: usize>(input: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "flex")]
    if crate::flex::serves(&input) {
        return activation::gelu(input);
    }
    let distribution = (input.clone() * FRAC_1_SQRT_2).erf() + 1.0;
    input * 0.5 * distribution
}

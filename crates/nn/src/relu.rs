//! Rectification.

use burn::tensor::{Tensor, activation};

/// `max(input, 0)`, as `torch.relu`: NaN stays NaN, and the gradient at 0 is 0.
#[must_use]
pub fn relu<const D: usize>(input: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "flex")]
    if crate::flex::serves(&input) {
        return crate::flex::relu(input);
    }
    activation::relu(input)
}

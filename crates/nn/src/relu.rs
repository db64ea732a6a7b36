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

/// `max(left + right, 0)` of two tensors of one shape: the end of a residual block.
#[must_use]
pub fn add_relu<const D: usize>(left: Tensor<D>, right: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "flex")]
    if crate::flex::serves(&left) && crate::flex::serves(&right) && left.shape() == right.shape() {
        return crate::flex::add_relu(left, right);
    }
    activation::relu(left + right)
}

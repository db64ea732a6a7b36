//! Sums of squares on the device.

use burn::tensor::Tensor;

/// Elements that are summed at a time. Some backends sum longer tensors in parallel, in an order that varies from run to
/// run; pieces of this size are summed in one order.
const PIECE: usize = 1 << 20;

/// The sum of the squares of all values, `[1]`.
pub(super) fn sum_of_squares(values: &Tensor<1>) -> Tensor<1> {
    #[cfg(feature = "flex")]
    if crate::flex::serves(values) {
        return crate::flex::sum_of_squares(values);
    }
    let squares = values.clone().square();
    if squares.dims()[0] <= PIECE {
        return squares.sum();
    }
    let pieces = squares.split(PIECE, 0);
    Tensor::cat(pieces.into_iter().map(Tensor::sum).collect(), 0).sum()
}

//! Sums of squares.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;

use super::primitive;

/// The sum of the squares of all values, `[1]`, as `serves` allows.
pub(crate) fn sum_of_squares(values: &Tensor<1>) -> Tensor<1> {
    let values = values.clone().into_dispatch();
    Tensor::from_dispatch(<Dispatch as SumOfSquares>::squares_summed(values))
}

#[backend_extension(Flex)]
trait SumOfSquares: Backend {
    /// The sum, `[1]`.
    fn squares_summed(values: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl SumOfSquares for Flex {
    #[expect(clippy::cast_possible_truncation, reason = "summed in f64, rounded once")]
    fn squares_summed(values: FloatTensor<Self>) -> FloatTensor<Self> {
        let sum = seqjepa_cpu::sum_of_squares(values.to_contiguous().storage());
        primitive(vec![sum as f32], [1])
    }
}

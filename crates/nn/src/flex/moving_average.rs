//! The exponential moving average.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;

/// `decay * average + (1 - decay) * value` of two tensors of one shape outside autodiff, as `serves` allows; in place where
/// nothing else holds the averages.
pub(crate) fn moving_average<const D: usize>(decay: f64, average: Tensor<D>, value: Tensor<D>) -> Tensor<D> {
    let (average, value) = (average.into_dispatch(), value.into_dispatch());
    Tensor::from_dispatch(<Dispatch as MovingAverage>::moving_average(average, value, decay))
}

#[backend_extension(Flex)]
trait MovingAverage: Backend {
    /// The averages, moved.
    fn moving_average(average: FloatTensor<Self>, value: FloatTensor<Self>, decay: f64) -> FloatTensor<Self>;
}

impl MovingAverage for Flex {
    fn moving_average(average: FloatTensor<Self>, value: FloatTensor<Self>, decay: f64) -> FloatTensor<Self> {
        let mut moved = average.to_contiguous();
        drop(average);
        seqjepa_cpu::moving_average(decay, moved.storage_mut(), value.to_contiguous().storage());
        moved
    }
}

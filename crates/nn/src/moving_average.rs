//! The exponential moving average of values.

#[cfg(any(feature = "flex", feature = "cube"))]
use burn::backend::tensor::FloatTensor;
#[cfg(any(feature = "flex", feature = "cube"))]
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

#[cfg(any(feature = "flex", feature = "cube"))]
use crate::own_kernels;

/// `decay * average + (1 - decay) * value`, outside autodiff. One pass over memory on the Flex backend, one launch on a GPU.
///
/// # Panics
/// If the shapes differ.
#[must_use]
pub fn moving_average<const D: usize>(decay: f64, average: Tensor<D>, value: Tensor<D>) -> Tensor<D> {
    assert_eq!(average.dims(), value.dims(), "a value for every average");
    let (average, value) = (average.without_autodiff(), value.without_autodiff());
    #[cfg(any(feature = "flex", feature = "cube"))]
    if own_kernels::serve(&average) && own_kernels::serve(&value) {
        let (average, value) = (average.into_dispatch(), value.into_dispatch());
        return Tensor::from_dispatch(<Dispatch as MovingAverage>::moving_average(average, value, decay));
    }
    average.mul_scalar(decay) + value.mul_scalar(1.0 - decay)
}

#[cfg(any(feature = "flex", feature = "cube"))]
#[backend_extension(Flex: cfg(feature = "flex"), Cube: cfg(feature = "cube"), Fusion: cfg(feature = "cube"))]
pub(crate) trait MovingAverage: Backend {
    /// The averages of f32, moved; on the processor in place where nothing else holds them.
    #[fusion(dtype = average, shape = average)]
    fn moving_average(average: FloatTensor<Self>, value: FloatTensor<Self>, decay: f64) -> FloatTensor<Self>;
}

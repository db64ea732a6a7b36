//! The exponential moving average of values.

use burn::tensor::Tensor;

/// `decay * average + (1 - decay) * value`, outside autodiff. One pass over memory on the Flex backend.
///
/// # Panics
/// If the shapes differ.
#[must_use]
pub fn moving_average<const D: usize>(decay: f64, average: Tensor<D>, value: Tensor<D>) -> Tensor<D> {
    assert_eq!(average.dims(), value.dims(), "a value for every average");
    let (average, value) = (average.without_autodiff(), value.without_autodiff());
    #[cfg(feature = "flex")]
    if crate::flex::serves(&average) && crate::flex::serves(&value) {
        return crate::flex::moving_average(decay, average, value);
    }
    average.mul_scalar(decay) + value.mul_scalar(1.0 - decay)
}

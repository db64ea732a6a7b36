//! Sums of many single values on the device.

use burn::tensor::Tensor;

/// The sum of values `[1]` on one device; nothing of none.
pub(crate) fn total(values: Vec<Tensor<1>>) -> Option<Tensor<1>> {
    let first = values.first()?;
    // Side by side is a launch for each value; additions are fused.
    if is_on_gpu(first) {
        return values.into_iter().reduce(|sum, value| sum + value);
    }
    Some(Tensor::cat(values, 0).sum())
}

#[cfg(feature = "cube")]
fn is_on_gpu(tensor: &Tensor<1>) -> bool {
    matches!(tensor.device().inner().as_dispatch(), burn::backend::DispatchDevice::Cube(_))
}

#[cfg(not(feature = "cube"))]
fn is_on_gpu(_tensor: &Tensor<1>) -> bool {
    false
}

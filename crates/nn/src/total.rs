//! Sums of many single values on the device.

use burn::backend::DispatchDevice;
use burn::tensor::Tensor;

/// The sum of values `[1]` on one device; nothing of none.
pub(crate) fn total(values: Vec<Tensor<1>>) -> Option<Tensor<1>> {
    let device = values.first()?.device().inner();
    match device.as_dispatch() {
        // Side by side is a launch for each value; additions are fused.
        #[cfg(feature = "cube")]
        DispatchDevice::Cube(_) => values.into_iter().reduce(|sum, value| sum + value),
        _ => Some(Tensor::cat(values, 0).sum()),
    }
}

//! Where kernels of this project stand in for Burn's operators.

use burn::tensor::{DType, Tensor};

/// Whether a tensor has those for f32: on the Flex backend, or not empty on a GPU.
#[cfg(any(feature = "flex", feature = "cube"))]
pub(crate) fn serve<const D: usize>(tensor: &Tensor<D>) -> bool {
    #[cfg(feature = "flex")]
    if crate::flex::serves(tensor) {
        return true;
    }
    serve_on_gpu(tensor)
}

/// Whether a tensor has those of the GPU backends for f32.
pub(crate) fn serve_on_gpu<const D: usize>(tensor: &Tensor<D>) -> bool {
    is_on_gpu(tensor) && tensor.dtype() == DType::F32 && tensor.shape().num_elements() > 0
}

/// Whether a tensor has them there, and so few values that a launch for it alone takes longer than what is computed: 256 KiB, which most cards
/// read in less than the microseconds of a launch.
#[cfg(feature = "cube")]
pub(crate) fn is_small_on_gpu<const D: usize>(tensor: &Tensor<D>) -> bool {
    serve_on_gpu(tensor) && tensor.shape().num_elements() <= SMALL
}

#[cfg(feature = "cube")]
const SMALL: usize = 1 << 16;

#[cfg(feature = "cube")]
fn is_on_gpu<const D: usize>(tensor: &Tensor<D>) -> bool {
    let device = tensor.device().inner();
    matches!(device.as_dispatch(), burn::backend::DispatchDevice::Cube(_))
}

#[cfg(not(feature = "cube"))]
fn is_on_gpu<const D: usize>(_tensor: &Tensor<D>) -> bool {
    false
}

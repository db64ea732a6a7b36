//! Operators of the Flex backend that the kernels of `seqjepa-cpu` compute, beside Burn's own.
//!
//! Burn's convolution there runs a training step of ResNet-18 at a fraction of what a CPU can do, and its batch norm
//! passes over the images some twenty times; its element-wise operations run on one thread.

mod adam;
mod batch_norm;
mod convolution;
mod moving_average;
mod relu;
mod squares;
pub(crate) mod tf32;

use burn::backend::tensor::FloatTensor;
use burn::backend::{DispatchDevice, Flex};
use burn::tensor::{DType, Tensor, TensorData};

use crate::floats::Floats;

pub(crate) use relu::relu;
pub(crate) use squares::sum_of_squares;

/// Whether these operators are there for a tensor: f32 on the Flex backend.
pub(crate) fn serves<const D: usize>(tensor: &Tensor<D>) -> bool {
    is_there(tensor) && tensor.dtype() == DType::F32
}

/// Whether a tensor is on the Flex backend.
pub(crate) fn is_there<const D: usize>(tensor: &Tensor<D>) -> bool {
    let device = tensor.device().inner();
    matches!(device.as_dispatch(), DispatchDevice::Flex(_))
}

/// Each tensor's values in row-major order, without a copy where they lie so.
fn contiguous(tensors: Floats<Flex>) -> Floats<Flex> {
    Floats(tensors.0.into_iter().map(|tensor| tensor.to_contiguous()).collect())
}

/// A tensor of these values.
fn primitive<const D: usize>(values: Vec<f32>, dims: [usize; D]) -> FloatTensor<Flex> {
    FloatTensor::<Flex>::from_data(TensorData::new(values, dims))
}

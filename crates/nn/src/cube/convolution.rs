//! Burn's convolution, with a weight gradient that is right ([`taller`](crate::conv::taller)), and one in f32.

use burn::backend::TensorMetadata;
use burn::backend::ops::ModuleOps;
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;

use super::{convolution_in_bf16, convolution_in_f32, convolution_tuned, split_weight_gradient};
use crate::conv::operator::{Convolution, ConvolutionGradients, Geometry, SplitWeightGradient};
use crate::conv::taller::{by_taller_kernel, options, rows};

/// Whether Burn's own choice of kernels, which takes matrix instructions, would not do.
fn is_in_f32(geometry: Geometry, tensor: &CubeTensor) -> bool {
    geometry.in_f32 && tensor.dtype == DType::F32 && tensor.shape().num_elements() > 0
}

/// Whether some of the kernels among which Burn chooses would sum in bf16.
fn is_in_bf16(tensor: &CubeTensor) -> bool {
    tensor.dtype == DType::BF16 && tensor.shape().num_elements() > 0
}

impl Convolution for CubeBackend {
    fn convolution(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self> {
        if is_in_f32(geometry, &input) {
            return convolution_in_f32::forward(input, weight, geometry);
        }
        if is_in_bf16(&input) {
            return convolution_in_bf16::forward(input, weight, geometry);
        }
        Self::conv2d(input, weight, None, options(geometry))
    }
}

impl ConvolutionGradients for CubeBackend {
    fn input_gradient(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self> {
        if is_in_f32(geometry, &input) {
            return convolution_in_f32::input_gradient(&input, weight, gradient, geometry);
        }
        if is_in_bf16(&input) {
            return convolution_in_bf16::input_gradient(&input, weight, gradient, geometry);
        }
        Self::conv2d_x_backward(input, weight, gradient, options(geometry))
    }

    fn weight_gradient(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self> {
        if is_in_f32(geometry, &input) {
            return convolution_in_f32::weight_gradient(input, &weight, gradient, geometry);
        }
        if is_in_bf16(&input) {
            return convolution_in_bf16::weight_gradient(input, weight, gradient, geometry);
        }
        if split_weight_gradient::serves(&input, &gradient) {
            return convolution_tuned::weight_gradient(input, weight, gradient, geometry);
        }
        whole_weight_gradient(input, weight, gradient, geometry)
    }
}

impl SplitWeightGradient for CubeBackend {
    fn split_weight_gradient(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self> {
        if is_in_f32(geometry, &input) || !split_weight_gradient::serves(&input, &gradient) {
            return Self::weight_gradient(input, weight, gradient, geometry);
        }
        split_weight_gradient::weight_gradient(input, &weight, gradient, geometry)
    }
}

/// Burn's weight gradient, of a kernel that is tall enough.
pub(super) fn whole_weight_gradient(
    input: CubeTensor,
    weight: CubeTensor,
    gradient: CubeTensor,
    geometry: Geometry,
) -> CubeTensor {
    let [_, channels, kernel, _] = weight.shape().dims();
    // To a multiple of what a unit loads at once channels are padded.
    let alignment = input.client.properties().io_width() as usize / (8 * input.dtype.size());
    let rows = widest_stage(&input).map_or(kernel, |tile| rows(kernel, channels, alignment.max(1), tile));
    by_taller_kernel::<CubeBackend>(input, weight, gradient, geometry, rows)
}

/// Columns that a cube computes at most by matrix instructions, of which fewer are a divisor; `None` where the device has none. There are
/// as many planes as a cube has room for, and a plane's instructions make up two columns of f32, in TF32, or four of a narrower type
/// (`infer_blueprint_plane` of cubek-matmul 0.3.1).
fn widest_stage(input: &CubeTensor) -> Option<usize> {
    let properties = input.client.properties();
    let matrices = &properties.features.matmul;
    if matrices.cmma.is_empty() && matrices.mma.is_empty() {
        return None;
    }
    let planes = (properties.hardware.max_units_per_cube / properties.hardware.plane_size_min.max(1)).max(1);
    Some(planes as usize * if input.dtype == DType::F32 { 2 } else { 4 })
}

//! How tall a kernel Burn is asked for the weight gradient of.

use burn::backend::TensorMetadata;
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;

use crate::conv::by_burn::{Convolution, WeightGradient};
use crate::conv::taller::{by_taller_kernel, forward, rows};

impl Convolution for CubeBackend {
    fn convolution_by_burn(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self> {
        forward::<Self>(input, weight, stride, padding)
    }
}

impl WeightGradient for CubeBackend {
    fn weight_gradient(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self> {
        let [_, channels, kernel, _] = weight.shape().dims();
        // To a multiple of what a unit loads at once channels are padded.
        let alignment = input.client.properties().io_width() as usize / (8 * input.dtype.size());
        let rows = widest_stage(&input).map_or(kernel, |tile| rows(kernel, channels, alignment.max(1), tile));
        by_taller_kernel::<Self>(input, weight, gradient, (stride, padding), rows)
    }
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

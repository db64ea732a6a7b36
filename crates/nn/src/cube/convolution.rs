//! How tall a kernel Burn is asked for the weight gradient of.

use burn::backend::TensorMetadata;
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;

use crate::conv::by_burn::{Convolution, WeightGradient};
use crate::conv::taller::{by_taller_kernel, forward, rows};

/// Bits that a unit loads at once, to a multiple of which channels are padded.
const LOAD_BITS: usize = 128;

/// Tiles that stand side by side in what a cube computes, where the device's tensor cores are not known: 16 over the two in depth.
const MOST_TILES: usize = 8;

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
        let alignment = LOAD_BITS / (8 * weight.dtype.size());
        let rows = widest_stage(&input).map_or(kernel, |tile| rows(kernel, channels, alignment, tile));
        by_taller_kernel::<Self>(input, weight, gradient, (stride, padding), rows)
    }
}

/// Columns that a cube computes at most by matrix instructions, a power of 2; `None` where the device has none. Those of f32, in TF32, are
/// 16 columns wide at most, others 32.
fn widest_stage(input: &CubeTensor) -> Option<usize> {
    let properties = input.client.properties();
    let matrices = &properties.features.matmul;
    if matrices.cmma.is_empty() && matrices.mma.is_empty() {
        return None;
    }
    let known = properties.hardware.num_tensor_cores.map_or(MOST_TILES, |cores| cores as usize);
    let tiles = known.min(MOST_TILES).next_power_of_two();
    Some(tiles * if input.dtype == DType::F32 { 16 } else { 32 })
}

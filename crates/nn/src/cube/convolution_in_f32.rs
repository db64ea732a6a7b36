//! Convolution without matrix instructions, which round the factors of f32 to TF32: Burn's direct kernels, and a weight gradient by matrix
//! products. Several times slower than what Burn chooses.

use burn::backend::TensorMetadata;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::ops::ConvTransposeOptions;
use burn::tensor::{Shape, Slice};
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::conv::{ConvStrategy, ConvTranspose2dStrategy, conv_forward, conv_transpose2d};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::{permute_nchw_to_nhwc, permute_nhwc_to_nchw};
use burn_cubecl::tensor::CubeTensor;

use super::product::product;
use crate::conv::operator::Geometry;
use crate::conv::taller::options;

/// Terms of a weight gradient that are summed one after another: the parts are summed after them, side by side.
const TERMS: usize = 4096;

pub(super) fn forward(input: CubeTensor, weight: CubeTensor, geometry: Geometry) -> CubeTensor {
    conv_forward(input, weight, None, options(geometry), ConvStrategy::Direct)
        .expect("a kernel that takes images of any shape")
}

pub(super) fn input_gradient(
    input: &CubeTensor,
    weight: CubeTensor,
    gradient: CubeTensor,
    Geometry { stride, padding, .. }: Geometry,
) -> CubeTensor {
    let (sides, results) = (&input.shape()[2..], &gradient.shape()[2..]);
    let kernel = weight.shape()[2];
    // Rows and columns that no result has seen.
    let left_over = [0, 1].map(|axis| sides[axis] + 2 * padding - kernel - (results[axis] - 1) * stride);
    let options = ConvTransposeOptions::new([stride; 2], [padding; 2], left_over, [1; 2], 1);
    conv_transpose2d(gradient, weight, None, options, ConvTranspose2dStrategy::Direct)
        .expect("a kernel that takes images of any shape")
}

/// One product for each place of the kernel: of the gradients of all results by the channels that the place has seen.
pub(super) fn weight_gradient(
    input: CubeTensor,
    weight: &CubeTensor,
    gradient: CubeTensor,
    Geometry { stride, padding, .. }: Geometry,
) -> CubeTensor {
    let [outputs, channels, kernel, _] = weight.shape().dims();
    let [batch, _, height, width] = gradient.shape().dims();
    let positions = batch * height * width;
    let parts = parts(positions);
    let terms = positions / parts;
    let rows = |images: CubeTensor, channels: usize| {
        let last = into_contiguous(permute_nchw_to_nhwc(images));
        CubeBackend::float_reshape(last, Shape::new([parts, terms, channels]))
    };
    let gradient = CubeBackend::float_swap_dims(rows(gradient, outputs), 1, 2);
    let padded = padded(input, padding);
    let place = |index: usize| {
        let seen = |first: usize, results: usize| {
            let [first, end, step] =
                [first, first + (results - 1) * stride + 1, stride].map(usize::cast_signed);
            Slice::new(first, Some(end), step)
        };
        let slices = [
            Slice::from(0..batch),
            Slice::from(0..channels),
            seen(index / kernel, height),
            seen(index % kernel, width),
        ];
        let seen = rows(CubeBackend::float_slice(padded.clone(), &slices), channels);
        let sums = CubeBackend::float_sum_dim(product(gradient.clone(), seen), 0);
        CubeBackend::float_reshape(sums, Shape::new([outputs, 1, channels]))
    };
    let places = CubeBackend::float_cat((0..kernel * kernel).map(place).collect(), 1);
    // `[out, kernel, kernel, in]`
    permute_nhwc_to_nchw(CubeBackend::float_reshape(places, Shape::new([outputs, kernel, kernel, channels])))
}

/// Equal parts that so many positions are divided into: as many as leave about [`TERMS`] each.
fn parts(positions: usize) -> usize {
    let most = positions.div_ceil(TERMS).max(1);
    (1..=most).rev().find(|parts| positions.is_multiple_of(*parts)).unwrap_or(1)
}

/// Images with a border of zeros.
fn padded(images: CubeTensor, padding: usize) -> CubeTensor {
    if padding == 0 {
        return images;
    }
    let [batch, channels, height, width] = images.shape().dims();
    let shape = Shape::new([batch, channels, height + 2 * padding, width + 2 * padding]);
    let zeros = CubeBackend::float_zeros(shape, &images.device, images.dtype.into());
    let inner = [0..batch, 0..channels, padding..padding + height, padding..padding + width].map(Slice::from);
    CubeBackend::float_slice_assign(zeros, &inner, images)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_equal() {
        for (positions, expected) in [
            (2048 * 1024, 512),
            (2048 * 16, 8),
            (12, 1),
            (7 * 4096, 7),
            (2039 * 1024, 256),
            (4099, 1),
            (0, 1),
        ] {
            assert_eq!(parts(positions), expected, "{positions} positions");
        }
    }
}

//! A weight gradient as part of that of a taller kernel, since Burn's own may be wrong on GPUs.
//!
//! With matrix instructions (CUDA, ROCm, Vulkan's cooperative matrices) a weight gradient is a product of matrices, with a row for every
//! output channel and a column for every weight of one. Where tiles fit the rows and overhang the columns, cubek-convolution 0.3.1 (Burn
//! 0.22.1) stores them with the wrong bound checked: its `WeightLayout`, transposed, takes the check of rows for that of columns. What
//! overhangs, zeros, is then written over the first weights of every channel. (The other way round, rows that overhang lie behind the end of
//! the tensor, where stores are left out.) So the gradient is asked for of a kernel with as many rows more as it takes for the columns to
//! fit, and its first rows are kept.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata};
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Shape, Slice};

use super::operator::Geometry;

pub(crate) fn options(Geometry { stride, padding, .. }: Geometry) -> ConvOptions<2> {
    ConvOptions::new([stride; 2], [padding; 2], [1; 2], 1)
}

/// Rows of the least kernel, `kernel` or more of them, whose weights of one output channel are a multiple of `tile`. A weight of `channels`
/// has a column for each, and for those that pad them to a multiple of `alignment`.
pub(crate) fn rows(kernel: usize, channels: usize, alignment: usize, tile: usize) -> usize {
    let columns_of_row = kernel * channels.next_multiple_of(alignment);
    let (mut shared, mut rest) = (tile, columns_of_row);
    while rest > 0 {
        (shared, rest) = (rest, shared % rest);
    }
    kernel.next_multiple_of(tile / shared)
}

/// The weight gradient as the upper part of that of a kernel of `rows` rows.
pub(crate) fn by_taller_kernel<B: Backend>(
    input: FloatTensor<B>,
    weight: FloatTensor<B>,
    gradient: FloatTensor<B>,
    geometry: Geometry,
    rows: usize,
) -> FloatTensor<B> {
    let [outputs, inputs, height, width] = weight.shape().dims();
    if rows <= height {
        return B::conv2d_weight_backward(input, weight, gradient, options(geometry));
    }
    let Geometry { stride, padding, .. } = geometry;
    // The image grows below by as much, so that there are as many results.
    let padding = [(padding, padding + rows - height), (padding, padding)];
    let options = ConvOptions::new_with_padding([stride; 2], padding, [1; 2], 1);
    let shape = Shape::new([outputs, inputs, rows, width]);
    let taller = B::float_empty(shape, &weight.device(), weight.dtype().into());
    let gradient = B::conv2d_weight_backward(input, taller, gradient, options);
    B::float_slice(gradient, &[outputs, inputs, height, width].map(|end| Slice::from(0..end)))
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::backend::Flex;
    use burn::tensor::TensorData;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn columns_fit_the_tile() {
        for (kernel, channels, alignment, tile, expected) in [
            (3, 3, 4, 64, 16),
            (3, 64, 4, 64, 3),
            (3, 64, 8, 128, 4),
            (1, 3, 4, 64, 16),
            (7, 3, 8, 128, 16),
            (8, 3, 4, 64, 8),
            (3, 5, 4, 48, 4),
        ] {
            let rows = rows(kernel, channels, alignment, tile);
            assert_eq!(rows, expected, "{kernel}, {channels}, {tile}");
            assert_eq!(rows * kernel * channels.next_multiple_of(alignment) % tile, 0);
        }
    }

    fn tensor<B: Backend>(shape: [usize; 4], salt: usize) -> FloatTensor<B> {
        let count = shape.iter().product();
        let values = (0..count).map(|index: usize| ((index * 7919 + salt) % 1009) as f32 / 504.5 - 1.0);
        B::float_from_data(TensorData::new::<f32, _>(values.collect(), shape), &B::Device::default())
    }

    fn read(tensor: FloatTensor<Flex>) -> Vec<f32> {
        tensor.to_contiguous().storage().to_vec()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// The upper rows of a taller kernel's gradient are the gradient: summed in another order, so to 1e-5 of values up to some 100.
        #[test]
        fn of_a_taller_kernel_is_that_of_the_kernel(
            batch in 1usize..4, inputs in 1usize..5, outputs in 1usize..5, height in 7usize..12, width in 7usize..12,
            kernel in prop::sample::select(vec![1usize, 3, 7]), stride in 1usize..3, padding in 0usize..2, more in 0usize..14,
        ) {
            let side = |side: usize| (side + 2 * padding - kernel) / stride + 1;
            let input = tensor::<Flex>([batch, inputs, height, width], 1);
            let weight = tensor::<Flex>([outputs, inputs, kernel, kernel], 2);
            let gradient = tensor::<Flex>([batch, outputs, side(height), side(width)], 3);
            let of = |rows| {
                let (input, weight, gradient) = (input.clone(), weight.clone(), gradient.clone());
                let geometry = Geometry { stride, padding, in_f32: false };
                read(by_taller_kernel::<Flex>(input, weight, gradient, geometry, rows))
            };
            let (expected, found) = (of(kernel), of(kernel + more));
            prop_assert_eq!(expected.len(), found.len());
            for (expected, found) in expected.iter().zip(found) {
                prop_assert!((expected - found).abs() < 1e-3, "expected {}, found {}", expected, found);
            }
        }
    }
}

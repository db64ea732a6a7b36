//! Convolutions with 3 by 3 kernels and stride 1 by Winograd's algorithm, F(4 x 4, 3 x 3).
//!
//! A tile of 4 by 4 outputs takes 36 multiplications per pair of channels instead of 144: input tiles and filters are
//! transformed to their values at 36 points, multiplied there (a product of matrices, channels by tiles, for each point),
//! and transformed back. All transforms work on vectors of neighbouring channels.

mod correlate;
mod interleave;
mod product;
#[cfg(test)]
mod tests;
mod tiles;
mod transforms;
mod weight_gradient;
mod weights;
mod workspace;

use crate::{ConvShape, Instructions};
use correlate::Correlation;
pub(crate) use weight_gradient::weight_gradient;
use weights::Filters;

/// What is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    Forward,
    InputGradient,
    WeightGradient,
}

/// The fewest channels that are summed over for which the transforms are worth it, in images of 32 by 32.
const DEPTH: usize = 12;

/// The fewest channels that are written for which it is worth it: they fill vectors, of a tile of the direct kernels only rows.
const WRITTEN: usize = 5;

/// Whether Winograd's algorithm takes this pass: of the shape alone, by measurement with AVX-512 and AVX2. It is then up to
/// six times as fast as the direct kernels.
pub(crate) fn is_faster(shape: &ConvShape, pass: Pass) -> bool {
    // Of a tile of one pixel, 35 of 36 products are for nothing.
    let sides = [shape.height, shape.width, shape.output_height(), shape.output_width()];
    let possible = shape.kernel == 3 && shape.stride == 1 && shape.padding <= 2;
    possible
        && sides.into_iter().all(|side| side > 1)
        && match pass {
            Pass::Forward => shape.inputs >= DEPTH && shape.outputs >= WRITTEN,
            Pass::InputGradient => shape.outputs >= DEPTH && shape.inputs >= WRITTEN,
            Pass::WeightGradient => true,
        }
}

/// [`convolve`](crate::convolve()), for sizes and slices that are not empty.
pub(crate) fn convolve(
    instructions: Instructions,
    shape: &ConvShape,
    input: &[f32],
    weight: &[f32],
    output: &mut [f32],
) {
    let correlation = Correlation {
        instructions,
        batch: shape.batch,
        source: [shape.height, shape.width],
        before: shape.padding,
        target: [shape.output_height(), shape.output_width()],
        filters: Filters { values: weight, inputs: shape.inputs, outputs: shape.outputs, mirrored: false },
    };
    correlation.run(input, output);
}

/// [`input_gradient`](crate::input_gradient()), for sizes and slices that are not empty: a correlation with the rotated
/// filters.
pub(crate) fn input_gradient(
    instructions: Instructions,
    shape: &ConvShape,
    weight: &[f32],
    output_gradient: &[f32],
    input_gradient: &mut [f32],
) {
    let correlation = Correlation {
        instructions,
        batch: shape.batch,
        source: [shape.output_height(), shape.output_width()],
        before: shape.kernel - 1 - shape.padding,
        target: [shape.height, shape.width],
        filters: Filters { values: weight, inputs: shape.outputs, outputs: shape.inputs, mirrored: true },
    };
    correlation.run(output_gradient, input_gradient);
}

//! The convolution itself.

use rayon::prelude::*;

use crate::correlate::{Operands, PackedWeights, Workspace, correlate, lanes};
use crate::padded::Padded;
use crate::positions::Positions;
use crate::{ConvShape, Instructions, winograd};

/// The fewest output pixels of one task, where the batch has as many: enough to use packed weights often.
const TASK_PIXELS: usize = 256;

/// Images of a task whose images have this many output pixels each.
pub(crate) fn images_per_task(pixels: usize, batch: usize, least: usize) -> usize {
    least.div_ceil(pixels.max(1)).clamp(1, batch.max(1))
}

/// The padded input of a convolution, and what each term of its sums reads: channel, then row and column of the kernel.
pub(crate) fn input_layout(shape: &ConvShape) -> (Padded, Vec<usize>) {
    let reach = |outputs: usize| (outputs - 1) * shape.stride + shape.kernel;
    let padded = Padded {
        image: [shape.height, shape.width],
        before: [shape.padding; 2],
        size: [reach(shape.output_height()), reach(shape.output_width())],
        step: shape.stride,
    };
    let mut offsets = Vec::with_capacity(shape.inputs * shape.taps());
    for channel in 0..shape.inputs {
        for y in 0..shape.kernel {
            offsets.extend((0..shape.kernel).map(|x| padded.index(channel, y, x)));
        }
    }
    (padded, offsets)
}

/// Where the output pixels of `images` images start reading in their padded inputs of `image_len` values each.
pub(crate) fn reading_positions(
    shape: &ConvShape,
    padded: &Padded,
    images: usize,
    image_len: usize,
    lanes: usize,
) -> Positions {
    let (width, pixels) = (shape.output_width(), shape.output_pixels());
    let position = |pixel: usize| {
        let (image, pixel) = (pixel / pixels, pixel % pixels);
        image * image_len + pixel / width * shape.stride * padded.row_len() + pixel % width
    };
    Positions::new((0..images * pixels).map(position), lanes)
}

/// Where the pixels of row 0 of `images` images lie in `[images, rows, pixels]`.
pub(crate) fn plane_positions(images: usize, rows: usize, pixels: usize, lanes: usize) -> Positions {
    Positions::new((0..images * pixels).map(|pixel| pixel / pixels * rows * pixels + pixel % pixels), lanes)
}

/// Convolves `input`, `[batch, inputs, height, width]`, with `weight`, `[outputs, inputs, kernel, kernel]`, into `output`,
/// `[batch, outputs, output_height, output_width]`, as `torch.nn.functional.conv2d` does. The result is the same, to
/// the bit, at any number of threads.
///
/// # Panics
///
/// If a slice's length is not what `shape` says, kernel or stride is 0, or sizes are beyond any memory.
pub fn convolve(shape: &ConvShape, input: &[f32], weight: &[f32], output: &mut [f32]) {
    convolve_with(Instructions::best(), shape, input, weight, output);
}

/// [`convolve`] with a given instruction set.
///
/// # Panics
///
/// As [`convolve`].
pub fn convolve_with(
    instructions: Instructions,
    shape: &ConvShape,
    input: &[f32],
    weight: &[f32],
    output: &mut [f32],
) {
    shape.check(input.len(), weight.len(), output.len());
    if output.is_empty() {
        return;
    }
    if weight.is_empty() {
        output.fill(0.0);
        return;
    }
    if winograd::is_faster(shape, winograd::Pass::Forward) {
        winograd::convolve(instructions, shape, input, weight, output);
        return;
    }
    let lanes = lanes(instructions);
    let (padded, offsets) = input_layout(shape);
    let terms: Vec<usize> = (0..offsets.len()).collect();
    let weights = PackedWeights::new(weight, shape.outputs, terms.len(), &terms, instructions);

    let pixels = shape.output_pixels();
    let (input_len, output_len) = (shape.inputs * shape.height * shape.width, shape.outputs * pixels);
    let image_len = shape.inputs * padded.plane_len();
    let images = images_per_task(pixels, shape.batch, TASK_PIXELS);
    let positions = |images: usize| {
        let reads = reading_positions(shape, &padded, images, image_len, lanes);
        (reads, plane_positions(images, shape.outputs, pixels, lanes))
    };
    // Of every task but the last, which may have fewer images.
    let whole = positions(images);
    output.par_chunks_mut(images * output_len).zip(input.par_chunks(images * input_len)).for_each_init(
        || (Workspace::default(), vec![0.0; images * image_len]),
        |(workspace, source), (output, input)| {
            let rest;
            let (pixels_read, targets) = if output.len() == images * output_len {
                &whole
            } else {
                rest = positions(output.len() / output_len);
                &rest
            };
            for (input, source) in input.chunks_exact(input_len).zip(source.chunks_exact_mut(image_len)) {
                padded.fill(input, source);
            }
            let operands = Operands {
                weights: &weights,
                source,
                pixels: pixels_read,
                offsets: &offsets,
                targets,
                row_stride: pixels,
            };
            correlate(&operands, workspace, output);
        },
    );
}

//! The convolution itself.

use rayon::prelude::*;

use crate::correlate::{
    Operands, PackedWeights, Workspace, correlate_images, lanes, with_weights, with_workspace,
};
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
        kept: shape.stride.min(shape.kernel),
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
        image * image_len + padded.index(0, pixel / width * shape.stride, 0) + pixel % width
    };
    Positions::new((0..images * pixels).map(position), lanes)
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
    with_weights(|packed| {
        let (padded, offsets) = input_layout(shape);
        let terms: Vec<usize> = (0..offsets.len()).collect();
        let packed = packed.values(PackedWeights::len(instructions, shape.outputs, terms.len()));
        let weights = PackedWeights::new(instructions, weight, shape.outputs, terms.len(), &terms, packed);

        let pixels = shape.output_pixels();
        let (input_len, output_len) = (shape.inputs * shape.height * shape.width, shape.outputs * pixels);
        let image_len = shape.inputs * padded.plane_len();
        let images = images_per_task(pixels, shape.batch, TASK_PIXELS);
        let reads = |images: usize| reading_positions(shape, &padded, images, image_len, lanes(instructions));
        // Of every task but the last, which may have fewer images.
        let whole = reads(images);
        let outputs = output.par_chunks_mut(images * output_len);
        outputs.zip(input.par_chunks(images * input_len)).for_each(|(output, input)| {
            let rest;
            let reads = if output.len() == images * output_len {
                &whole
            } else {
                rest = reads(output.len() / output_len);
                &rest
            };
            with_workspace(|Workspace { source, dense, panel }| {
                let source = source.values(images * image_len);
                for (input, source) in input.chunks_exact(input_len).zip(source.chunks_exact_mut(image_len)) {
                    padded.fill(instructions, input, source);
                }
                let operands = Operands { weights: &weights, source, pixels: reads, offsets: &offsets };
                correlate_images(&operands, pixels, panel, dense, output);
            });
        });
    });
}

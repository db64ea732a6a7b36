//! The gradient of a convolution's input.

use rayon::prelude::*;

use crate::correlate::{Operands, PackedWeights, Workspace, correlate, lanes};
use crate::forward::images_per_task;
use crate::padded::Padded;
use crate::positions::Positions;
use crate::{ConvShape, Instructions, winograd};

/// The fewest input pixels of one task, where the batch has as many.
const TASK_PIXELS: usize = 256;

/// The input pixels of one remainder modulo the stride, along one axis.
///
/// Input row `stride * index + remainder` meets kernel rows `first + stride * tap`; tap `tap` reads output row
/// `index + shift - tap`.
#[derive(Clone, Copy, Debug)]
struct Phase {
    remainder: usize,
    count: usize,
    first: usize,
    taps: usize,
    shift: usize,
}

impl Phase {
    fn new(shape: &ConvShape, side: usize, remainder: usize) -> Self {
        let first = (remainder + shape.padding) % shape.stride;
        Self {
            remainder,
            count: side.saturating_sub(remainder).div_ceil(shape.stride),
            first,
            taps: shape.kernel.saturating_sub(first).div_ceil(shape.stride),
            shift: (remainder + shape.padding - first) / shape.stride,
        }
    }

    fn all(shape: &ConvShape, side: usize) -> Vec<Self> {
        (0..shape.stride).map(|remainder| Self::new(shape, side, remainder)).collect()
    }

    /// Zeros before the first output row that a tap reads.
    fn before(&self) -> usize {
        self.taps.saturating_sub(1 + self.shift)
    }

    /// Output rows that are read, from output row 0 on.
    fn reach(&self) -> usize {
        self.count + self.shift
    }
}

/// A phase of both axes, ready to run.
struct Pass {
    y: Phase,
    x: Phase,
    weights: PackedWeights,
    offsets: Vec<usize>,
}

/// The gradient of `input` in [`convolve`](crate::convolve): from `output_gradient`,
/// `[batch, outputs, output_height, output_width]`, and `weight` to `input_gradient`, `[batch, inputs, height, width]`. The
/// result is the same, to the bit, at any number of threads.
///
/// # Panics
///
/// If a slice's length is not what `shape` says, kernel or stride is 0, or sizes are beyond any memory.
pub fn input_gradient(
    shape: &ConvShape,
    weight: &[f32],
    output_gradient: &[f32],
    input_gradient: &mut [f32],
) {
    input_gradient_with(Instructions::best(), shape, weight, output_gradient, input_gradient);
}

/// [`input_gradient`] with a given instruction set.
///
/// # Panics
///
/// As [`input_gradient`].
pub fn input_gradient_with(
    instructions: Instructions,
    shape: &ConvShape,
    weight: &[f32],
    output_gradient: &[f32],
    input_gradient: &mut [f32],
) {
    shape.check(input_gradient.len(), weight.len(), output_gradient.len());
    if input_gradient.is_empty() {
        return;
    }
    if output_gradient.is_empty() {
        input_gradient.fill(0.0);
        return;
    }
    if winograd::is_faster(shape, winograd::Pass::InputGradient) {
        winograd::input_gradient(instructions, shape, weight, output_gradient, input_gradient);
        return;
    }
    let lanes = lanes(instructions);
    let phases = [Phase::all(shape, shape.height), Phase::all(shape, shape.width)];
    let most = |phases: &[Phase], of: fn(&Phase) -> usize| phases.iter().map(of).max().unwrap_or(0);
    let before = [most(&phases[0], Phase::before), most(&phases[1], Phase::before)];
    let padded = Padded {
        image: [shape.output_height(), shape.output_width()],
        before,
        size: [
            before[0] + most(&phases[0], Phase::reach).max(1),
            before[1] + most(&phases[1], Phase::reach).max(1),
        ],
        step: 1,
    };
    let mut passes = Vec::new();
    for &y in &phases[0] {
        passes.extend(phases[1].iter().map(|&x| Pass::new(shape, &padded, y, x, weight, instructions)));
    }

    let plane = shape.height * shape.width;
    let (input_len, output_len) = (shape.inputs * plane, shape.outputs * shape.output_pixels());
    let image_len = shape.outputs * padded.plane_len();
    let images_per_task = images_per_task(plane, shape.batch, TASK_PIXELS);
    // Where a pass reads for each of its pixels, and where it writes.
    let positions = |pass: &Pass, images: usize| {
        let place = |pixel: usize, image_len: usize, row: usize, [y, x]: [usize; 2], step: usize| {
            let (image, pixel) = (pixel / pass.pixels(), pixel % pass.pixels());
            let (line, column) = (pixel / pass.x.count, pixel % pass.x.count);
            image * image_len + (line * step + y) * row + column * step + x
        };
        let start = [pass.y.remainder, pass.x.remainder];
        let reads = |pixel| place(pixel, image_len, padded.row_len(), [0, 0], 1);
        let targets = |pixel| place(pixel, input_len, shape.width, start, shape.stride);
        let pixels = 0..images * pass.pixels();
        (Positions::new(pixels.clone().map(reads), lanes), Positions::new(pixels.map(targets), lanes))
    };
    // Of every task but the last, which may have fewer images.
    let whole: Vec<_> = passes.iter().map(|pass| positions(pass, images_per_task)).collect();
    let tasks = input_gradient.par_chunks_mut(images_per_task * input_len);
    tasks.zip(output_gradient.par_chunks(images_per_task * output_len)).for_each_init(
        || (Workspace::default(), vec![0.0; images_per_task * image_len]),
        |(workspace, source), (target, gradient)| {
            let images = target.len() / input_len;
            for (gradient, source) in
                gradient.chunks_exact(output_len).zip(source.chunks_exact_mut(image_len))
            {
                padded.fill(gradient, source);
            }
            for (index, pass) in passes.iter().enumerate() {
                let rest;
                let (reads, targets) = if images == images_per_task {
                    &whole[index]
                } else {
                    rest = positions(pass, images);
                    &rest
                };
                if pass.offsets.is_empty() {
                    for channel in 0..shape.inputs {
                        targets.fill(0.0, &mut target[channel * plane..]);
                    }
                } else if pass.pixels() > 0 {
                    let operands = Operands {
                        weights: &pass.weights,
                        source,
                        pixels: reads,
                        offsets: &pass.offsets,
                        targets,
                        row_stride: plane,
                    };
                    correlate(&operands, workspace, target);
                }
            }
        },
    );
}

impl Pass {
    /// Input pixels of an image that this phase computes.
    fn pixels(&self) -> usize {
        self.y.count * self.x.count
    }

    fn new(
        shape: &ConvShape,
        padded: &Padded,
        y: Phase,
        x: Phase,
        weight: &[f32],
        instructions: Instructions,
    ) -> Self {
        let (mut offsets, mut terms) = (Vec::new(), Vec::new());
        for output in 0..shape.outputs {
            for tap_y in 0..y.taps {
                for tap_x in 0..x.taps {
                    let row = padded.before[0] + y.shift - tap_y;
                    offsets.push(padded.index(output, row, padded.before[1] + x.shift - tap_x));
                    let kernel_y = y.first + shape.stride * tap_y;
                    let kernel_x = x.first + shape.stride * tap_x;
                    terms.push(output * shape.inputs * shape.taps() + kernel_y * shape.kernel + kernel_x);
                }
            }
        }
        let weights = PackedWeights::new(weight, shape.inputs, shape.taps(), &terms, instructions);
        Self { y, x, weights, offsets }
    }
}

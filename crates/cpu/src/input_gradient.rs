//! The gradient of a convolution's input.

use rayon::prelude::*;

use crate::correlate::{
    Operands, PackedWeights, Workspace, correlate, correlate_images, lanes, with_weights, with_workspace,
};
use crate::forward::images_per_task;
use crate::padded::Padded;
use crate::positions::Positions;
use crate::simd::{Kernel, Vector, run};
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

/// A phase of both axes, with what the terms of its sums read of the padded gradient and of the weight.
struct Pass {
    y: Phase,
    x: Phase,
    offsets: Vec<usize>,
    terms: Vec<usize>,
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
        kept: 1,
    };
    let mut passes = Vec::new();
    for &y in &phases[0] {
        passes.extend(phases[1].iter().map(|&x| Pass::new(shape, &padded, y, x)));
    }
    with_weights(|packed| {
        let len = |pass: &Pass| PackedWeights::len(instructions, shape.inputs, pass.terms.len());
        let mut packed = packed.values(passes.iter().map(len).sum());
        let mut weights = Vec::with_capacity(passes.len());
        for pass in &passes {
            let (values, rest) = packed.split_at_mut(len(pass));
            packed = rest;
            let terms = &pass.terms;
            weights.push(PackedWeights::new(instructions, weight, shape.inputs, shape.taps(), terms, values));
        }
        Gradient { shape, instructions, padded, passes, weights }.run(output_gradient, input_gradient);
    });
}

/// All that tasks share.
struct Gradient<'a> {
    shape: &'a ConvShape,
    instructions: Instructions,
    padded: Padded,
    /// By the phase of y, then of x.
    passes: Vec<Pass>,
    /// Of each pass.
    weights: Vec<PackedWeights<'a>>,
}

impl Gradient<'_> {
    fn run(&self, output_gradient: &[f32], input_gradient: &mut [f32]) {
        let shape = self.shape;
        let plane = shape.height * shape.width;
        let (input_len, output_len) = (shape.inputs * plane, shape.outputs * shape.output_pixels());
        let images = images_per_task(plane, shape.batch, TASK_PIXELS);
        // Of every task but the last, which may have fewer images.
        let whole = self.reading_positions(images);
        let tasks = input_gradient.par_chunks_mut(images * input_len);
        tasks.zip(output_gradient.par_chunks(images * output_len)).for_each(|(target, gradient)| {
            let rest;
            let reads = if target.len() == images * input_len {
                &whole
            } else {
                rest = self.reading_positions(target.len() / input_len);
                &rest
            };
            with_workspace(|workspace| self.task(reads, gradient, target, workspace));
        });
    }

    /// Where each pass reads for each of its pixels.
    fn reading_positions(&self, images: usize) -> Vec<Positions> {
        let image_len = self.image_len();
        let positions = |pass: &Pass| {
            let position = |pixel: usize| {
                let (image, pixel) = (pixel / pass.pixels(), pixel % pass.pixels());
                let (line, column) = (pixel / pass.x.count, pixel % pass.x.count);
                image * image_len + self.padded.index(0, line, column)
            };
            Positions::new((0..images * pass.pixels()).map(position), lanes(self.instructions))
        };
        self.passes.iter().map(positions).collect()
    }

    /// Values of an image's padded gradient.
    fn image_len(&self) -> usize {
        self.shape.outputs * self.padded.plane_len()
    }

    fn task(&self, reads: &[Positions], gradient: &[f32], target: &mut [f32], workspace: &mut Workspace) {
        let Self { shape, instructions, padded, passes, weights } = self;
        let Workspace { source, dense, panel } = workspace;
        let plane = shape.height * shape.width;
        let images = target.len() / (shape.inputs * plane);
        let source = source.values(images * self.image_len());
        let gradients = gradient.chunks_exact(gradient.len() / images);
        for (gradient, source) in gradients.zip(source.chunks_exact_mut(self.image_len())) {
            padded.fill(*instructions, gradient, source);
        }
        let operands = |index: usize| Operands {
            weights: &weights[index],
            source,
            pixels: &reads[index],
            offsets: &passes[index].offsets,
        };
        if shape.stride == 1 {
            correlate_images(&operands(0), plane, panel, dense, target);
            return;
        }
        // The phases of x by themselves for each phase of y, then put together.
        for (y, row_passes) in passes.chunks_exact(shape.stride).enumerate() {
            let reads = &reads[y * shape.stride..][..shape.stride];
            let len = |reads: &Positions| shape.inputs * reads.padded_len();
            let mut rest = dense.values(reads.iter().map(len).sum());
            let mut columns = Vec::with_capacity(shape.stride);
            for (x, (pass, reads)) in row_passes.iter().zip(reads).enumerate() {
                let (values, after) = rest.split_at_mut(len(reads));
                rest = after;
                let read = !pass.offsets.is_empty();
                if read && pass.pixels() > 0 {
                    correlate(&operands(y * shape.stride + x), panel, values);
                }
                columns.push(Columns {
                    values: read.then_some(&*values),
                    channel_len: reads.padded_len(),
                    count: pass.x.count,
                });
            }
            run(*instructions, Merge { shape, y: row_passes[0].y, columns: &columns, target });
        }
    }
}

/// The columns of one phase of x.
struct Columns<'a> {
    /// `[channels, images, rows, count]`, each channel filled up to whole vectors; None where no output reads them.
    values: Option<&'a [f32]>,
    channel_len: usize,
    count: usize,
}

/// Writes the rows of one phase of y of some images.
struct Merge<'a> {
    shape: &'a ConvShape,
    y: Phase,
    /// Of each phase of x.
    columns: &'a [Columns<'a>],
    target: &'a mut [f32],
}

impl Kernel for Merge<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { shape: &ConvShape { inputs, height, width, stride, .. }, y, columns, target } = self;
        let zeros = vec![0.0; columns[0].count];
        for (index, plane) in target.chunks_exact_mut(height * width).enumerate() {
            let (image, channel) = (index / inputs, index % inputs);
            let mut place = y.remainder * width;
            for line in image * y.count..(image + 1) * y.count {
                let row = &mut plane[place..place + width];
                place += stride * width;
                let mut done = 0;
                if let [even, odd] = columns {
                    let (even, odd) = (even.line(channel, line, &zeros), odd.line(channel, line, &zeros));
                    // SAFETY: the caller vouches for the instructions.
                    unsafe {
                        done = zip::<V>(even, odd, done, row);
                        done = zip::<V::Half>(even, odd, done, row);
                    }
                }
                for (remainder, columns) in columns.iter().enumerate() {
                    for column in done..columns.count {
                        row[column * stride + remainder] = columns.line(channel, line, &zeros)[column];
                    }
                }
            }
        }
    }
}

impl Columns<'_> {
    /// Those of a line, counted through all images.
    #[inline(always)]
    fn line<'a>(&'a self, channel: usize, line: usize, zeros: &'a [f32]) -> &'a [f32] {
        match self.values {
            Some(values) => &values[channel * self.channel_len + line * self.count..][..self.count],
            None => &zeros[..self.count],
        }
    }
}

/// Writes whole vectors of even and odd columns in turn, from column `done` of each on; returns where it stopped.
///
/// # Safety
///
/// As [`Vector`].
#[inline(always)]
unsafe fn zip<V: Vector>(even: &[f32], odd: &[f32], mut done: usize, row: &mut [f32]) -> usize {
    while done + V::LANES <= even.len().min(odd.len()).min(row.len() / 2) {
        // SAFETY: a vector of each kind of columns, and two of the row, checked above.
        unsafe {
            let zipped = V::load(even.as_ptr().add(done)).zip(V::load(odd.as_ptr().add(done)));
            for (index, values) in zipped.into_iter().enumerate() {
                values.store(row.as_mut_ptr().add(2 * done + index * V::LANES));
            }
        }
        done += V::LANES;
    }
    done
}

impl Pass {
    /// Input pixels of an image that this phase computes.
    fn pixels(&self) -> usize {
        self.y.count * self.x.count
    }

    fn new(shape: &ConvShape, padded: &Padded, y: Phase, x: Phase) -> Self {
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
        Self { y, x, offsets, terms }
    }
}

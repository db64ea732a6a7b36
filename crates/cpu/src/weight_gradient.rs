//! The gradient of a convolution's weight.
//!
//! Entry (output, term) is the inner product, over all pixels of the batch, of a plane of the output gradient and the
//! input shifted by the term. Outputs are the lanes: the output gradient is transposed once to
//! `[batch, pixels, outputs]`, and every value of the input is multiplied into all outputs at a time. Tasks divide the
//! terms and, where these make few tasks, the batch, into parts whose number depends on the sizes alone and whose sums are
//! added in order: the result does not depend on the number of threads.

use std::cell::Cell;

use rayon::prelude::*;

use crate::buffer::{Buffer, lend};
use crate::correlate::{lanes, with_workspace};
use crate::forward::input_layout;
use crate::padded::Padded;
use crate::simd::{Kernel, Vector, run};
use crate::{ConvShape, Instructions, winograd};

/// Pixels whose transposed gradients stay in the first-level cache while all terms pass.
const BLOCK_PIXELS: usize = 64;

/// The most terms that one task computes.
const TASK_TERMS: usize = 72;

/// The most tasks, unless the terms alone make more.
const TASKS: usize = 16;

/// Output pixels that are read together: neighbours in the padded input.
const RUN: usize = 4;

/// The gradient of `weight` in [`convolve`](crate::convolve): from `input`, `[batch, inputs, height, width]`, and
/// `output_gradient`, `[batch, outputs, output_height, output_width]`, to `weight_gradient`,
/// `[outputs, inputs, kernel, kernel]`. The result is the same, to the bit, at any number of threads.
///
/// # Panics
///
/// If a slice's length is not what `shape` says, kernel or stride is 0, or sizes are beyond any memory.
pub fn weight_gradient(
    shape: &ConvShape,
    input: &[f32],
    output_gradient: &[f32],
    weight_gradient: &mut [f32],
) {
    weight_gradient_with(Instructions::best(), shape, input, output_gradient, weight_gradient);
}

/// [`weight_gradient`] with a given instruction set.
///
/// # Panics
///
/// As [`weight_gradient`].
pub fn weight_gradient_with(
    instructions: Instructions,
    shape: &ConvShape,
    input: &[f32],
    output_gradient: &[f32],
    weight_gradient: &mut [f32],
) {
    shape.check(input.len(), weight_gradient.len(), output_gradient.len());
    if output_gradient.is_empty() || weight_gradient.is_empty() {
        weight_gradient.fill(0.0);
        return;
    }
    if winograd::is_faster(shape, winograd::Pass::WeightGradient) {
        winograd::weight_gradient(instructions, shape, input, output_gradient, weight_gradient);
        return;
    }
    lend(&SHARED, |Shared { gradient, sums }| {
        let transposed = transpose(shape, output_gradient, instructions, gradient);
        let task = Task::new(shape, instructions);
        let images = shape.batch.div_ceil(task.parts());
        let parts = shape.batch.div_ceil(images);
        let part_len = task.terms() * task.row;
        let sums = sums.values(parts * part_len);
        let inputs = input.par_chunks(images * (input.len() / shape.batch));
        let gradients = transposed.par_chunks(images * shape.output_pixels() * task.row);
        sums.par_chunks_mut(part_len).zip(inputs.zip(gradients)).for_each(|(sums, (input, gradient))| {
            let channels = sums.par_chunks_mut(task.channels * shape.taps() * task.row);
            channels.enumerate().for_each(|(index, sums)| {
                task.run(input, index * task.channels, gradient, sums);
            });
        });
        task.write(sums, weight_gradient);
    });
}

/// What the tasks of one call share.
#[derive(Default)]
struct Shared {
    /// The transposed gradient.
    gradient: Buffer,
    /// The sums, `[parts, terms, outputs]`, the outputs filled up to whole vectors.
    sums: Buffer,
}

thread_local! {
    static SHARED: Cell<Shared> = Cell::default();
}

/// The gradient as `[batch, pixels, outputs]`, the outputs filled up with zeros to whole vectors.
fn transpose<'a>(
    shape: &ConvShape,
    gradient: &[f32],
    instructions: Instructions,
    transposed: &'a mut Buffer,
) -> &'a [f32] {
    let (pixels, outputs) = (shape.output_pixels(), shape.outputs);
    let row = outputs.next_multiple_of(lanes(instructions));
    let transposed = transposed.values(shape.batch * pixels * row);
    let images = transposed.par_chunks_mut(pixels * row).zip(gradient.par_chunks(pixels * outputs));
    images.for_each(|(out, planes)| run(instructions, Transpose { planes, pixels, out, row }));
    transposed
}

/// Transposes planes of `pixels` to rows of `row` values.
struct Transpose<'a> {
    planes: &'a [f32],
    pixels: usize,
    out: &'a mut [f32],
    row: usize,
}

impl Kernel for Transpose<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { planes, pixels, out, row } = self;
        let channels = planes.len() / pixels;
        assert!(row.is_multiple_of(V::LANES) && channels <= row && out.len() == pixels * row);
        for first in (0..row).step_by(V::LANES) {
            let mut pixel = 0;
            if first + V::LANES <= channels {
                while pixel + V::LANES <= pixels {
                    // SAFETY: a square of channels and pixels, which both lie within the slices.
                    unsafe {
                        let from = planes.as_ptr().add(first * pixels + pixel);
                        V::transpose(from, pixels, out.as_mut_ptr().add(pixel * row + first), row);
                    }
                    pixel += V::LANES;
                }
            }
            for pixel in pixel..pixels {
                for (channel, value) in (first..).zip(&mut out[pixel * row + first..][..V::LANES]) {
                    *value = if channel < channels { planes[channel * pixels + pixel] } else { 0.0 };
                }
            }
        }
    }
}

/// The gradient of some input channels' weights over some images.
struct Task<'a> {
    shape: &'a ConvShape,
    instructions: Instructions,
    /// Input channels of a task.
    channels: usize,
    /// The outputs, filled up to whole vectors.
    row: usize,
    padded: Padded,
    /// What each term of the first channels adds to a position.
    offsets: Vec<usize>,
    /// Where each output pixel starts reading.
    positions: Vec<usize>,
}

impl<'a> Task<'a> {
    fn new(shape: &'a ConvShape, instructions: Instructions) -> Self {
        let channels = (TASK_TERMS / shape.taps()).clamp(1, shape.inputs);
        let (padded, offsets) = input_layout(&ConvShape { inputs: channels, ..*shape });
        let width = shape.output_width();
        let position = |pixel| padded.index(0, pixel / width * shape.stride, 0) + pixel % width;
        let positions = (0..shape.output_pixels()).map(position).collect();
        let row = shape.outputs.next_multiple_of(lanes(instructions));
        Self { shape, instructions, channels, row, padded, offsets, positions }
    }

    /// Terms of all channels.
    fn terms(&self) -> usize {
        self.shape.inputs * self.shape.taps()
    }

    /// Parts of the batch.
    fn parts(&self) -> usize {
        (TASKS / self.shape.inputs.div_ceil(self.channels)).clamp(1, self.shape.batch)
    }

    /// Writes the sums, `[terms, outputs]`, of the channels from `first` on of the images of `input`.
    fn run(&self, input: &[f32], first: usize, gradient: &[f32], sums: &mut [f32]) {
        let Self { shape, instructions, row, positions, .. } = self;
        let (plane, pixels) = (shape.height * shape.width, positions.len());
        let offsets = &self.offsets[..sums.len() / row];
        let channels = offsets.len() / shape.taps();
        sums.fill(0.0);
        with_workspace(|workspace| {
            let source = workspace.source.values(channels * self.padded.plane_len());
            let images = input.chunks_exact(shape.inputs * plane).zip(gradient.chunks_exact(pixels * row));
            for (input, gradient) in images {
                self.padded.fill(*instructions, &input[first * plane..(first + channels) * plane], source);
                let blocks = positions.chunks(BLOCK_PIXELS).zip(gradient.chunks(BLOCK_PIXELS * row));
                for (positions, gradient) in blocks {
                    let neighbours = shape.output_width().is_multiple_of(RUN);
                    let block = Block { source, positions, neighbours, offsets, gradient, outputs: *row };
                    block.add_to(sums, *instructions);
                }
            }
        });
    }

    /// Adds up the parts' sums, `[parts, terms, outputs]`, to `[outputs, terms]`.
    fn write(&self, sums: &[f32], weight_gradient: &mut [f32]) {
        /// Outputs that are written at a time: those of a cache line of sums.
        const OUTPUTS: usize = 16;
        let terms = self.terms();
        weight_gradient.par_chunks_mut(OUTPUTS * terms).enumerate().for_each(|(index, out)| {
            let outputs = out.len() / terms;
            for term in 0..terms {
                let mut totals = [0.0; OUTPUTS];
                for part in sums.chunks_exact(terms * self.row) {
                    let part = &part[term * self.row + index * OUTPUTS..][..outputs];
                    for (total, sum) in totals.iter_mut().zip(part) {
                        *total += sum;
                    }
                }
                for (out, total) in out[term..].iter_mut().step_by(terms).zip(totals) {
                    *out = total;
                }
            }
        });
    }
}

/// Some pixels of an image.
struct Block<'a> {
    /// The padded input.
    source: &'a [f32],
    /// Where each pixel starts reading.
    positions: &'a [usize],
    /// Whether the pixels come in runs of [`RUN`] neighbours.
    neighbours: bool,
    /// What each term adds to that.
    offsets: &'a [usize],
    /// The output gradient, `[pixels, outputs]`.
    gradient: &'a [f32],
    /// Number of outputs, rounded up to whole vectors.
    outputs: usize,
}

impl Block<'_> {
    /// Adds the block's products to `sums`, `[terms, outputs]`.
    fn add_to(&self, sums: &mut [f32], instructions: Instructions) {
        let furthest = self.positions.iter().max().zip(self.offsets.iter().max()).map_or(0, |(a, b)| a + b);
        assert!(furthest < self.source.len());
        assert_eq!(self.gradient.len(), self.positions.len() * self.outputs);
        assert_eq!(sums.len(), self.offsets.len() * self.outputs);
        run(instructions, Sums { block: self, sums });
    }
}

/// A block and the sums that it is added to. What is read of the input at a position plus an offset lies within it, and
/// gradient and sums have whole rows: [`Block::add_to`] has checked it.
struct Sums<'a> {
    block: &'a Block<'a>,
    sums: &'a mut [f32],
}

impl Kernel for Sums<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { block, sums } = self;
        // SAFETY: the caller vouches for the instructions, whoever made this for the rest.
        unsafe {
            let mut done = 0;
            match V::REGISTERS {
                32 => {
                    done = columns::<V, 6, 3, 4>(block, done, sums);
                    done = columns::<V, 12, 4, 2>(block, done, sums);
                    columns::<V, 24, 8, 1>(block, done, sums);
                }
                16 => {
                    done = columns::<V, 6, 3, 2>(block, done, sums);
                    columns::<V, 12, 4, 1>(block, done, sums);
                }
                _ => {
                    columns::<V, 4, 2, 1>(block, done, sums);
                }
            }
        }
    }
}

/// The outputs from `first` on, `VECTORS` vectors at a time as long as there are as many; returns where it stopped. Tiles
/// have `TERMS` terms, or `FEW` where no more are left.
#[inline(always)]
unsafe fn columns<V: Vector, const TERMS: usize, const FEW: usize, const VECTORS: usize>(
    block: &Block<'_>,
    mut first: usize,
    sums: &mut [f32],
) -> usize {
    let width = VECTORS * V::LANES;
    while first + width <= block.outputs {
        let mut term = 0;
        while term < block.offsets.len() {
            let few = block.offsets.len() - term <= FEW;
            // SAFETY: the caller upholds what this function asks.
            unsafe {
                match (block.neighbours, few) {
                    (true, false) => tile::<V, TERMS, VECTORS, RUN>(block, term, first, sums),
                    (true, true) => tile::<V, FEW, VECTORS, RUN>(block, term, first, sums),
                    (false, false) => tile::<V, TERMS, VECTORS, 1>(block, term, first, sums),
                    (false, true) => tile::<V, FEW, VECTORS, 1>(block, term, first, sums),
                }
            }
            term += if few { FEW } else { TERMS };
        }
        first += width;
    }
    first
}

/// A tile of `TERMS` terms from `term` on and `VECTORS` vectors of outputs from `first` on. At the edge the last term
/// repeats, and what comes of it is dropped.
#[inline(always)]
unsafe fn tile<V: Vector, const TERMS: usize, const VECTORS: usize, const NEIGHBOURS: usize>(
    block: &Block<'_>,
    term: usize,
    first: usize,
    sums: &mut [f32],
) {
    let terms = TERMS.min(block.offsets.len() - term);
    let offsets: [usize; TERMS] = std::array::from_fn(|index| block.offsets[term + index.min(terms - 1)]);
    // SAFETY: the caller vouches for every position plus offset, for `outputs` values of each pixel's gradient and of
    // each term's sums.
    unsafe {
        let target = sums.as_mut_ptr().add(term * block.outputs + first);
        let mut tile = [[V::splat(0.0); VECTORS]; TERMS];
        let mut gradient = block.gradient.as_ptr().add(first);
        for position in block.positions.iter().step_by(NEIGHBOURS) {
            let source = block.source.as_ptr().add(*position);
            for neighbour in 0..NEIGHBOURS {
                let gradients: [V; VECTORS] =
                    std::array::from_fn(|vector| V::load(gradient.add(vector * V::LANES)));
                for (tile, offset) in tile.iter_mut().zip(offsets) {
                    let value = V::splat(*source.add(offset + neighbour));
                    for (sum, gradient) in tile.iter_mut().zip(gradients) {
                        *sum = value.multiply_add(gradient, *sum);
                    }
                }
                gradient = gradient.add(block.outputs);
            }
        }
        for (index, tile) in tile.iter().enumerate().take(terms) {
            for (vector, sum) in tile.iter().enumerate() {
                // A block's sum is added as one: rounding grows with the blocks of a batch, not with its pixels.
                let at = target.add(index * block.outputs + vector * V::LANES);
                sum.multiply_add(V::splat(1.0), V::load(at)).store(at);
            }
        }
    }
}

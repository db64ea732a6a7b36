//! The gradient of a convolution's weight.
//!
//! Entry (output, term) is the inner product, over all pixels of the batch, of a plane of the output gradient and the
//! input shifted by the term. Outputs are the lanes: the output gradient is transposed once to
//! `[batch, pixels, outputs]`, and every value of the input is multiplied into all outputs at a time. Tasks divide the
//! terms, never the sum: the result does not depend on the number of threads.

use rayon::prelude::*;

use crate::correlate::lanes;
use crate::forward::input_layout;
use crate::padded::Padded;
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, Avx512};
use crate::simd::{Portable, Vector};
use crate::{ConvShape, InstructionSet, Instructions, winograd};

/// Pixels whose transposed gradients stay in the first-level cache while all terms pass.
const BLOCK_PIXELS: usize = 64;

/// The most terms that one task computes.
const TASK_TERMS: usize = 72;

/// The fewest tasks, where there are as many input channels.
const TASKS: usize = 4;

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
    let gradient = transpose(shape, output_gradient, lanes(instructions));
    let channels = (TASK_TERMS / shape.taps()).clamp(1, shape.inputs.div_ceil(TASKS));
    let parts: Vec<Vec<f32>> = (0..shape.inputs)
        .into_par_iter()
        .step_by(channels)
        .map(|first| {
            let shape = ConvShape { inputs: channels.min(shape.inputs - first), ..*shape };
            Task::new(&shape, instructions).run(input, first, &gradient)
        })
        .collect();
    let row = shape.inputs * shape.taps();
    for (index, part) in parts.iter().enumerate() {
        let start = index * channels * shape.taps();
        let terms = part.len() / shape.outputs;
        for (part, row) in part.chunks_exact(terms).zip(weight_gradient.chunks_exact_mut(row)) {
            row[start..start + terms].copy_from_slice(part);
        }
    }
}

/// The gradient as `[batch, pixels, outputs]`, the outputs filled up with zeros to whole vectors.
fn transpose(shape: &ConvShape, gradient: &[f32], lanes: usize) -> Vec<f32> {
    let (pixels, outputs) = (shape.output_pixels(), shape.outputs);
    let row = outputs.next_multiple_of(lanes);
    let mut transposed = vec![0.0; shape.batch * pixels * row];
    let images = transposed.par_chunks_mut(pixels * row).zip(gradient.par_chunks(pixels * outputs));
    images.for_each(|(transposed, gradient)| {
        // Squares of 16: what is read and written of one lies in few cache lines.
        for first_pixel in (0..pixels).step_by(16) {
            for first_output in (0..outputs).step_by(16) {
                for pixel in first_pixel..pixels.min(first_pixel + 16) {
                    let out = &mut transposed[pixel * row + first_output..][..16.min(outputs - first_output)];
                    for (output, value) in out.iter_mut().enumerate() {
                        *value = gradient[(first_output + output) * pixels + pixel];
                    }
                }
            }
        }
    });
    transposed
}

/// The gradient of some input channels' weights.
struct Task<'a> {
    shape: &'a ConvShape,
    instructions: Instructions,
    padded: Padded,
    offsets: Vec<usize>,
}

impl<'a> Task<'a> {
    /// `shape` has the task's channels as its inputs.
    fn new(shape: &'a ConvShape, instructions: Instructions) -> Self {
        let (padded, offsets) = input_layout(shape);
        Self { shape, instructions, padded, offsets }
    }

    /// The gradient, `[outputs, channels, kernel, kernel]`, of the channels from `first` on of the whole `input`.
    fn run(&self, input: &[f32], first: usize, gradient: &[f32]) -> Vec<f32> {
        let shape = self.shape;
        let (plane, pixels, width) =
            (shape.height * shape.width, shape.output_pixels(), shape.output_width());
        let outputs = shape.outputs.next_multiple_of(lanes(self.instructions));
        let positions: Vec<usize> = (0..pixels)
            .map(|pixel| pixel / width * shape.stride * self.padded.row_len() + pixel % width)
            .collect();

        let mut sums = vec![0.0; self.offsets.len() * outputs];
        let mut source = vec![0.0; shape.inputs * self.padded.plane_len()];
        let images =
            input.chunks_exact(input.len() / shape.batch).zip(gradient.chunks_exact(pixels * outputs));
        for (input, gradient) in images {
            self.padded.fill(&input[first * plane..(first + shape.inputs) * plane], &mut source);
            let blocks = positions.chunks(BLOCK_PIXELS).zip(gradient.chunks(BLOCK_PIXELS * outputs));
            for (positions, gradient) in blocks {
                let neighbours = width.is_multiple_of(RUN);
                let block = Block {
                    source: &source,
                    positions,
                    neighbours,
                    offsets: &self.offsets,
                    gradient,
                    outputs,
                };
                block.add_to(&mut sums, self.instructions);
            }
        }
        let mut rows = vec![0.0; shape.outputs * self.offsets.len()];
        for (output, row) in rows.chunks_exact_mut(self.offsets.len()).enumerate() {
            for (value, sums) in row.iter_mut().zip(sums.chunks_exact(outputs)) {
                *value = sums[output];
            }
        }
        rows
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
        // SAFETY: `Instructions` exist only of sets that the processor has. What is read of the input lies
        // at a position plus an offset, checked above; gradient and sums have whole rows.
        unsafe {
            match instructions.set() {
                #[cfg(target_arch = "x86_64")]
                InstructionSet::Avx512 | InstructionSet::Avx512Vbmi => block_avx512(self, sums),
                #[cfg(target_arch = "x86_64")]
                InstructionSet::Avx2 => block_avx2(self, sums),
                _ => block_portable(self, sums),
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn block_avx512(block: &Block<'_>, sums: &mut [f32]) {
    // SAFETY: the caller upholds what this function asks.
    unsafe {
        let mut done = 0;
        done = columns::<Avx512, 6, 4>(block, done, sums);
        done = columns::<Avx512, 12, 2>(block, done, sums);
        columns::<Avx512, 24, 1>(block, done, sums);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn block_avx2(block: &Block<'_>, sums: &mut [f32]) {
    // SAFETY: the caller upholds what this function asks.
    unsafe {
        let done = columns::<Avx2, 6, 2>(block, 0, sums);
        columns::<Avx2, 12, 1>(block, done, sums);
    }
}

unsafe fn block_portable(block: &Block<'_>, sums: &mut [f32]) {
    // SAFETY: the caller upholds what this function asks.
    unsafe { columns::<Portable, 4, 1>(block, 0, sums) };
}

/// The outputs from `first` on, `VECTORS` vectors at a time as long as there are as many; returns where it stopped.
#[inline(always)]
unsafe fn columns<V: Vector, const TERMS: usize, const VECTORS: usize>(
    block: &Block<'_>,
    mut first: usize,
    sums: &mut [f32],
) -> usize {
    let width = VECTORS * V::LANES;
    while first + width <= block.outputs {
        for term in (0..block.offsets.len()).step_by(TERMS) {
            // SAFETY: the caller upholds what this function asks.
            unsafe {
                if block.neighbours {
                    tile::<V, TERMS, VECTORS, RUN>(block, term, first, sums);
                } else {
                    tile::<V, TERMS, VECTORS, 1>(block, term, first, sums);
                }
            }
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

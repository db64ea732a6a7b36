//! The product behind a convolution and its input gradient: `out[row][pixel] += Σ_k weight[row][k] * source[pixel + k]`.
//!
//! It is a matrix product whose right-hand matrix is never built: a row of it is the source image shifted by an
//! offset. Where neighbouring output pixels read neighbouring values, vectors are loaded from the padded image as it
//! lies; elsewhere (images narrower than a vector) a block of it is packed first. Blocking follows Goto and van de
//! Geijn, "Anatomy of high-performance matrix multiplication" (2008).

use std::cell::Cell;

use rayon::prelude::*;

use crate::buffer::{Buffer, lend};
use crate::positions::Positions;
use crate::simd::{Kernel, Vector, run};
use crate::{InstructionSet, Instructions};

/// Terms of a sum that are done before the next ones: their weights and packed pixels stay in the caches.
const DEPTH: usize = 256;

/// The fewest rows of weights that fill the tiles with more rows.
const MANY_ROWS: usize = 5;

/// Rows of the tile of weights, of `rows` in all, that is kept in registers.
fn tile_rows(instructions: Instructions, rows: usize) -> usize {
    match instructions.set() {
        InstructionSet::Portable | InstructionSet::Avx2 => 4,
        // These have 32 registers.
        InstructionSet::Avx512 | InstructionSet::Avx512Vbmi | InstructionSet::Neon => {
            if rows >= MANY_ROWS {
                8
            } else {
                4
            }
        }
    }
}

/// Number of lanes of a vector of this instruction set.
pub(crate) fn lanes(instructions: Instructions) -> usize {
    match instructions.set() {
        InstructionSet::Avx512 | InstructionSet::Avx512Vbmi => 16,
        InstructionSet::Avx2 | InstructionSet::Portable => 8,
        InstructionSet::Neon => 4,
    }
}

/// Weights in the order in which tiles read them: `[depth block, row block, term, row]`.
pub(crate) struct PackedWeights<'a> {
    values: &'a [f32],
    rows: usize,
    terms: usize,
    instructions: Instructions,
}

impl<'a> PackedWeights<'a> {
    /// Values that `rows` by `terms` weights take.
    pub(crate) fn len(instructions: Instructions, rows: usize, terms: usize) -> usize {
        rows.next_multiple_of(tile_rows(instructions, rows)) * terms
    }

    /// Packs the matrix whose entry (row, term) is `weight[row * row_stride + terms[term]]` into `values`, of
    /// [`PackedWeights::len`].
    pub(crate) fn new(
        instructions: Instructions,
        weight: &[f32],
        rows: usize,
        row_stride: usize,
        terms: &[usize],
        values: &'a mut [f32],
    ) -> Self {
        let tile_rows = tile_rows(instructions, rows);
        let padded_rows = rows.next_multiple_of(tile_rows);
        assert_eq!(values.len(), padded_rows * terms.len());
        let mut rest = &mut *values;
        for terms in terms.chunks(DEPTH) {
            let (block, after) = rest.split_at_mut(padded_rows * terms.len());
            rest = after;
            block.par_chunks_mut(tile_rows * terms.len()).enumerate().for_each(|(index, block)| {
                let first = index * tile_rows;
                for (out, term) in block.chunks_exact_mut(tile_rows).zip(terms) {
                    for (row, out) in out.iter_mut().enumerate() {
                        *out =
                            if first + row < rows { weight[(first + row) * row_stride + term] } else { 0.0 };
                    }
                }
            });
        }
        Self { values, rows, terms: terms.len(), instructions }
    }
}

/// Working memory of one thread.
#[derive(Default)]
pub(crate) struct Workspace {
    /// The padded images of a group.
    pub source: Buffer,
    /// What is computed of them and is yet to be put in place.
    pub dense: Buffer,
    /// Packed pixels.
    pub panel: Buffer,
}

thread_local! {
    static WORKSPACE: Cell<Workspace> = Cell::default();
    static WEIGHTS: Cell<Buffer> = Cell::default();
}

/// Calls `work` with this thread's workspace for tasks.
pub(crate) fn with_workspace(work: impl FnOnce(&mut Workspace)) {
    lend(&WORKSPACE, work);
}

/// Calls `work` with this thread's memory for packed weights.
pub(crate) fn with_weights(work: impl FnOnce(&mut Buffer)) {
    lend(&WEIGHTS, work);
}

/// A group of images to correlate.
#[derive(Clone, Copy)]
pub(crate) struct Operands<'a> {
    /// The weights.
    pub weights: &'a PackedWeights<'a>,
    /// The padded images.
    pub source: &'a [f32],
    /// Where each output pixel starts reading.
    pub pixels: &'a Positions,
    /// What each term adds to that, as many as the weights have terms.
    pub offsets: &'a [usize],
}

/// Writes all rows of a group's output as they come, `[rows, pixels]`, the pixels filled up to whole vectors.
pub(crate) fn correlate(operands: &Operands<'_>, panel: &mut Buffer, out: &mut [f32]) {
    let lanes = lanes(operands.weights.instructions);
    let targets: Vec<usize> = (0..operands.pixels.vector_count()).map(|vector| vector * lanes).collect();
    correlate_to(operands, &targets, operands.pixels.padded_len(), panel, out);
}

/// Writes a group's output as images of `pixels` each, `[images, rows, pixels]`.
pub(crate) fn correlate_images(
    operands: &Operands<'_>,
    pixels: usize,
    panel: &mut Buffer,
    dense: &mut Buffer,
    out: &mut [f32],
) {
    let lanes = lanes(operands.weights.instructions);
    let rows = operands.weights.rows;
    if pixels.is_multiple_of(lanes) {
        // Every vector lies within an image.
        let target = |vector| vector * lanes / pixels * rows * pixels + vector * lanes % pixels;
        let targets: Vec<usize> = (0..operands.pixels.vector_count()).map(target).collect();
        correlate_to(operands, &targets, pixels, panel, out);
        return;
    }
    let row_len = operands.pixels.padded_len();
    let dense = dense.values(rows * row_len);
    correlate(operands, panel, dense);
    for (image, out) in out.chunks_exact_mut(rows * pixels).enumerate() {
        for (dense, out) in dense.chunks_exact(row_len).zip(out.chunks_exact_mut(pixels)) {
            out.copy_from_slice(&dense[image * pixels..(image + 1) * pixels]);
        }
    }
}

/// Writes each vector of row 0 to `out` at its one of `targets`, those of the next rows `row_stride` further on.
fn correlate_to(
    operands: &Operands<'_>,
    targets: &[usize],
    row_stride: usize,
    panel: &mut Buffer,
    out: &mut [f32],
) {
    let Operands { weights, source, pixels, .. } = *operands;
    let lanes = lanes(weights.instructions);
    assert_eq!(weights.terms, operands.offsets.len());
    assert_eq!(pixels.vector_count(), targets.len());
    let last = targets.iter().max().map_or(0, |at| at + lanes);
    assert!(
        (weights.rows - 1) * row_stride + last <= out.len(),
        "a vector would be written beyond the output"
    );
    let tile_rows = tile_rows(weights.instructions, weights.rows);
    let padded_rows = weights.rows.next_multiple_of(tile_rows);
    let furthest = pixels.vectors.iter().max().map_or(0, |at| at + lanes);
    for (index, offsets) in operands.offsets.chunks(DEPTH).enumerate() {
        let dense_offsets: Vec<usize>;
        let dense_vectors: Vec<usize>;
        let (source, vectors, block_offsets) = if pixels.contiguous() {
            let reach = offsets.iter().max().map_or(0, |offset| offset + furthest);
            assert!(reach <= source.len(), "a vector would be read beyond the padded image");
            (source, &pixels.vectors, offsets)
        } else {
            let step = offsets.len() * lanes;
            let panel = panel.values(pixels.vector_count() * step);
            pixels.pack(source, offsets, panel);
            dense_vectors = (0..pixels.vector_count()).map(|vector| vector * step).collect();
            dense_offsets = (0..offsets.len()).map(|term| term * lanes).collect();
            (&*panel, &dense_vectors, dense_offsets.as_slice())
        };
        let start = index * DEPTH * padded_rows;
        let block = Block {
            weights: weights.values[start..start + padded_rows * offsets.len()].as_ptr(),
            tile_rows,
            source: source.as_ptr(),
            vectors,
            offsets: block_offsets,
            out: out.as_mut_ptr(),
            targets,
            row_stride,
            rows: weights.rows,
            accumulate: index > 0,
        };
        run(weights.instructions, block);
    }
}

/// One block of terms over a group. Every vector plus every offset can be read of `source`, every row of every target
/// written to `out`, and the weights have whole tiles of rows: [`correlate_to`] has checked or sized them.
struct Block<'a> {
    weights: *const f32,
    /// Rows of a tile of the weights.
    tile_rows: usize,
    source: *const f32,
    /// Where each vector of pixels starts in `source`.
    vectors: &'a [usize],
    offsets: &'a [usize],
    out: *mut f32,
    targets: &'a [usize],
    row_stride: usize,
    rows: usize,
    /// Whether the output is added to, rather than written.
    accumulate: bool,
}

impl Kernel for Block<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        // SAFETY: the caller vouches for the instructions, whoever made the block for the rest.
        unsafe {
            match (V::REGISTERS, self.tile_rows) {
                (32, 8) => tiles::<V, 8, 3>(&self),
                (32, _) => tiles::<V, 4, 6>(&self),
                (16, _) => tiles::<V, 4, 3>(&self),
                _ => tiles::<V, 4, 2>(&self),
            }
        }
    }
}

/// All tiles of a block, `ROWS` rows by `VECTORS` vectors each, what is left over one vector at a time.
#[inline(always)]
unsafe fn tiles<V: Vector, const ROWS: usize, const VECTORS: usize>(block: &Block<'_>) {
    let whole = block.vectors.len() / VECTORS * VECTORS;
    for first in (0..block.rows).step_by(ROWS) {
        for vector in (0..whole).step_by(VECTORS) {
            // SAFETY: the caller upholds what this function asks.
            unsafe { one_tile::<V, ROWS, VECTORS>(block, first, vector) };
        }
        for vector in whole..block.vectors.len() {
            // SAFETY: the caller upholds what this function asks.
            unsafe { one_tile::<V, ROWS, 1>(block, first, vector) };
        }
    }
}

#[inline(always)]
unsafe fn one_tile<V: Vector, const ROWS: usize, const VECTORS: usize>(
    block: &Block<'_>,
    first: usize,
    vector: usize,
) {
    let rows = ROWS.min(block.rows - first);
    // SAFETY: the caller vouches for all of the block; rows beyond the last are neither read nor written.
    unsafe {
        let mut sums = [[V::splat(0.0); VECTORS]; ROWS];
        let target = |row: usize, column: usize| {
            block.out.add((first + row) * block.row_stride + block.targets[vector + column])
        };
        if block.accumulate {
            for (row, sums) in sums.iter_mut().enumerate().take(rows) {
                for (column, sum) in sums.iter_mut().enumerate() {
                    *sum = V::load(target(row, column));
                }
            }
        }
        let sources: [*const f32; VECTORS] =
            std::array::from_fn(|column| block.source.add(block.vectors[vector + column]));
        let mut weights = block.weights.add(first * block.offsets.len());
        for offset in block.offsets {
            let pixels: [V; VECTORS] = std::array::from_fn(|column| V::load(sources[column].add(*offset)));
            for (row, sums) in sums.iter_mut().enumerate() {
                let weight = V::splat(*weights.add(row));
                for (sum, pixels) in sums.iter_mut().zip(pixels) {
                    *sum = weight.multiply_add(pixels, *sum);
                }
            }
            weights = weights.add(ROWS);
        }
        for (row, sums) in sums.iter().enumerate().take(rows) {
            for (column, sum) in sums.iter().enumerate() {
                sum.store(target(row, column));
            }
        }
    }
}

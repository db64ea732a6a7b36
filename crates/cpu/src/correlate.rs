//! The product behind a convolution and its input gradient: `out[row][pixel] += Σ_k weight[row][k] * source[pixel + k]`.
//!
//! It is a matrix product whose right-hand matrix is never built: a row of it is the source image shifted by an
//! offset. Where neighbouring output pixels read neighbouring values, vectors are loaded from the padded image as it
//! lies; elsewhere (images narrower than a vector) a block of it is packed first. Blocking follows Goto and van de
//! Geijn, "Anatomy of high-performance matrix multiplication" (2008).

use rayon::prelude::*;

use crate::positions::Positions;
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, Avx512};
use crate::simd::{Portable, Vector};
use crate::{InstructionSet, Instructions};

/// Terms of a sum that are done before the next ones: their weights and packed pixels stay in the caches.
const DEPTH: usize = 256;

/// Rows and vectors of the tile that is kept in registers.
struct Tile {
    rows: usize,
    lanes: usize,
}

fn tile(instructions: Instructions) -> Tile {
    match instructions.set() {
        InstructionSet::Avx512 | InstructionSet::Avx512Vbmi => Tile { rows: 8, lanes: 16 },
        InstructionSet::Avx2 | InstructionSet::Portable => Tile { rows: 4, lanes: 8 },
    }
}

/// Number of lanes of a vector of this instruction set.
pub(crate) fn lanes(instructions: Instructions) -> usize {
    tile(instructions).lanes
}

/// Weights in the order in which tiles read them: `[depth block, row block, term, row]`.
pub(crate) struct PackedWeights {
    values: Vec<f32>,
    rows: usize,
    terms: usize,
    instructions: Instructions,
}

impl PackedWeights {
    /// Packs the matrix whose entry (row, term) is `weight[row * row_stride + terms[term]]`.
    pub(crate) fn new(
        weight: &[f32],
        rows: usize,
        row_stride: usize,
        terms: &[usize],
        instructions: Instructions,
    ) -> Self {
        let tile_rows = tile(instructions).rows;
        let padded_rows = rows.next_multiple_of(tile_rows);
        let mut values = vec![0.0; padded_rows * terms.len()];
        let mut rest = values.as_mut_slice();
        for terms in terms.chunks(DEPTH) {
            let (block, after) = rest.split_at_mut(padded_rows * terms.len());
            rest = after;
            block.par_chunks_mut(tile_rows * terms.len()).enumerate().for_each(|(index, block)| {
                for row in 0..tile_rows.min(rows - index * tile_rows) {
                    let source = &weight[(index * tile_rows + row) * row_stride..];
                    for (value, term) in block.iter_mut().skip(row).step_by(tile_rows).zip(terms) {
                        *value = source[*term];
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
    panel: Vec<f32>,
    dense: Vec<f32>,
}

/// A group of images to correlate.
pub(crate) struct Operands<'a> {
    /// The weights.
    pub weights: &'a PackedWeights,
    /// The padded images.
    pub source: &'a [f32],
    /// Where each output pixel starts reading.
    pub pixels: &'a Positions,
    /// What each term adds to that, as many as the weights have terms.
    pub offsets: &'a [usize],
    /// Where each output pixel of row 0 is written.
    pub targets: &'a Positions,
    /// Distance between rows of the output.
    pub row_stride: usize,
}

/// Writes all rows of a group's output.
pub(crate) fn correlate(operands: &Operands<'_>, workspace: &mut Workspace, out: &mut [f32]) {
    let Operands { weights, targets, row_stride, .. } = *operands;
    assert_eq!(weights.terms, operands.offsets.len());
    if targets.contiguous() {
        let last = targets.vectors.iter().max().map_or(0, |at| at + lanes(weights.instructions));
        assert!((weights.rows - 1) * row_stride + last <= out.len());
        run(operands, &targets.vectors, row_stride, &mut workspace.panel, out);
        return;
    }
    let row = targets.padded_len();
    let lanes = lanes(weights.instructions);
    let positions: Vec<usize> = (0..targets.vector_count()).map(|vector| vector * lanes).collect();
    let mut dense = std::mem::take(&mut workspace.dense);
    dense.resize(weights.rows * row, 0.0);
    run(operands, &positions, row, &mut workspace.panel, &mut dense);
    for (values, start) in dense.chunks_exact(row).zip((0..).step_by(row_stride)) {
        targets.scatter(values, &mut out[start..]);
    }
    workspace.dense = dense;
}

/// One block of terms over a group: every pointer in it is valid for the whole block.
struct Block<'a> {
    weights: *const f32,
    source: *const f32,
    /// Where each vector of pixels starts in `source`.
    vectors: &'a [usize],
    offsets: &'a [usize],
    out: *mut f32,
    positions: &'a [usize],
    row_stride: usize,
    rows: usize,
    /// Whether the output is added to, rather than written.
    accumulate: bool,
}

fn run(
    operands: &Operands<'_>,
    positions: &[usize],
    row_stride: usize,
    panel: &mut Vec<f32>,
    out: &mut [f32],
) {
    let Operands { weights, source, pixels, .. } = *operands;
    let Tile { rows: tile_rows, lanes } = tile(weights.instructions);
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
            panel.resize(pixels.vector_count() * step, 0.0);
            pixels.pack(source, offsets, panel);
            dense_vectors = (0..pixels.vector_count()).map(|vector| vector * step).collect();
            dense_offsets = (0..offsets.len()).map(|term| term * lanes).collect();
            (panel.as_slice(), &dense_vectors, dense_offsets.as_slice())
        };
        let start = index * DEPTH * padded_rows;
        let block = Block {
            weights: weights.values[start..start + padded_rows * offsets.len()].as_ptr(),
            source: source.as_ptr(),
            vectors,
            offsets: block_offsets,
            out: out.as_mut_ptr(),
            positions,
            row_stride,
            rows: weights.rows,
            accumulate: index > 0,
        };
        // SAFETY: `Instructions` exist only of sets that the processor has. The block reads `source` at a vector
        // plus an offset, checked above or within the panel of that size; it writes whole vectors at `positions`
        // below `rows * row_stride`, which `correlate` has checked or sized.
        unsafe {
            match weights.instructions.set() {
                #[cfg(target_arch = "x86_64")]
                InstructionSet::Avx512 | InstructionSet::Avx512Vbmi => block_avx512(&block),
                #[cfg(target_arch = "x86_64")]
                InstructionSet::Avx2 => block_avx2(&block),
                _ => tiles::<Portable, 4, 2>(&block),
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn block_avx512(block: &Block<'_>) {
    // SAFETY: the caller upholds what this function asks.
    unsafe { tiles::<Avx512, 8, 3>(block) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn block_avx2(block: &Block<'_>) {
    // SAFETY: the caller upholds what this function asks.
    unsafe { tiles::<Avx2, 4, 3>(block) }
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
            block.out.add((first + row) * block.row_stride + block.positions[vector + column])
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

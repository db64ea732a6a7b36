//! The gradient of the filters: at every point, the product of the transformed input and output gradient, summed over
//! all tiles.
//!
//! The sum is cut into parts, whole images or rows of one, whose number depends on the sizes alone, and these are added in
//! order: the result does not depend on the number of threads.

use std::ops::Range;

use rayon::prelude::*;

use super::product::{Left, Product};
use super::tiles::{Channels, Grid, Panel, transform_tiles};
use super::transforms::{ELEMENTS, Input, OUTPUTS, OutputGradient, POINTS};
use super::weights::write_gradient;
use super::workspace::{Workspace, with_shared, with_workspace};
use crate::simd::{Kernel, Vector, run};
use crate::{ConvShape, Instructions};

/// Pairs of an input and an output whose sums one task keeps.
const TASK_PAIRS: usize = 16 << 10;

/// The most tasks.
const TASKS: usize = 16;

/// The fewest tiles of a part of the sum, so that transforming it back is little work beside its products.
const PART_TILES: usize = 64;

/// Values of the transformed tiles of a block: they stay in the second-level cache.
const BLOCK_VALUES: usize = 160 << 10;

/// The fewest tiles of a block, where there are as many: each sum that is read and written adds all of them.
const BLOCK_TILES: usize = 48;

/// Values whose parts are added at a time.
const PIECE: usize = 1 << 12;

/// [`weight_gradient`](crate::weight_gradient()), for sizes and slices that are not empty.
pub(crate) fn weight_gradient(
    instructions: Instructions,
    shape: &ConvShape,
    input: &[f32],
    output_gradient: &[f32],
    weight_gradient: &mut [f32],
) {
    let gradient = WeightGradient::new(shape);
    let parts = gradient.parts();
    let chunk_len = gradient.chunk * shape.inputs * shape.taps();
    let task = |chunk: usize, rows: Range<usize>, out: &mut [f32]| {
        with_workspace(|workspace| {
            let task = Task { gradient: &gradient, chunk, rows, input, output_gradient, workspace, out };
            run(instructions, task);
        });
    };
    let chunks = weight_gradient.par_chunks_mut(chunk_len).enumerate();
    if let [rows] = &parts[..] {
        chunks.for_each(|(chunk, out)| task(chunk, rows.clone(), out));
        return;
    }
    with_shared(|shared| {
        let len = shape.weight_len();
        let sums = shared.sums.values(parts.len() * len);
        sums.par_chunks_mut(len).zip(&parts).for_each(|(sums, rows)| {
            sums.par_chunks_mut(chunk_len)
                .enumerate()
                .for_each(|(chunk, out)| task(chunk, rows.clone(), out));
        });
        let sums = &*sums;
        weight_gradient.par_chunks_mut(PIECE).enumerate().for_each(|(piece, out)| {
            let start = piece * PIECE;
            out.copy_from_slice(&sums[start..start + out.len()]);
            for sums in sums.chunks_exact(len).skip(1) {
                for (sum, part) in out.iter_mut().zip(&sums[start..]) {
                    *sum += part;
                }
            }
        });
    });
}

struct WeightGradient {
    shape: ConvShape,
    /// Tiles of the input.
    input: Grid,
    /// Tiles of the output gradient.
    output: Grid,
    /// Outputs of a task.
    chunk: usize,
}

impl WeightGradient {
    fn new(shape: &ConvShape) -> Self {
        let (height, width) = (shape.output_height(), shape.output_width());
        let [rows, columns] = [height, width].map(|side| side.div_ceil(OUTPUTS));
        let output = Grid { height, width, before: 0, rows, columns };
        let input = Grid { height: shape.height, width: shape.width, before: shape.padding, rows, columns };
        // Whole vectors of any instruction set.
        let chunk = (TASK_PAIRS / shape.inputs / 16 * 16).max(16);
        Self { shape: *shape, input, output, chunk }
    }

    /// The rows of tiles, counted through all images, of each part of the sum.
    fn parts(&self) -> Vec<Range<usize>> {
        let all = self.shape.batch * self.output.rows;
        let chunks = self.shape.outputs.div_ceil(self.chunk);
        let parts = (TASKS / chunks).min(all * self.output.columns / PART_TILES).max(1);
        let rows = if parts <= self.shape.batch {
            self.shape.batch.div_ceil(parts) * self.output.rows
        } else {
            all.div_ceil(parts)
        };
        (0..all).step_by(rows).map(|first| first..all.min(first + rows)).collect()
    }

    /// Rows of tiles of a block.
    fn block_rows(&self) -> usize {
        let values = ELEMENTS * (self.shape.inputs + self.chunk.min(self.shape.outputs));
        (BLOCK_VALUES / values).max(BLOCK_TILES).div_ceil(self.output.columns)
    }
}

/// The sum over some rows of tiles for one chunk of outputs.
struct Task<'a> {
    gradient: &'a WeightGradient,
    chunk: usize,
    /// Counted through all images.
    rows: Range<usize>,
    input: &'a [f32],
    output_gradient: &'a [f32],
    workspace: &'a mut Workspace,
    out: &'a mut [f32],
}

impl Kernel for Task<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { gradient, chunk, rows: all, input, output_gradient, workspace, out } = self;
        let ConvShape { inputs, outputs, .. } = gradient.shape;
        let first_output = chunk * gradient.chunk;
        let input_channels = Channels { first: 0, count: inputs, of: inputs };
        let output_channels =
            Channels { first: first_output, count: gradient.chunk.min(outputs - first_output), of: outputs };
        let sums_row = output_channels.count.next_multiple_of(V::LANES);
        let sums = workspace.products.values(ELEMENTS * inputs * sums_row);
        let block_rows = all.len().div_ceil(all.len().div_ceil(gradient.block_rows()));
        for first in all.clone().step_by(block_rows) {
            let rows = first..all.end.min(first + block_rows);
            let count = rows.len() * gradient.output.columns;
            let panel = Panel::new(count, inputs, V::LANES);
            let tiles = workspace.tiles.values(panel.len());
            let gradient_panel = Panel::new(count, output_channels.count, V::LANES);
            let gradients = workspace.gradients.values(gradient_panel.len());
            // SAFETY: the caller vouches for the instructions; at each point the matrices lie within the slices, whose
            // lengths are asserted.
            unsafe {
                transform_tiles::<V, Input, POINTS>(
                    &gradient.input,
                    rows.clone(),
                    input,
                    input_channels,
                    [&mut workspace.interleaved, &mut workspace.strip],
                    panel,
                    tiles,
                );
                transform_tiles::<V, OutputGradient, OUTPUTS>(
                    &gradient.output,
                    rows,
                    output_gradient,
                    output_channels,
                    [&mut workspace.interleaved, &mut workspace.strip],
                    gradient_panel,
                    gradients,
                );
                for point in 0..ELEMENTS {
                    let product = Product {
                        left: Left {
                            values: tiles.as_ptr().add(point * panel.point_stride),
                            row_stride: 1,
                            term_stride: panel.row,
                        },
                        right: gradients.as_ptr().add(point * gradient_panel.point_stride),
                        right_stride: gradient_panel.row,
                        out: sums.as_mut_ptr().add(point * inputs * sums_row),
                        out_stride: sums_row,
                        rows: inputs,
                        terms: count,
                        columns: sums_row,
                        accumulate: first > all.start,
                    };
                    product.run::<V>();
                }
            }
        }
        // SAFETY: the caller vouches for the instructions.
        unsafe { write_gradient::<V>(sums, inputs, output_channels.count, &mut workspace.interleaved, out) };
    }
}

//! The product behind a convolution and its input gradient.
//!
//! Of its two factors, filters and tiles, the smaller one is transformed once and shared; tasks transform blocks of the
//! other one for themselves, so that those stay in their caches.

use std::ops::Range;

use rayon::prelude::*;

use super::interleave::Pixels;
use super::product::{Left, Product};
use super::tiles::{Channels, Grid, Panel, transform_tiles, write_tiles};
use super::transforms::{ELEMENTS, Input, OUTPUTS, POINTS};
use super::weights::{Filters, transform_filters};
use super::workspace::{Shared, Workspace, with_shared, with_workspace};
use crate::Instructions;
use crate::buffer::Buffer;
use crate::simd::{Kernel, Vector, run};

/// Outputs whose products are computed, and transformed back, at a time.
const CHUNK: usize = 64;

/// Inputs whose filters a task transforms at a time: with those of a chunk they stay in the second-level cache.
const DEPTH: usize = 64;

/// Values of the tiles and products of a block: they stay in the second-level cache.
const BLOCK_VALUES: usize = 160 << 10;

/// The fewest tiles of a block, where there are as many: each transformed filter that is read serves all of them.
const BLOCK_TILES: usize = 24;

/// Tasks that are aimed at, for as many threads.
const TASKS: usize = 16;

/// The fewest shared tiles of a task, so that transforming the filters for it is little work beside its products.
const TASK_TILES: usize = 96;

/// Correlates images with 3 by 3 filters.
#[derive(Clone, Copy)]
pub(super) struct Correlation<'a> {
    pub(super) instructions: Instructions,
    pub(super) batch: usize,
    /// The images read, `[batch, inputs, height, width]`.
    pub(super) source: [usize; 2],
    /// Zeros above and to the left of them.
    pub(super) before: usize,
    /// The images written, `[batch, outputs, height, width]`.
    pub(super) target: [usize; 2],
    pub(super) filters: Filters<'a>,
}

impl Correlation<'_> {
    /// Computes it.
    pub(super) fn run(&self, source: &[f32], target: &mut [f32]) {
        with_shared(|shared| {
            if self.batch * self.image_tiles() >= self.filters.outputs {
                self.share_filters(shared, source, target);
            } else {
                self.share_tiles(shared, source, target);
            }
        });
    }

    fn grid(&self, [height, width]: [usize; 2], before: usize) -> Grid {
        let [rows, columns] = self.target.map(|side| side.div_ceil(OUTPUTS));
        Grid { height, width, before, rows, columns }
    }

    fn source_grid(&self) -> Grid {
        self.grid(self.source, self.before)
    }

    fn target_grid(&self) -> Grid {
        self.grid(self.target, 0)
    }

    /// Tiles of an image.
    fn image_tiles(&self) -> usize {
        self.target_grid().rows * self.target_grid().columns
    }

    fn source_len(&self) -> usize {
        self.filters.inputs * self.source_grid().plane()
    }

    fn target_len(&self) -> usize {
        self.filters.outputs * self.target_grid().plane()
    }

    /// Rows of tiles of a block.
    fn block_rows(&self) -> usize {
        let values = ELEMENTS * (self.filters.inputs + self.filters.outputs.min(CHUNK));
        (BLOCK_VALUES / values).max(BLOCK_TILES).div_ceil(self.target_grid().columns)
    }

    /// Images of a block of shared tiles.
    fn images(&self) -> usize {
        self.block_rows().div_ceil(self.target_grid().rows).min(self.batch)
    }

    /// The outputs of each chunk.
    fn chunks(&self) -> impl Iterator<Item = Range<usize>> {
        let outputs = self.filters.outputs;
        (0..outputs).step_by(CHUNK).map(move |first| first..outputs.min(first + CHUNK))
    }

    fn channels(&self, outputs: &Range<usize>) -> Channels {
        Channels { first: outputs.start, count: outputs.len(), of: self.filters.outputs }
    }

    /// Tasks are blocks of tiles.
    fn share_filters(&self, shared: &mut Shared, source: &[f32], target: &mut [f32]) {
        // Rounded up to the widest vectors.
        let outputs = self.filters.outputs.next_multiple_of(16);
        let filters = shared.operand.values(ELEMENTS * self.filters.inputs * outputs);
        let chunks: Vec<_> = self.chunks().collect();
        filters.par_chunks_mut(ELEMENTS * self.filters.inputs * CHUNK).zip(chunks).for_each(
            |(out, outputs)| {
                with_workspace(|workspace| {
                    run(self.instructions, FilterTask { correlation: self, outputs, workspace, out });
                });
            },
        );
        let (filters, target) = (&*filters, Pixels::new(target));
        self.blocks().into_par_iter().for_each(|rows| {
            with_workspace(|workspace| {
                run(
                    self.instructions,
                    BlockTask { correlation: self, filters, rows, source, target, workspace },
                );
            });
        });
    }

    /// The rows of tiles, counted through all images, of each block: whole images, or parts of one.
    fn blocks(&self) -> Vec<Range<usize>> {
        let Grid { rows, columns, .. } = self.target_grid();
        let all = self.batch * rows;
        // Smaller ones where there are few.
        let most = all.div_ceil(TASKS).max(BLOCK_TILES.div_ceil(columns));
        let block = self.block_rows().min(most);
        if block >= rows {
            let block = (block + rows / 2) / rows * rows;
            return (0..all).step_by(block).map(|first| first..all.min(first + block)).collect();
        }
        // Of about the same height.
        let block = rows.div_ceil(rows.div_ceil(block));
        let parts = |image: usize| {
            let end = (image + 1) * rows;
            (image * rows..end).step_by(block).map(move |first| first..end.min(first + block))
        };
        (0..self.batch).flat_map(parts).collect()
    }

    /// Tasks are chunks of outputs, and blocks of tiles where these are few.
    fn share_tiles(&self, shared: &mut Shared, source: &[f32], target: &mut [f32]) {
        let images = self.images();
        let (tiles_len, products_len) = {
            let count = images * self.image_tiles();
            (Panel::new(count, self.filters.inputs, 16).len(), Panel::new(count, CHUNK, 16).len())
        };
        let blocks = self.batch.div_ceil(images);
        let tiles = shared.operand.values(blocks * tiles_len);
        let sources = source.par_chunks(images * self.source_len());
        tiles.par_chunks_mut(tiles_len).zip(sources).for_each(|(out, source)| {
            with_workspace(|workspace| {
                run(self.instructions, TileTask { correlation: self, source, workspace, out });
            });
        });
        let tiles = &*tiles;
        let chunks: Vec<_> = self.chunks().collect();
        let products = shared.products.values(chunks.len() * blocks * products_len);
        // Each task transforms the filters of its chunk for itself.
        let least = TASK_TILES.div_ceil(images * self.image_tiles());
        let group = blocks.div_ceil(TASKS.div_ceil(chunks.len())).max(least);
        products.par_chunks_mut(blocks * products_len).zip(chunks).for_each(|(out, outputs)| {
            let groups = out.par_chunks_mut(group * products_len).zip(tiles.par_chunks(group * tiles_len));
            groups.enumerate().for_each(|(index, (out, tiles))| {
                let lengths = [tiles_len, products_len];
                let (outputs, image) = (outputs.clone(), index * group * images);
                with_workspace(|workspace| {
                    let task =
                        ChunkTask { correlation: self, tiles, image, outputs, lengths, workspace, out };
                    run(self.instructions, task);
                });
            });
        });
        let products = &*products;
        let targets = target.par_chunks_mut(images * self.target_len()).enumerate();
        targets.for_each(|(block, target)| {
            with_workspace(|workspace| {
                for (outputs, products) in self.chunks().zip(products.chunks(blocks * products_len)) {
                    let products = &products[block * products_len..][..products_len];
                    let task = WriteTask { correlation: self, outputs, products, target, workspace };
                    run(self.instructions, task);
                }
            });
        });
    }
}

/// Transforms the filters of a chunk.
struct FilterTask<'a> {
    correlation: &'a Correlation<'a>,
    outputs: Range<usize>,
    workspace: &'a mut Workspace,
    out: &'a mut [f32],
}

impl Kernel for FilterTask<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let filters = &self.correlation.filters;
        let scratch = &mut self.workspace.interleaved;
        // SAFETY: the caller vouches for the instructions.
        unsafe { transform_filters::<V>(filters, 0..filters.inputs, self.outputs, scratch, self.out) };
    }
}

/// A block of tiles, with shared filters.
struct BlockTask<'a> {
    correlation: &'a Correlation<'a>,
    filters: &'a [f32],
    /// Rows of tiles, counted through all images.
    rows: Range<usize>,
    source: &'a [f32],
    target: Pixels<'a>,
    workspace: &'a mut Workspace,
}

impl Kernel for BlockTask<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { correlation, filters, rows, source, target, workspace } = self;
        let inputs = correlation.filters.inputs;
        let grid = correlation.target_grid();
        let count = rows.len() * grid.columns;
        let panel = Panel::new(count, inputs, V::LANES);
        let tiles = workspace.tiles.values(panel.len());
        let scratch = [&mut workspace.interleaved, &mut workspace.strip];
        // SAFETY: the caller vouches for the instructions.
        unsafe { read_tiles::<V>(correlation, rows.clone(), source, scratch, panel, tiles) };
        let chunks = filters.chunks(ELEMENTS * inputs * CHUNK);
        for (outputs, filters) in correlation.chunks().zip(chunks) {
            let products = Panel::new(count, outputs.len(), V::LANES);
            let out = workspace.products.values(products.len());
            let channels = correlation.channels(&outputs);
            let scratch = &mut workspace.interleaved;
            // SAFETY: the caller vouches for the instructions; the rows are those of this task alone.
            unsafe {
                multiply::<V>((tiles, panel), 0..inputs, filters, (out, products), count);
                write_tiles::<V>(&grid, rows.clone(), out, products, scratch, target, channels);
            }
        }
    }
}

/// Transforms the tiles of some images.
struct TileTask<'a> {
    correlation: &'a Correlation<'a>,
    source: &'a [f32],
    workspace: &'a mut Workspace,
    out: &'a mut [f32],
}

impl Kernel for TileTask<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { correlation, source, workspace: Workspace { interleaved, strip, .. }, out } = self;
        let images = source.len() / correlation.source_len();
        let panel = Panel::new(images * correlation.image_tiles(), correlation.filters.inputs, V::LANES);
        let rows = 0..images * correlation.target_grid().rows;
        // SAFETY: the caller vouches for the instructions.
        unsafe { read_tiles::<V>(correlation, rows, source, [interleaved, strip], panel, out) };
    }
}

/// The products of some shared tiles and the filters of a chunk.
struct ChunkTask<'a> {
    correlation: &'a Correlation<'a>,
    tiles: &'a [f32],
    /// The first image of them.
    image: usize,
    outputs: Range<usize>,
    /// Values of the tiles and of the products of a block.
    lengths: [usize; 2],
    workspace: &'a mut Workspace,
    out: &'a mut [f32],
}

impl Kernel for ChunkTask<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { correlation, tiles, image, outputs, lengths: [tiles_len, products_len], workspace, out } =
            self;
        let filters = &correlation.filters;
        for first in (0..filters.inputs).step_by(DEPTH) {
            let inputs = first..filters.inputs.min(first + DEPTH);
            let transformed = workspace.weights.values(ELEMENTS * DEPTH * CHUNK);
            // SAFETY: the caller vouches for the instructions.
            unsafe {
                let scratch = &mut workspace.interleaved;
                transform_filters::<V>(filters, inputs.clone(), outputs.clone(), scratch, transformed);
            }
            let blocks = tiles.chunks_exact(tiles_len).zip(out.chunks_exact_mut(products_len));
            for ((tiles, out), image) in blocks.zip((image..).step_by(correlation.images())) {
                let images = correlation.images().min(correlation.batch - image);
                let count = images * correlation.image_tiles();
                let panel = Panel::new(count, filters.inputs, V::LANES);
                let products = Panel::new(count, outputs.len(), V::LANES);
                // SAFETY: the caller vouches for the instructions.
                unsafe { multiply::<V>((tiles, panel), inputs.clone(), transformed, (out, products), count) };
            }
        }
    }
}

/// Transforms the products of a chunk back to its outputs.
struct WriteTask<'a> {
    correlation: &'a Correlation<'a>,
    outputs: Range<usize>,
    products: &'a [f32],
    target: &'a mut [f32],
    workspace: &'a mut Workspace,
}

impl Kernel for WriteTask<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { correlation, outputs, products, target, workspace } = self;
        let images = target.len() / correlation.target_len();
        let panel = Panel::new(images * correlation.image_tiles(), outputs.len(), V::LANES);
        let grid = correlation.target_grid();
        let channels = correlation.channels(&outputs);
        let scratch = &mut workspace.interleaved;
        let (rows, target) = (0..images * grid.rows, Pixels::new(target));
        // SAFETY: the caller vouches for the instructions; the images are borrowed here alone.
        unsafe { write_tiles::<V>(&grid, rows, products, panel, scratch, target, channels) };
    }
}

/// Transforms the tiles of `rows` of a correlation's images.
///
/// # Safety
///
/// As [`Vector`].
#[inline(always)]
unsafe fn read_tiles<V: Vector>(
    correlation: &Correlation<'_>,
    rows: Range<usize>,
    source: &[f32],
    scratch: [&mut Buffer; 2],
    panel: Panel,
    out: &mut [f32],
) {
    let inputs = correlation.filters.inputs;
    let channels = Channels { first: 0, count: inputs, of: inputs };
    let grid = correlation.source_grid();
    // SAFETY: the caller vouches for the instructions.
    unsafe { transform_tiles::<V, Input, POINTS>(&grid, rows, source, channels, scratch, panel, out) };
}

/// The products at every point of `count` tiles and the filters of some inputs and a chunk of outputs. They are written if
/// these are the first inputs, and added otherwise.
///
/// # Safety
///
/// As [`Vector`].
#[inline(always)]
unsafe fn multiply<V: Vector>(
    (tiles, panel): (&[f32], Panel),
    inputs: Range<usize>,
    filters: &[f32],
    (out, products): (&mut [f32], Panel),
    count: usize,
) {
    let row = products.row;
    assert!(tiles.len() >= panel.len() && panel.point_stride >= count * panel.row && panel.row >= inputs.end);
    assert!(out.len() >= products.len() && products.point_stride >= count * row);
    assert!(filters.len() >= ELEMENTS * inputs.len() * row);
    for point in 0..ELEMENTS {
        // SAFETY: the matrices of one point lie within the slices.
        unsafe {
            let product = Product {
                left: Left {
                    values: tiles.as_ptr().add(point * panel.point_stride + inputs.start),
                    row_stride: panel.row,
                    term_stride: 1,
                },
                right: filters.as_ptr().add(point * inputs.len() * row),
                right_stride: row,
                out: out.as_mut_ptr().add(point * products.point_stride),
                out_stride: row,
                rows: count,
                terms: inputs.len(),
                columns: row,
                accumulate: inputs.start > 0,
            };
            product.run::<V>();
        }
    }
}

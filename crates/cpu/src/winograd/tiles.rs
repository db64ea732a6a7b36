//! Tiles of images, and their transform to the points.

use std::ops::Range;

use super::interleave::{Pixels, Planes, interleave, separate};
use super::transforms::{ELEMENTS, OUTPUTS, POINTS, Transform, output};
use crate::buffer::Buffer;
use crate::simd::Vector;

/// Planes that are cut into tiles: tile (row, column) starts at pixel `OUTPUTS * (row, column) - before`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    pub(super) height: usize,
    pub(super) width: usize,
    /// Zeros above and to the left.
    pub(super) before: usize,
    /// Rows of tiles.
    pub(super) rows: usize,
    /// Tiles of a row.
    pub(super) columns: usize,
}

impl Grid {
    pub(super) fn plane(&self) -> usize {
        self.height * self.width
    }

    /// Splits rows of tiles, counted through all images, into those of one image each: image, and rows in it.
    fn images(&self, rows: Range<usize>) -> impl Iterator<Item = (usize, Range<usize>)> {
        let height = self.rows;
        (rows.start / height..rows.end.div_ceil(height)).map(move |image| {
            let start = image * height;
            (image, rows.start.max(start) - start..rows.end.min(start + height) - start)
        })
    }

    /// Rows of pixels, of `size` each from their start on, that rows of tiles cover.
    fn pixel_rows(&self, rows: &Range<usize>, size: usize) -> Range<usize> {
        let start = (rows.start * OUTPUTS).saturating_sub(self.before);
        let end = (rows.end * OUTPUTS - OUTPUTS + size).saturating_sub(self.before).min(self.height);
        start.min(end)..end
    }

    /// Some rows of pixels of up to `most` of the channels, from `first` of them on, and where they start in the images.
    fn planes(
        &self,
        channels: Channels,
        image: usize,
        first: usize,
        most: usize,
        pixel_rows: &Range<usize>,
    ) -> (Planes, usize) {
        let planes = Planes {
            count: most.min(channels.count - first),
            stride: self.plane(),
            len: pixel_rows.len() * self.width,
        };
        let plane = image * channels.of + channels.first + first;
        (planes, plane * self.plane() + pixel_rows.start * self.width)
    }
}

/// Some channels of some images, `[images, of, height, width]`.
#[derive(Clone, Copy)]
pub(super) struct Channels {
    /// The first of them.
    pub(super) first: usize,
    pub(super) count: usize,
    /// Channels of an image.
    pub(super) of: usize,
}

/// Rows of values for each point: `[points, tiles, row]`, the points `point_stride` apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panel {
    pub(super) row: usize,
    pub(super) point_stride: usize,
}

impl Panel {
    /// Of `rows` rows of `channels` values, rounded up to vectors of `lanes`.
    pub(super) fn new(rows: usize, channels: usize, lanes: usize) -> Self {
        let row = channels.next_multiple_of(lanes);
        // A cache line more: otherwise the points of one tile often share a set of the first-level cache.
        Self { row, point_stride: rows * row + 16 }
    }

    pub(super) fn len(&self) -> usize {
        ELEMENTS * self.point_stride
    }
}

/// Transforms the tiles of `rows` (of `grid`, counted through all images) into `out`.
///
/// # Safety
///
/// As [`Vector`].
#[inline(always)]
pub(super) unsafe fn transform_tiles<V: Vector, T: Transform<SIZE>, const SIZE: usize>(
    grid: &Grid,
    rows: Range<usize>,
    images: &[f32],
    channels: Channels,
    [interleaved, strip]: [&mut Buffer; 2],
    panel: Panel,
    out: &mut [f32],
) {
    let plane = grid.plane();
    assert!(images.len() >= rows.end.div_ceil(grid.rows) * channels.of * plane);
    assert!(channels.first + channels.count <= channels.of && channels.count <= panel.row);
    assert!(out.len() >= panel.len() && panel.point_stride >= rows.len() * grid.columns * panel.row);
    // A row of zeros, then those of the image.
    let row_len = grid.width * V::LANES;
    let pixels = interleaved.values(row_len + plane.next_multiple_of(V::LANES) * V::LANES);
    let (zeros, pixels) = pixels.split_at_mut(row_len);
    zeros.fill(0.0);
    let strip_columns = (grid.columns - 1) * OUTPUTS + SIZE;
    let strip = strip.values(POINTS * strip_columns * V::LANES).as_mut_ptr();
    let mut tile = 0;
    for (image, rows) in grid.images(rows) {
        let pixel_rows = grid.pixel_rows(&rows, SIZE);
        for first in (0..channels.count).step_by(V::LANES) {
            let (planes, start) = grid.planes(channels, image, first, V::LANES, &pixel_rows);
            if planes.len > 0 {
                // SAFETY: as the caller vouches.
                unsafe { interleave::<V>(planes, &images[start..], pixels) };
            }
            for (index, row) in rows.clone().enumerate() {
                let mut sources = [zeros.as_ptr(); SIZE];
                for (index, source) in sources.iter_mut().enumerate() {
                    let y = (row * OUTPUTS + index).wrapping_sub(grid.before);
                    if y < grid.height {
                        *source = pixels[(y - pixel_rows.start) * row_len..][..row_len].as_ptr();
                    }
                }
                let tile = (tile + index * grid.columns) * panel.row + first;
                // SAFETY: rows of the image or zeros, a strip of the length above, and tiles of the panel.
                unsafe {
                    strip_down::<V, T, SIZE>(grid, sources, strip, strip_columns);
                    let out = out.as_mut_ptr().add(tile);
                    strip_across::<V, T, SIZE>(grid.columns, strip, strip_columns, panel, out);
                }
            }
        }
        tile += rows.len() * grid.columns;
    }
}

/// Transforms each column of a row of tiles: `strip` is `[points, columns]`.
#[inline(always)]
unsafe fn strip_down<V: Vector, T: Transform<SIZE>, const SIZE: usize>(
    grid: &Grid,
    sources: [*const f32; SIZE],
    strip: *mut f32,
    columns: usize,
) {
    for column in 0..columns {
        let x = column.wrapping_sub(grid.before);
        // SAFETY: x is a column of the image, and `column` one of the strip.
        unsafe {
            let mut values = [V::splat(0.0); SIZE];
            if x < grid.width {
                for (value, source) in values.iter_mut().zip(sources) {
                    *value = V::load(source.add(x * V::LANES));
                }
            }
            for (point, value) in T::transform(values).into_iter().enumerate() {
                value.store(strip.add((point * columns + column) * V::LANES));
            }
        }
    }
}

/// Transforms each row of each tile of a strip.
#[inline(always)]
unsafe fn strip_across<V: Vector, T: Transform<SIZE>, const SIZE: usize>(
    tiles: usize,
    strip: *const f32,
    columns: usize,
    panel: Panel,
    out: *mut f32,
) {
    for tile in 0..tiles {
        for point in 0..POINTS {
            // SAFETY: a tile's columns lie within the strip; the caller vouches for the panel.
            unsafe {
                let source = strip.add((point * columns + tile * OUTPUTS) * V::LANES);
                let mut values = [V::splat(0.0); SIZE];
                for (index, value) in values.iter_mut().enumerate() {
                    *value = V::load(source.add(index * V::LANES));
                }
                let out = out.add(point * POINTS * panel.point_stride + tile * panel.row);
                for (index, value) in T::transform(values).into_iter().enumerate() {
                    value.store(out.add(index * panel.point_stride));
                }
            }
        }
    }
}

/// Transforms products at the points back to the output tiles of `rows`, the inverse order of [`transform_tiles`].
///
/// # Safety
///
/// As [`Vector`]; nothing else reads or writes these rows of the channels meanwhile.
#[inline(always)]
pub(super) unsafe fn write_tiles<V: Vector>(
    grid: &Grid,
    rows: Range<usize>,
    products: &[f32],
    panel: Panel,
    interleaved: &mut Buffer,
    images: Pixels<'_>,
    channels: Channels,
) {
    let plane = grid.plane();
    assert!(images.len() >= rows.end.div_ceil(grid.rows) * channels.of * plane);
    assert!(channels.first + channels.count <= channels.of && channels.count <= panel.row);
    assert!(products.len() >= panel.len() && panel.point_stride >= rows.len() * grid.columns * panel.row);
    let row_len = grid.width * V::LANES;
    let pixels = interleaved.values(grid.height * row_len);
    let mut tile = 0;
    for (image, rows) in grid.images(rows) {
        let pixel_rows = grid.pixel_rows(&rows, OUTPUTS);
        for first in (0..channels.count).step_by(V::LANES) {
            for index in 0..rows.len() {
                let height = OUTPUTS.min(pixel_rows.len() - index * OUTPUTS);
                for column in 0..grid.columns {
                    let width = OUTPUTS.min(grid.width - column * OUTPUTS);
                    let tile = tile + index * grid.columns + column;
                    // SAFETY: a tile of the panel, and its pixels within the image.
                    unsafe {
                        let products = products.as_ptr().add(tile * panel.row + first);
                        let out =
                            pixels.as_mut_ptr().add(index * OUTPUTS * row_len + column * OUTPUTS * V::LANES);
                        write_tile::<V>(products, panel.point_stride, out, row_len, [height, width]);
                    }
                }
            }
            let (planes, start) = grid.planes(channels, image, first, V::LANES, &pixel_rows);
            // SAFETY: as the caller vouches.
            unsafe { separate::<V>(planes, pixels, images.from(start)) };
        }
        tile += rows.len() * grid.columns;
    }
}

/// One tile, cut off to `height` and `width`.
#[inline(always)]
unsafe fn write_tile<V: Vector>(
    products: *const f32,
    point_stride: usize,
    out: *mut f32,
    row_len: usize,
    [height, width]: [usize; 2],
) {
    // SAFETY: the caller vouches for the products at all points and for the pixels.
    unsafe {
        let mut half = [[V::splat(0.0); POINTS]; OUTPUTS];
        for column in 0..POINTS {
            let mut values = [V::splat(0.0); POINTS];
            for (row, value) in values.iter_mut().enumerate() {
                *value = V::load(products.add((row * POINTS + column) * point_stride));
            }
            for (half, value) in half.iter_mut().zip(output(values)) {
                half[column] = value;
            }
        }
        for (row, half) in half.into_iter().enumerate().take(height) {
            let out = out.add(row * row_len);
            for (column, value) in output(half).into_iter().enumerate().take(width) {
                value.store(out.add(column * V::LANES));
            }
        }
    }
}

//! PIL's resampling: two passes of fixed-point taps, along the rows first, each rounded to bytes.

mod table;

use super::params::AugmentParams;
use super::scratch::Scratch;
pub(super) use table::TableCache;
use table::{PRECISION, Table, TableKey};

/// Resizes `scratch.source` to the first `channels` planes of `scratch.planes`, mirrored if asked for.
///
/// Mirroring swaps the order of the output columns, so it costs nothing and changes no byte.
pub(super) fn resize(params: &AugmentParams, channels: usize, scratch: &mut Scratch) {
    let Scratch { source, resized, planes, tables, .. } = scratch;
    let crop = params.crop;
    let (height, width) = (params.output_height, params.output_width);
    let key = |input, output, mirrored| TableKey { input, output, filter: params.interpolation, mirrored };
    let (columns, rows) = tables.pair(key(crop.width, width, params.flip), key(crop.height, height, false));
    resized.resize(channels * crop.height * width, 0);
    along_rows(columns, source, crop.width, resized, width);
    let planes = &mut planes[..channels * height * width];
    let pairs = resized.chunks_exact(crop.height * width).zip(planes.chunks_exact_mut(height * width));
    for (source, plane) in pairs {
        along_columns(rows, source, plane, width);
    }
}

fn along_rows(table: &Table, source: &[u8], input: usize, resized: &mut [u8], output: usize) {
    for (row, out) in source.chunks_exact(input).zip(resized.chunks_exact_mut(output)) {
        for (out, (start, weights)) in out.iter_mut().zip(table.entries()) {
            let sum = row[start..].iter().zip(weights).map(|(x, w)| i32::from(*x) * w).sum();
            *out = round(sum);
        }
    }
}

fn along_columns(table: &Table, source: &[u8], plane: &mut [u8], width: usize) {
    for (out, (start, weights)) in plane.chunks_exact_mut(width).zip(table.entries()) {
        let rows = &source[start * width..];
        for (x, out) in out.iter_mut().enumerate() {
            let sum = rows[x..].iter().step_by(width).zip(weights).map(|(x, w)| i32::from(*x) * w).sum();
            *out = round(sum);
        }
    }
}

/// Fixed point to byte: half up, then kept in range.
#[inline(always)]
fn round(sum: i32) -> u8 {
    ((sum + (1 << (PRECISION - 1))) >> PRECISION).clamp(0, 255) as u8
}

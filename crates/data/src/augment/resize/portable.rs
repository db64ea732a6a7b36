//! The two passes in plain Rust.

use super::table::{PRECISION, Table};

/// Resizes every row of some planes.
#[inline(always)]
pub(super) fn along_rows(table: &Table, source: &[u8], out: &mut [u8]) {
    let rows = source.chunks_exact(table.input()).zip(out.chunks_exact_mut(table.output()));
    for (row, out) in rows {
        for (out, (start, weights)) in out.iter_mut().zip(table.entries()) {
            let mut sum = HALF;
            for (x, weight) in row[start..start + weights.len()].iter().zip(weights) {
                sum += i32::from(*x) * weight;
            }
            *out = to_byte(sum);
        }
    }
}

/// Resizes every column of some planes of `width` columns.
#[inline(always)]
pub(super) fn along_columns(table: &Table, source: &[u8], out: &mut [u8], width: usize) {
    const BLOCK: usize = 16;
    let planes = source.chunks_exact(table.input() * width).zip(out.chunks_exact_mut(table.output() * width));
    for (plane, out) in planes {
        for (out, (start, weights)) in out.chunks_exact_mut(width).zip(table.entries()) {
            let rows = &plane[start * width..(start + weights.len()) * width];
            let (blocks, rest) = out.as_chunks_mut::<BLOCK>();
            let done = blocks.len() * BLOCK;
            for (i, block) in blocks.iter_mut().enumerate() {
                *block = column_sums(rows, width, i * BLOCK, weights);
            }
            for (i, out) in rest.iter_mut().enumerate() {
                [*out] = column_sums(rows, width, done + i, weights);
            }
        }
    }
}

/// The weighted sums of `LANES` neighbouring columns from column `x` on.
#[inline(always)]
fn column_sums<const LANES: usize>(rows: &[u8], width: usize, x: usize, weights: &[i32]) -> [u8; LANES] {
    let mut sums = [HALF; LANES];
    for (tap, weight) in weights.iter().enumerate() {
        let pixels = &rows[tap * width + x..][..LANES];
        for lane in 0..LANES {
            sums[lane] += i32::from(pixels[lane]) * weight;
        }
    }
    sums.map(to_byte)
}

/// Half a unit of the result: sums start from it, so that truncating them rounds.
const HALF: i32 = 1 << (PRECISION - 1);

/// Fixed point to byte, kept in range.
#[inline(always)]
#[expect(clippy::cast_sign_loss, reason = "clamped to a byte")]
fn to_byte(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

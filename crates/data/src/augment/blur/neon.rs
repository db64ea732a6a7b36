//! Weighted sums for four pixels to a vector.

use std::arch::aarch64::*;

use crate::augment::neon::{BYTES, narrow};

/// Pixels of a vector.
pub(super) const LANES: usize = 4;

/// As [`super::sums::row`]; at least [`LANES`] pixels.
#[target_feature(enable = "neon")]
pub(super) fn row(source: &[f32], stride: usize, weights: &[f32], columns: usize, out: &mut [f32]) {
    let (mut x, width) = (0, out.len());
    while x < width {
        let rest = width - x;
        // Eight sums or more keep two multiply-add units busy, sixteen four.
        x += if rest >= 16 * LANES {
            store(block::<16>(&source[x..], stride, weights, columns), &mut out[x..])
        } else if rest >= 8 * LANES {
            store(block::<8>(&source[x..], stride, weights, columns), &mut out[x..])
        } else if rest >= 4 * LANES {
            store(block::<4>(&source[x..], stride, weights, columns), &mut out[x..])
        } else {
            // The last block overlaps the one before it where the row is not a multiple of four.
            let x = x.min(width - LANES);
            store(block::<1>(&source[x..], stride, weights, columns), &mut out[x..])
        };
    }
}

/// Pixels of a row that [`convolve_3`] convolves at once.
pub(super) const STRIP: usize = BYTES;

/// Convolves the padded plane with a kernel of 3 x 3 weights, straight to bytes; at least [`STRIP`] columns.
#[target_feature(enable = "neon")]
pub(super) fn convolve_3(padded: &[f32], table: &[f32], plane: &mut [u8], width: usize) {
    let weights: &[f32; 9] = table.as_array().expect("3 x 3 weights");
    let stride = width + 2;
    for (y, row) in plane.chunks_exact_mut(width).enumerate() {
        let source = &padded[y * stride..];
        let mut x = 0;
        while x < width {
            // The last strip overlaps the one before it where the row is not a multiple of one.
            let first = x.min(width - STRIP);
            let sums = block::<{ STRIP / LANES }>(&source[first..], stride, weights, 3);
            let mut bytes = [vdupq_n_u32(0); STRIP / LANES];
            for (bytes, sum) in bytes.iter_mut().zip(sums) {
                // The sum, rounded, is the lowest byte of these bits.
                *bytes = vreinterpretq_u32_f32(vaddq_f32(sum, vdupq_n_f32(super::TO_BYTE)));
            }
            let out = &mut row[first..first + STRIP];
            // SAFETY: `out` is 16 bytes long, which is what a store writes.
            unsafe { vst1q_u8(out.as_mut_ptr(), narrow(bytes)) };
            x += STRIP;
        }
    }
}

/// The sums of `VECTORS` vectors of pixels.
#[inline]
#[target_feature(enable = "neon")]
fn block<const VECTORS: usize>(
    source: &[f32],
    stride: usize,
    weights: &[f32],
    columns: usize,
) -> [float32x4_t; VECTORS] {
    let mut sums = [vdupq_n_f32(0.0); VECTORS];
    for (y, weights) in weights.chunks_exact(columns).enumerate() {
        let taps = &source[y * stride..][..VECTORS * LANES + columns - 1];
        for (tap, &weight) in weights.iter().enumerate() {
            for (vector, sum) in sums.iter_mut().enumerate() {
                // SAFETY: `taps` holds as many values as there are pixels from `tap < columns` on.
                let values = unsafe { vld1q_f32(taps.as_ptr().add(tap + vector * LANES)) };
                *sum = vfmaq_n_f32(*sum, values, weight);
            }
        }
    }
    sums
}

/// Writes the sums to the beginning of `out`; returns how many pixels they are.
#[inline]
#[target_feature(enable = "neon")]
fn store<const VECTORS: usize>(sums: [float32x4_t; VECTORS], out: &mut [f32]) -> usize {
    let out = &mut out[..VECTORS * LANES];
    for (out, sum) in out.as_chunks_mut::<LANES>().0.iter_mut().zip(sums) {
        // SAFETY: `out` is 16 bytes long, which is what a store writes.
        unsafe { vst1q_f32(out.as_mut_ptr(), sum) };
    }
    VECTORS * LANES
}

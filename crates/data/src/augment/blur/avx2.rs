//! Weighted sums for eight pixels to a vector.

use std::arch::x86_64::*;

/// Pixels of a vector.
pub(super) const LANES: usize = 8;

/// As [`super::sums::row`]; at least [`LANES`] pixels.
#[target_feature(enable = "avx2,fma")]
pub(super) fn row(source: &[f32], stride: usize, weights: &[f32], columns: usize, out: &mut [f32]) {
    let (mut x, width) = (0, out.len());
    while x < width {
        let rest = width - x;
        // Eight sums keep both multiply-add units busy.
        x += if rest >= 8 * LANES {
            store(block::<8>(&source[x..], stride, weights, columns), &mut out[x..])
        } else if rest >= 4 * LANES {
            store(block::<4>(&source[x..], stride, weights, columns), &mut out[x..])
        } else {
            // The last block overlaps the one before it where the row is not a multiple of eight.
            let x = x.min(width - LANES);
            store(block::<1>(&source[x..], stride, weights, columns), &mut out[x..])
        };
    }
}

/// Convolves the padded plane with a kernel of 3 x 3 weights, straight to bytes; at least [`LANES`] columns.
#[target_feature(enable = "avx2,fma")]
pub(super) fn convolve_3(padded: &[f32], table: &[f32], plane: &mut [u8], width: usize) {
    let weights: &[f32; 9] = table.as_array().expect("3 x 3 weights");
    let stride = width + 2;
    for (y, row) in plane.chunks_exact_mut(width).enumerate() {
        let source = &padded[y * stride..];
        let mut x = 0;
        while x + 4 * LANES <= width {
            let sums = block::<4>(&source[x..], stride, weights, 3);
            let [a, b, c, d] = sums.map(|sum| whole(sum));
            let bytes = _mm256_packus_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
            // Packing went half by half.
            let bytes = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
            let out = &mut row[x..x + 4 * LANES];
            // SAFETY: `out` is 32 bytes long, which is what an unaligned store writes.
            unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), bytes) };
            x += 4 * LANES;
        }
        while x < width {
            let first = x.min(width - LANES);
            let [sum] = block::<1>(&source[first..], stride, weights, 3);
            let whole = whole(sum);
            let words = _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256::<1>(whole));
            let bytes = _mm_cvtsi128_si64(_mm_packus_epi16(words, words)).to_le_bytes();
            row[first..first + LANES].copy_from_slice(&bytes);
            x += LANES;
        }
    }
}

/// Scaled sums to bytes in 32-bit lanes.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn whole(sum: __m256) -> __m256i {
    let shifted = _mm256_castps_si256(_mm256_add_ps(sum, _mm256_set1_ps(super::TO_BYTE)));
    _mm256_and_si256(shifted, _mm256_set1_epi32(255))
}

/// The sums of `VECTORS` vectors of pixels.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn block<const VECTORS: usize>(
    source: &[f32],
    stride: usize,
    weights: &[f32],
    columns: usize,
) -> [__m256; VECTORS] {
    let mut sums = [_mm256_setzero_ps(); VECTORS];
    for (y, weights) in weights.chunks_exact(columns).enumerate() {
        let taps = &source[y * stride..][..VECTORS * LANES + columns - 1];
        for (tap, &weight) in weights.iter().enumerate() {
            let weight = _mm256_set1_ps(weight);
            for (vector, sum) in sums.iter_mut().enumerate() {
                // SAFETY: `taps` holds as many values as there are pixels from `tap < columns` on.
                let values = unsafe { _mm256_loadu_ps(taps.as_ptr().add(tap + vector * LANES)) };
                *sum = _mm256_fmadd_ps(values, weight, *sum);
            }
        }
    }
    sums
}

/// Writes the sums to the beginning of `out`; returns how many pixels they are.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn store<const VECTORS: usize>(sums: [__m256; VECTORS], out: &mut [f32]) -> usize {
    let out = &mut out[..VECTORS * LANES];
    for (out, sum) in out.as_chunks_mut::<LANES>().0.iter_mut().zip(sums) {
        // SAFETY: `out` is 32 bytes long, which is what an unaligned store writes.
        unsafe { _mm256_storeu_ps(out.as_mut_ptr(), sum) };
    }
    VECTORS * LANES
}

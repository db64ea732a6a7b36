//! Weighted sums for sixteen pixels to a vector.

use std::arch::x86_64::*;

use super::{TO_BYTE, reflect};
use crate::augment::avx512::load;

/// Pixels of a vector.
const LANES: usize = 16;

/// As [`super::sums::row`].
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
pub(super) fn row(source: &[f32], stride: usize, weights: &[f32], columns: usize, out: &mut [f32]) {
    let (mut x, width) = (0, out.len());
    while x < width {
        let rest = width - x;
        // Eight sums keep both multiply-add units busy.
        x += if rest >= 8 * LANES {
            block::<8>(&source[x..], stride, weights, columns, &mut out[x..x + 8 * LANES])
        } else if rest >= 4 * LANES {
            block::<4>(&source[x..], stride, weights, columns, &mut out[x..x + 4 * LANES])
        } else if rest > LANES {
            block::<2>(&source[x..], stride, weights, columns, &mut out[x..x + rest.min(2 * LANES)])
        } else {
            block::<1>(&source[x..], stride, weights, columns, &mut out[x..])
        };
    }
}

/// The sums of up to `VECTORS` vectors of pixels; returns how many pixels they are.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
fn block<const VECTORS: usize>(
    source: &[f32],
    stride: usize,
    weights: &[f32],
    columns: usize,
    out: &mut [f32],
) -> usize {
    let count = out.len();
    #[expect(clippy::cast_possible_truncation, reason = "at most 16 lanes, so 16 bits")]
    let masks: [__mmask16; VECTORS] = std::array::from_fn(|vector| {
        let lanes = count.saturating_sub(vector * LANES).min(LANES);
        ((1_u32 << lanes) - 1) as u16
    });
    let mut sums = [_mm512_setzero_ps(); VECTORS];
    for (y, weights) in weights.chunks_exact(columns).enumerate() {
        let taps = &source[y * stride..][..count + columns - 1];
        for (tap, &weight) in weights.iter().enumerate() {
            let weight = _mm512_set1_ps(weight);
            for (vector, sum) in sums.iter_mut().enumerate() {
                // SAFETY: `taps` holds as many values as there are pixels from `tap < columns` on, and the mask leaves
                // out what lies beyond.
                let values = unsafe {
                    _mm512_maskz_loadu_ps(masks[vector], taps.as_ptr().wrapping_add(tap + vector * LANES))
                };
                *sum = _mm512_fmadd_ps(values, weight, *sum);
            }
        }
    }
    for (vector, sum) in sums.into_iter().enumerate() {
        // SAFETY: the mask leaves out what lies beyond `out`.
        unsafe {
            _mm512_mask_storeu_ps(out.as_mut_ptr().wrapping_add(vector * LANES), masks[vector], sum);
        }
    }
    count
}

/// Pixels of a row that [`convolve_3`] convolves at once: two vectors.
const STRIP: usize = 2 * LANES;

/// Convolves planes of `height` x `width` pixels with a kernel of 3 x 3 weights, from bytes to bytes.
///
/// Goes down the rows: each is converted once, and gives its taps to the sums of three rows of the result.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
pub(super) fn convolve_3(source: &[u8], table: &[f32; 9], planes: &mut [u8], height: usize, width: usize) {
    let mut weights = [_mm512_setzero_ps(); 9];
    for (weight, &value) in weights.iter_mut().zip(table) {
        *weight = _mm512_set1_ps(value);
    }
    for x in (0..width).step_by(STRIP) {
        let strip = Strip::new(x, width);
        let planes = planes.chunks_exact_mut(height * width).zip(source.chunks_exact(height * width));
        for (plane, source) in planes {
            let (mut started, mut middle) = ([_mm512_setzero_ps(); 2], [_mm512_setzero_ps(); 2]);
            for at in 0..height + 2 {
                let taps = strip.taps(&source[reflect(at, 1, height) * width..][..width]);
                for (vector, taps) in taps.into_iter().enumerate() {
                    let finished = add(middle[vector], taps, &weights[6..]);
                    middle[vector] = add(started[vector], taps, &weights[3..]);
                    started[vector] = add(_mm512_setzero_ps(), taps, &weights);
                    // The first two rows lie above the first of the result.
                    if at >= 2 {
                        let shifted = _mm512_add_ps(finished, _mm512_set1_ps(TO_BYTE));
                        let bytes = _mm512_cvtepi32_epi8(_mm512_castps_si512(shifted));
                        let out = plane[(at - 2) * width + x..].as_mut_ptr().wrapping_add(vector * LANES);
                        // SAFETY: the mask leaves out what lies beyond the row.
                        unsafe { _mm_mask_storeu_epi8(out.cast(), strip.masks[vector], bytes) };
                    }
                }
            }
        }
    }
}

/// The sums with three taps more.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
fn add(sum: __m512, taps: [__m512; 3], weights: &[__m512]) -> __m512 {
    let sum = _mm512_fmadd_ps(taps[0], weights[0], sum);
    let sum = _mm512_fmadd_ps(taps[1], weights[1], sum);
    _mm512_fmadd_ps(taps[2], weights[2], sum)
}

/// Where in a row the taps of [`STRIP`] pixels are; reflection at both ends is part of that.
struct Strip {
    first: usize,
    length: usize,
    /// By vector and tap: the place in the window from `first` on, in the lowest byte of each lane.
    places: [[__m512i; 3]; 2],
    masks: [__mmask16; 2],
}

impl Strip {
    #[inline]
    #[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "places lie within a strip; each mask is one half of the bits"
    )]
    fn new(x: usize, width: usize) -> Self {
        let count = STRIP.min(width - x);
        let first = x.saturating_sub(1);
        let mut places = [[_mm512_setzero_si512(); 3]; 2];
        for (vector, places) in places.iter_mut().enumerate() {
            for (tap, places) in places.iter_mut().enumerate() {
                let place: [i32; LANES] = std::array::from_fn(|lane| {
                    let column = (x + vector * LANES + lane).min(x + count - 1);
                    (reflect(column + tap, 1, width) - first) as i32
                });
                // SAFETY: the array is 64 bytes long, which is what an unaligned load reads.
                *places = unsafe { _mm512_loadu_si512(place.as_ptr().cast()) };
            }
        }
        let bits = u32::MAX >> (STRIP - count);
        let length = width.min(x + count + 1) - first;
        Self { first, length, places, masks: [bits as u16, (bits >> LANES) as u16] }
    }

    /// The taps of each pixel in f32, by vector.
    #[inline]
    #[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
    fn taps(&self, row: &[u8]) -> [[__m512; 3]; 2] {
        /// The lowest byte of each lane.
        const LOWEST: __mmask64 = 0x1111_1111_1111_1111;
        let window = load(&row[self.first..self.first + self.length]);
        let mut taps = [[_mm512_setzero_ps(); 3]; 2];
        for (taps, places) in taps.iter_mut().zip(&self.places) {
            for (tap, places) in taps.iter_mut().zip(places) {
                *tap = _mm512_cvtepi32_ps(_mm512_maskz_permutexvar_epi8(LOWEST, *places, window));
            }
        }
        taps
    }
}

//! The pass along the rows, eight output pixels at once.
//!
//! Eight neighbouring output pixels of an enlarged row read at most sixteen input pixels. One load brings those,
//! and one byte shuffle for every two taps brings each pixel to the 32-bit lane of its output as a pair of 16-bit
//! numbers. `pmaddwd` multiplies such pairs; the 23-bit weights go through it in two parts.

use std::arch::x86_64::*;

use super::table::{LOW_BITS, PRECISION, TapPair, WINDOW, Windows};

/// Resizes every row of `input` pixels in `source` to one of `output` pixels.
///
/// # Panics
/// If `source` lacks its padding.
#[target_feature(enable = "avx2,fma")]
pub(super) fn along_rows(windows: &Windows, input: usize, output: usize, source: &[u8], out: &mut [u8]) {
    for (window, pairs) in windows.iter() {
        let rows = out.chunks_exact_mut(output).map(|row| {
            let (out, _) = row[window.output..].split_first_chunk_mut().expect("whole windows");
            out
        });
        let pixels = (window.input..).step_by(input);
        // The usual four taps stay in registers from row to row.
        if let [first, second] = pairs {
            let (first, second) = (Weights::load(first), Weights::load(second));
            for (out, start) in rows.zip(pixels) {
                let taps = window_at(source, start);
                *out = finish(second.add(taps, first.add(taps, zero())));
            }
        } else {
            for (out, start) in rows.zip(pixels) {
                let (taps, mut sums) = (window_at(source, start), zero());
                for pair in pairs {
                    sums = Weights::load(pair).add(taps, sums);
                }
                *out = finish(sums);
            }
        }
    }
}

/// The pixels from `start` on, once in each half.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn window_at(source: &[u8], start: usize) -> __m256i {
    let pixels = &source[start..start + WINDOW];
    // SAFETY: the slice is 16 bytes long, which is what an unaligned load reads.
    _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(pixels.as_ptr().cast()) })
}

/// Sums of the products with the upper and the lower parts of the weights.
type Sums = [__m256i; 2];

#[inline]
#[target_feature(enable = "avx2,fma")]
fn zero() -> Sums {
    [_mm256_setzero_si256(), _mm256_set1_epi32(1 << (PRECISION - 1))]
}

/// A [`TapPair`] in registers.
#[derive(Clone, Copy)]
struct Weights {
    shuffle: __m256i,
    high: __m256i,
    low: __m256i,
}

impl Weights {
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn load(pair: &TapPair) -> Self {
        // SAFETY: each array is 32 bytes long, which is what an unaligned load reads.
        unsafe {
            Self {
                shuffle: _mm256_loadu_si256(pair.shuffle.as_ptr().cast()),
                high: _mm256_loadu_si256(pair.high.as_ptr().cast()),
                low: _mm256_loadu_si256(pair.low.as_ptr().cast()),
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn add(self, window: __m256i, [high, low]: Sums) -> Sums {
        let taps = _mm256_shuffle_epi8(window, self.shuffle);
        [
            _mm256_add_epi32(high, _mm256_madd_epi16(taps, self.high)),
            _mm256_add_epi32(low, _mm256_madd_epi16(taps, self.low)),
        ]
    }
}

/// Fixed point to bytes, kept in range.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn finish([high, low]: Sums) -> [u8; 8] {
    let sum = _mm256_add_epi32(_mm256_slli_epi32::<{ LOW_BITS.cast_signed() }>(high), low);
    let pixels = _mm256_srai_epi32::<{ PRECISION.cast_signed() }>(sum);
    let words = _mm_packs_epi32(_mm256_castsi256_si128(pixels), _mm256_extracti128_si256::<1>(pixels));
    _mm_cvtsi128_si64(_mm_packus_epi16(words, words)).to_le_bytes()
}

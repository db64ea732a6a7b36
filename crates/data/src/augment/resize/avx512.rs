//! The two passes with byte dot products.
//!
//! `vpdpbusd` multiplies four pixels of a 32-bit lane by four signed bytes and adds the products to the lane. The 23-bit
//! weights go through it in three parts, by Horner's rule: the digits of base 256, from -128 to 127.

use std::arch::x86_64::*;

use super::table::quads::{DIGITS, QUAD, Quad, Quads, WIDE_GROUP, WIDE_WINDOW};
use super::table::{PRECISION, Table};

/// Half a unit of the result, in units of the highest digit: sums start from it, so that truncating them rounds.
const HALF: i32 = 1 << (PRECISION - 1 - 16);

/// Resizes every row of `input` pixels in `source` to one of `output` pixels, sixteen output pixels at once.
///
/// # Panics
/// If `source` lacks its padding.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
pub(super) fn along_rows(quads: &Quads, input: usize, output: usize, source: &[u8], out: &mut [u8]) {
    for (group, taps) in quads.iter().enumerate() {
        let first = group * WIDE_GROUP;
        let count = WIDE_GROUP.min(output - first);
        // The usual four taps stay in registers from row to row.
        if let [quad] = taps.quads {
            let quad = quad.load();
            for (row, out) in out.chunks_exact_mut(output).enumerate() {
                let pixels =
                    _mm512_permutexvar_epi8(quad.places, window_at(source, row * input + taps.input));
                let mut sum = _mm512_set1_epi32(HALF);
                for (number, digits) in quad.digits.into_iter().enumerate() {
                    if number > 0 {
                        sum = _mm512_slli_epi32::<8>(sum);
                    }
                    sum = _mm512_dpbusd_epi32(sum, pixels, digits);
                }
                finish(sum, &mut out[first..first + count]);
            }
        } else {
            for (row, out) in out.chunks_exact_mut(output).enumerate() {
                let window = window_at(source, row * input + taps.input);
                let mut sums = [_mm512_set1_epi32(HALF), _mm512_setzero_si512(), _mm512_setzero_si512()];
                for quad in taps.quads {
                    let quad = quad.load();
                    let pixels = _mm512_permutexvar_epi8(quad.places, window);
                    for (sum, digits) in sums.iter_mut().zip(quad.digits) {
                        *sum = _mm512_dpbusd_epi32(*sum, pixels, digits);
                    }
                }
                let high = _mm512_add_epi32(_mm512_slli_epi32::<8>(sums[0]), sums[1]);
                let sum = _mm512_add_epi32(_mm512_slli_epi32::<8>(high), sums[2]);
                finish(sum, &mut out[first..first + count]);
            }
        }
    }
}

#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
fn window_at(source: &[u8], start: usize) -> __m512i {
    let pixels = &source[start..start + WIDE_WINDOW];
    // SAFETY: the slice is 64 bytes long, which is what an unaligned load reads.
    unsafe { _mm512_loadu_si512(pixels.as_ptr().cast()) }
}

/// A [`Quad`] in registers.
#[derive(Clone, Copy)]
struct Loaded {
    places: __m512i,
    digits: [__m512i; DIGITS],
}

impl Quad {
    #[inline]
    #[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
    fn load(&self) -> Loaded {
        // SAFETY: each array is 64 bytes long, which is what an unaligned load reads.
        unsafe {
            Loaded {
                places: _mm512_loadu_si512(self.places.as_ptr().cast()),
                digits: [
                    _mm512_loadu_si512(self.digits[0].as_ptr().cast()),
                    _mm512_loadu_si512(self.digits[1].as_ptr().cast()),
                    _mm512_loadu_si512(self.digits[2].as_ptr().cast()),
                ],
            }
        }
    }
}

/// Fixed point to bytes, kept in range, as many as `out` has, up to sixteen.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
fn finish(sum: __m512i, out: &mut [u8]) {
    let pixels = _mm512_max_epi32(_mm512_srai_epi32::<PRECISION>(sum), _mm512_setzero_si512());
    let (bytes, mask) = (_mm512_cvtusepi32_epi8(pixels), u16::MAX >> (WIDE_GROUP - out.len()));
    // SAFETY: the mask leaves out what lies beyond the slice.
    unsafe { _mm_mask_storeu_epi8(out.as_mut_ptr().cast(), mask, bytes) };
}

/// Columns that are resized at once.
const COLUMNS: usize = 32;

/// Resizes every column of some planes of `width` columns.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
pub(super) fn along_columns(table: &Table, source: &[u8], out: &mut [u8], width: usize) {
    let planes = source.chunks_exact(table.input() * width).zip(out.chunks_exact_mut(table.output() * width));
    for (plane, out) in planes {
        for x in (0..width).step_by(COLUMNS) {
            let count = COLUMNS.min(width - x);
            for (y, (start, quads)) in table.digits().enumerate() {
                let (rows, out) = (&plane[start * width + x..], &mut out[y * width + x..][..count]);
                let sums = match quads {
                    // The usual four taps.
                    [quad] if table.taps() == QUAD => {
                        let mut sums = interleaved::<QUAD>(rows, width, count);
                        for sum in &mut sums {
                            let taps = *sum;
                            *sum = _mm256_set1_epi32(HALF);
                            for (number, &digits) in quad.iter().enumerate() {
                                if number > 0 {
                                    *sum = _mm256_slli_epi32::<8>(*sum);
                                }
                                *sum = _mm256_dpbusd_epi32(*sum, taps, _mm256_set1_epi32(digits));
                            }
                        }
                        sums
                    }
                    _ => any_taps(rows, width, count, quads, table.taps()),
                };
                store(out, narrow(sums));
            }
        }
    }
}

/// The sums of any number of taps.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
fn any_taps(
    rows: &[u8],
    width: usize,
    count: usize,
    quads: &[[i32; DIGITS]],
    taps: usize,
) -> [__m256i; QUAD] {
    let zero = [_mm256_setzero_si256(); QUAD];
    let mut sums = [[_mm256_set1_epi32(HALF); QUAD], zero, zero];
    for (number, quad) in quads.iter().enumerate() {
        let rows = &rows[number * QUAD * width..];
        let pixels = match taps - number * QUAD {
            1 => interleaved::<1>(rows, width, count),
            2 => interleaved::<2>(rows, width, count),
            3 => interleaved::<3>(rows, width, count),
            _ => interleaved::<QUAD>(rows, width, count),
        };
        for (sums, &digits) in sums.iter_mut().zip(quad) {
            for (sum, pixels) in sums.iter_mut().zip(pixels) {
                *sum = _mm256_dpbusd_epi32(*sum, pixels, _mm256_set1_epi32(digits));
            }
        }
    }
    let [mut sums, middle, low] = sums;
    for (i, sum) in sums.iter_mut().enumerate() {
        *sum = _mm256_add_epi32(_mm256_slli_epi32::<8>(*sum), middle[i]);
        *sum = _mm256_add_epi32(_mm256_slli_epi32::<8>(*sum), low[i]);
    }
    sums
}

/// The pixels of `count` columns in the first `TAPS` rows, up to four, a column to a lane, in the order of unpacking.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
fn interleaved<const TAPS: usize>(rows: &[u8], width: usize, count: usize) -> [__m256i; QUAD] {
    let rows = &rows[..(TAPS - 1) * width + count];
    let mut pixels = [_mm256_setzero_si256(); QUAD];
    for (tap, pixels) in pixels.iter_mut().enumerate().take(TAPS) {
        // SAFETY: `rows` holds `count` bytes of this row, and the mask leaves out what lies beyond.
        *pixels = unsafe { _mm256_maskz_loadu_epi8(mask(count), rows.as_ptr().add(tap * width).cast()) };
    }
    let [a, b, c, d] = pixels;
    let (ab, cd) = (_mm256_unpacklo_epi8(a, b), _mm256_unpacklo_epi8(c, d));
    let (ab_high, cd_high) = (_mm256_unpackhi_epi8(a, b), _mm256_unpackhi_epi8(c, d));
    [
        _mm256_unpacklo_epi16(ab, cd),
        _mm256_unpackhi_epi16(ab, cd),
        _mm256_unpacklo_epi16(ab_high, cd_high),
        _mm256_unpackhi_epi16(ab_high, cd_high),
    ]
}

/// The first `count` bytes, 1 to 32.
#[inline(always)]
fn mask(count: usize) -> __mmask32 {
    u32::MAX >> (COLUMNS - count)
}

/// Writes as many bytes as the slice has, up to 32.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
fn store(out: &mut [u8], bytes: __m256i) {
    // SAFETY: the mask leaves out what lies beyond the slice.
    unsafe { _mm256_mask_storeu_epi8(out.as_mut_ptr().cast(), mask(out.len()), bytes) };
}

/// Fixed point to bytes, kept in range.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
fn narrow(mut sums: [__m256i; 4]) -> __m256i {
    for sum in &mut sums {
        *sum = _mm256_srai_epi32::<{ PRECISION.cast_signed() }>(*sum);
    }
    let [a, b, c, d] = sums;
    _mm256_packus_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d))
}

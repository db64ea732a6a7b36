//! The two passes with byte dot products.
//!
//! `vpdpbusd` multiplies four pixels of a 32-bit lane by four signed bytes and adds the products to the lane. The 23-bit
//! weights go through it in three parts, by Horner's rule: the digits of base 256, from -128 to 127.

use std::arch::x86_64::*;

use super::table::{DIGITS, PRECISION, QUAD, Quads, Table, WIDE_GROUP, WIDE_WINDOW};

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
        let mask = (u16::MAX) >> (WIDE_GROUP - count);
        let rows = out.chunks_exact_mut(output).map(|row| &mut row[first..first + count]);
        let pixels = (taps.input..).step_by(input);
        // The usual four taps stay in registers from row to row.
        if let [quad] = taps.quads {
            let quad = quad.load();
            for (out, start) in rows.zip(pixels) {
                let window = window_at(source, start);
                let mut sum = _mm512_set1_epi32(HALF);
                for digit in 0..DIGITS {
                    if digit > 0 {
                        sum = _mm512_slli_epi32::<8>(sum);
                    }
                    sum = _mm512_dpbusd_epi32(sum, quad.taps(window), quad.digits[digit]);
                }
                finish(sum, mask, out);
            }
        } else {
            for (out, start) in rows.zip(pixels) {
                let window = window_at(source, start);
                let mut sums = [_mm512_set1_epi32(HALF), _mm512_setzero_si512(), _mm512_setzero_si512()];
                for quad in taps.quads {
                    let quad = quad.load();
                    for (sum, digits) in sums.iter_mut().zip(quad.digits) {
                        *sum = _mm512_dpbusd_epi32(*sum, quad.taps(window), digits);
                    }
                }
                let high = _mm512_add_epi32(_mm512_slli_epi32::<8>(sums[0]), sums[1]);
                finish(_mm512_add_epi32(_mm512_slli_epi32::<8>(high), sums[2]), mask, out);
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

/// A [`super::table::Quad`] in registers.
#[derive(Clone, Copy)]
struct Loaded {
    places: __m512i,
    digits: [__m512i; DIGITS],
}

impl super::table::Quad {
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

impl Loaded {
    #[inline]
    #[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
    fn taps(self, window: __m512i) -> __m512i {
        _mm512_permutexvar_epi8(self.places, window)
    }
}

/// Fixed point to bytes, kept in range, as many as `mask` has bits.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
fn finish(sum: __m512i, mask: __mmask16, out: &mut [u8]) {
    let pixels = _mm512_max_epi32(_mm512_srai_epi32::<PRECISION>(sum), _mm512_setzero_si512());
    let bytes = _mm512_cvtusepi32_epi8(pixels);
    debug_assert_eq!(mask.count_ones() as usize, out.len());
    // SAFETY: `mask` has one bit for each byte of `out`.
    unsafe { _mm_mask_storeu_epi8(out.as_mut_ptr().cast(), mask, bytes) };
}

/// Columns that are resized at once.
const COLUMNS: usize = 32;

/// Resizes every column of some planes of `width` columns.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
pub(super) fn along_columns(table: &Table, source: &[u8], out: &mut [u8], width: usize) {
    let planes = source.chunks_exact(table.input() * width).zip(out.chunks_exact_mut(table.output() * width));
    for (plane, out) in planes {
        for (out, (start, quads)) in out.chunks_exact_mut(width).zip(table.digits()) {
            let rows = &plane[start * width..];
            for (at, out) in out.chunks_mut(COLUMNS).enumerate() {
                let rows = &rows[at * COLUMNS..];
                let mask = u32::MAX >> (COLUMNS - out.len());
                let bytes = match quads {
                    [quad] => {
                        let mut sums = interleaved(rows, width, mask);
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
                        narrow(sums)
                    }
                    _ => {
                        let mut sums =
                            [[_mm256_set1_epi32(HALF); 4], [_mm256_setzero_si256(); 4], [_mm256_setzero_si256(); 4]];
                        for (number, quad) in quads.iter().enumerate() {
                            let taps = interleaved(&rows[number * QUAD * width..], width, mask);
                            for (sums, &digits) in sums.iter_mut().zip(quad) {
                                for (sum, taps) in sums.iter_mut().zip(taps) {
                                    *sum = _mm256_dpbusd_epi32(*sum, taps, _mm256_set1_epi32(digits));
                                }
                            }
                        }
                        let [mut sums, middle, low] = sums;
                        for (i, sum) in sums.iter_mut().enumerate() {
                            *sum = _mm256_add_epi32(_mm256_slli_epi32::<8>(*sum), middle[i]);
                            *sum = _mm256_add_epi32(_mm256_slli_epi32::<8>(*sum), low[i]);
                        }
                        narrow(sums)
                    }
                };
                // SAFETY: `mask` has one bit for each byte of `out`.
                unsafe { _mm256_mask_storeu_epi8(out.as_mut_ptr().cast(), mask, bytes) };
            }
        }
    }
}

/// Four neighbouring pixels of each column to a lane, in the order of unpacking; rows beyond the end are 0.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
fn interleaved(rows: &[u8], width: usize, mask: __mmask32) -> [__m256i; 4] {
    let row = |number: usize| {
        let row = rows.get(number * width..).unwrap_or_default();
        let whole = row.len() >= COLUMNS - mask.leading_zeros() as usize;
        // SAFETY: the mask leaves out what lies beyond the slice.
        unsafe { _mm256_maskz_loadu_epi8(if whole { mask } else { 0 }, row.as_ptr().cast()) }
    };
    let [a, b, c, d] = [row(0), row(1), row(2), row(3)];
    let (ab, cd) = (_mm256_unpacklo_epi8(a, b), _mm256_unpacklo_epi8(c, d));
    let (ab_high, cd_high) = (_mm256_unpackhi_epi8(a, b), _mm256_unpackhi_epi8(c, d));
    [
        _mm256_unpacklo_epi16(ab, cd),
        _mm256_unpackhi_epi16(ab, cd),
        _mm256_unpacklo_epi16(ab_high, cd_high),
        _mm256_unpackhi_epi16(ab_high, cd_high),
    ]
}

/// Fixed point to bytes, kept in range.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
fn narrow(mut sums: [__m256i; 4]) -> __m256i {
    for sum in &mut sums {
        *sum = _mm256_srai_epi32::<{ PRECISION as i32 }>(*sum);
    }
    let [a, b, c, d] = sums;
    _mm256_packus_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d))
}

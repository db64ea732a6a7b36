//! Luma of 64 pixels at once.

use std::arch::x86_64::*;

use crate::augment::avx512::{BYTES, load, narrow, store};

/// Luma of 64 pixels: see [`super::luma`].
#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
pub(in crate::augment) fn luma([r, g, b]: [__m512i; 3]) -> __m512i {
    // A pixel to a lane, as bytes r, g, b, g: the green weight needs two bytes.
    let (rg_low, rg_high) = (_mm512_unpacklo_epi8(r, g), _mm512_unpackhi_epi8(r, g));
    let (bg_low, bg_high) = (_mm512_unpacklo_epi8(b, g), _mm512_unpackhi_epi8(b, g));
    let sum = |pixels: __m512i| {
        // The weights in base 256, with digits from -128 to 127.
        const HIGH: i32 = i32::from_le_bytes([77, 75, 29, 75]);
        const LOW: i32 = i32::from_le_bytes([(-117_i8).cast_unsigned(), 35, 47, 35]);
        let high = _mm512_dpbusd_epi32(_mm512_set1_epi32(0x80), pixels, _mm512_set1_epi32(HIGH));
        let sum = _mm512_dpbusd_epi32(_mm512_slli_epi32::<8>(high), pixels, _mm512_set1_epi32(LOW));
        _mm512_srli_epi32::<16>(sum)
    };
    narrow([
        sum(_mm512_unpacklo_epi16(rg_low, bg_low)),
        sum(_mm512_unpackhi_epi16(rg_low, bg_low)),
        sum(_mm512_unpacklo_epi16(rg_high, bg_high)),
        sum(_mm512_unpackhi_epi16(rg_high, bg_high)),
    ])
}

/// The sum of the lumas of all pixels.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
pub(super) fn luma_sum(red: &[u8], green: &[u8], blue: &[u8]) -> u64 {
    let mut sums = _mm512_setzero_si512();
    for ((r, g), b) in red.chunks(BYTES).zip(green.chunks(BYTES)).zip(blue.chunks(BYTES)) {
        // Black, beyond the end, has luma 0.
        let gray = luma([load(r), load(g), load(b)]);
        sums = _mm512_add_epi64(sums, _mm512_sad_epu8(gray, _mm512_setzero_si512()));
    }
    _mm512_reduce_add_epi64(sums).cast_unsigned()
}

/// Replaces the three planes by their luma.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
pub(super) fn to_gray(red: &mut [u8], green: &mut [u8], blue: &mut [u8]) {
    for ((r, g), b) in red.chunks_mut(BYTES).zip(green.chunks_mut(BYTES)).zip(blue.chunks_mut(BYTES)) {
        let gray = luma([load(r), load(g), load(b)]);
        for plane in [r, g, b] {
            store(plane, gray);
        }
    }
}

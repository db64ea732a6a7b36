//! What the AVX-512 kernels share: 64 bytes to a vector, with masks for what does not fill one.
//!
//! Bytes become 32-bit lanes and back by unpacking and packing, which work within the four 128-bit parts of a vector:
//! [`widen`] and [`narrow`] undo each other, and the order of the lanes in between does not matter.

use std::arch::x86_64::*;

/// Bytes of a vector.
pub(super) const BYTES: usize = 64;

/// The first `count` bytes, 0 to 64.
#[inline(always)]
pub(super) fn first(count: usize) -> __mmask64 {
    if count >= BYTES { u64::MAX } else { (1 << count) - 1 }
}

/// Up to 64 bytes, then zeros.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
pub(super) fn load(bytes: &[u8]) -> __m512i {
    // SAFETY: the mask leaves out what lies beyond the slice.
    unsafe { _mm512_maskz_loadu_epi8(first(bytes.len()), bytes.as_ptr().cast()) }
}

/// As many bytes as the slice has, up to 64.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
pub(super) fn store(bytes: &mut [u8], vector: __m512i) {
    // SAFETY: the mask leaves out what lies beyond the slice.
    unsafe { _mm512_mask_storeu_epi8(bytes.as_mut_ptr().cast(), first(bytes.len()), vector) };
}

/// Bytes to 32-bit lanes.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
pub(super) fn widen(bytes: __m512i) -> [__m512i; 4] {
    let zero = _mm512_setzero_si512();
    let (low, high) = (_mm512_unpacklo_epi8(bytes, zero), _mm512_unpackhi_epi8(bytes, zero));
    [
        _mm512_unpacklo_epi16(low, zero),
        _mm512_unpackhi_epi16(low, zero),
        _mm512_unpacklo_epi16(high, zero),
        _mm512_unpackhi_epi16(high, zero),
    ]
}

/// 32-bit lanes to bytes, kept in range.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
pub(super) fn narrow([a, b, c, d]: [__m512i; 4]) -> __m512i {
    _mm512_packus_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d))
}

/// A function of a byte, as a table.
#[derive(Clone, Copy)]
pub(super) struct ByteTable([__m512i; 4]);

impl ByteTable {
    #[inline]
    #[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
    pub(super) fn new(table: &[u8; 256]) -> Self {
        let quarter = |i: usize| load(&table[i * BYTES..(i + 1) * BYTES]);
        Self([quarter(0), quarter(1), quarter(2), quarter(3)])
    }

    /// The entries of 64 bytes.
    #[inline]
    #[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
    pub(super) fn get(self, bytes: __m512i) -> __m512i {
        let [a, b, c, d] = self.0;
        let (low, high) = (_mm512_permutex2var_epi8(a, bytes, b), _mm512_permutex2var_epi8(c, bytes, d));
        _mm512_mask_blend_epi8(_mm512_movepi8_mask(bytes), low, high)
    }
}

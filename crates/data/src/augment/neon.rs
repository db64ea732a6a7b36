//! What the NEON kernels share: 16 bytes to a vector.

use std::arch::aarch64::*;

/// Bytes of a vector.
pub(super) const BYTES: usize = 16;

/// Up to 16 bytes, then zeros.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn load(bytes: &[u8]) -> uint8x16_t {
    if bytes.len() >= BYTES {
        // SAFETY: the slice has the 16 bytes that a load reads.
        return unsafe { vld1q_u8(bytes.as_ptr()) };
    }
    let mut padded = [0; BYTES];
    padded[..bytes.len()].copy_from_slice(bytes);
    // SAFETY: as above, of the array.
    unsafe { vld1q_u8(padded.as_ptr()) }
}

/// As many bytes as the slice has, up to 16.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn store(bytes: &mut [u8], vector: uint8x16_t) {
    if bytes.len() >= BYTES {
        // SAFETY: the slice has the 16 bytes that a store writes.
        unsafe { vst1q_u8(bytes.as_mut_ptr(), vector) };
        return;
    }
    let mut padded = [0; BYTES];
    // SAFETY: as above, of the array.
    unsafe { vst1q_u8(padded.as_mut_ptr(), vector) };
    bytes.copy_from_slice(&padded[..bytes.len()]);
}

/// Bytes to 32-bit lanes.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn widen(bytes: uint8x16_t) -> [uint32x4_t; 4] {
    widen_words([vmovl_u8(vget_low_u8(bytes)), vmovl_high_u8(bytes)])
}

/// 16-bit lanes to 32-bit lanes.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn widen_words([low, high]: [uint16x8_t; 2]) -> [uint32x4_t; 4] {
    [vmovl_u16(vget_low_u16(low)), vmovl_high_u16(low), vmovl_u16(vget_low_u16(high)), vmovl_high_u16(high)]
}

/// The lowest bytes of 32-bit lanes.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn narrow([a, b, c, d]: [uint32x4_t; 4]) -> uint8x16_t {
    let low = vuzp1q_u16(vreinterpretq_u16_u32(a), vreinterpretq_u16_u32(b));
    let high = vuzp1q_u16(vreinterpretq_u16_u32(c), vreinterpretq_u16_u32(d));
    vuzp1q_u8(vreinterpretq_u8_u16(low), vreinterpretq_u8_u16(high))
}

/// A function of a byte, as a table.
#[derive(Clone, Copy)]
pub(super) struct ByteTable([uint8x16x4_t; 4]);

impl ByteTable {
    #[inline]
    #[target_feature(enable = "neon")]
    pub(super) fn new(table: &[u8; 256]) -> Self {
        // SAFETY: four loads of 64 bytes each within the table.
        unsafe {
            let quarter = |i: usize| vld1q_u8_x4(table.as_ptr().add(i * 4 * BYTES));
            Self([quarter(0), quarter(1), quarter(2), quarter(3)])
        }
    }

    /// The entries of 16 bytes.
    #[inline]
    #[target_feature(enable = "neon")]
    pub(super) fn get(self, bytes: uint8x16_t) -> uint8x16_t {
        let [a, b, c, d] = self.0;
        // An index beyond a quarter leaves the entry as it is, and below one it wraps to beyond.
        let entries = vqtbl4q_u8(a, bytes);
        let entries = vqtbx4q_u8(entries, b, vsubq_u8(bytes, vdupq_n_u8(64)));
        let entries = vqtbx4q_u8(entries, c, vsubq_u8(bytes, vdupq_n_u8(128)));
        vqtbx4q_u8(entries, d, vsubq_u8(bytes, vdupq_n_u8(192)))
    }
}

//! NEON: 32 registers of four lanes.

use std::arch::aarch64::{
    float32x4_t, vaddq_f32, vdupq_n_f32, vfmaq_f32, vld1q_f32, vreinterpretq_f32_f64, vreinterpretq_f64_f32,
    vst1q_f32, vsubq_f32, vtrn1q_f32, vtrn2q_f32, vuzp1q_f32, vuzp2q_f32, vzip1q_f32, vzip1q_f64, vzip2q_f32,
    vzip2q_f64,
};

use super::Vector;

#[derive(Clone, Copy)]
pub(crate) struct Neon(float32x4_t);

// SAFETY: the instructions used are of NEON.
unsafe impl Vector for Neon {
    const LANES: usize = 4;
    const REGISTERS: usize = 32;
    type Half = Self;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: as the trait asks of the caller.
        Self(unsafe { vdupq_n_f32(value) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: as the trait asks of the caller.
        Self(unsafe { vld1q_f32(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as the trait asks of the caller.
        unsafe { vst1q_f32(to, self.0) }
    }

    #[inline(always)]
    unsafe fn multiply_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: as the trait asks of the caller.
        Self(unsafe { vfmaq_f32(addend.0, self.0, factor.0) })
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: as the trait asks of the caller.
        Self(unsafe { vaddq_f32(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn subtract(self, other: Self) -> Self {
        // SAFETY: as the trait asks of the caller.
        Self(unsafe { vsubq_f32(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn unzip(self, other: Self) -> [Self; 2] {
        // SAFETY: as the trait asks of the caller.
        unsafe { [Self(vuzp1q_f32(self.0, other.0)), Self(vuzp2q_f32(self.0, other.0))] }
    }

    #[inline(always)]
    unsafe fn zip(self, other: Self) -> [Self; 2] {
        // SAFETY: as the trait asks of the caller.
        unsafe { [Self(vzip1q_f32(self.0, other.0)), Self(vzip2q_f32(self.0, other.0))] }
    }

    #[inline(always)]
    unsafe fn transpose(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
        // SAFETY: as the trait asks of the caller.
        unsafe {
            let row = |index: usize| vld1q_f32(from.add(index * from_stride));
            let rows = [row(0), row(1), row(2), row(3)];
            // Squares of two: columns 0 and 2, then 1 and 3, of two rows each.
            let pairs = [
                vtrn1q_f32(rows[0], rows[1]),
                vtrn2q_f32(rows[0], rows[1]),
                vtrn1q_f32(rows[2], rows[3]),
                vtrn2q_f32(rows[2], rows[3]),
            ]
            .map(|pair| vreinterpretq_f64_f32(pair));
            let columns = [
                vzip1q_f64(pairs[0], pairs[2]),
                vzip1q_f64(pairs[1], pairs[3]),
                vzip2q_f64(pairs[0], pairs[2]),
                vzip2q_f64(pairs[1], pairs[3]),
            ];
            for (index, column) in columns.into_iter().enumerate() {
                vst1q_f32(to.add(index * to_stride), vreinterpretq_f32_f64(column));
            }
        }
    }
}

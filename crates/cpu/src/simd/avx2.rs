//! AVX2 with FMA: 16 registers of eight lanes.

use std::arch::x86_64::{__m256, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_storeu_ps};

use super::Vector;

#[derive(Clone, Copy)]
pub(crate) struct Avx2(__m256);

// SAFETY: the instructions used are of AVX and FMA.
unsafe impl Vector for Avx2 {
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: as the trait asks of the caller.
        Self(unsafe { _mm256_set1_ps(value) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: as the trait asks of the caller.
        Self(unsafe { _mm256_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as the trait asks of the caller.
        unsafe { _mm256_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn multiply_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: as the trait asks of the caller.
        Self(unsafe { _mm256_fmadd_ps(self.0, factor.0, addend.0) })
    }
}

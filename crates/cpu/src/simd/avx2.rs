//! AVX2 with FMA: 16 registers of eight lanes.

use std::arch::x86_64::{
    __m256, _mm256_add_ps, _mm256_castpd_ps, _mm256_castps_pd, _mm256_fmadd_ps, _mm256_loadu_ps,
    _mm256_permute2f128_ps, _mm256_permute4x64_pd, _mm256_set1_ps, _mm256_shuffle_ps, _mm256_storeu_ps,
    _mm256_sub_ps, _mm256_unpackhi_pd, _mm256_unpackhi_ps, _mm256_unpacklo_pd, _mm256_unpacklo_ps,
};

use super::Vector;

#[derive(Clone, Copy)]
pub(crate) struct Avx2(__m256);

// SAFETY: the instructions used are of AVX2 and FMA.
unsafe impl Vector for Avx2 {
    const LANES: usize = 8;
    const REGISTERS: usize = 16;
    type Half = Self;

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

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: as the trait asks of the caller.
        Self(unsafe { _mm256_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn subtract(self, other: Self) -> Self {
        // SAFETY: as the trait asks of the caller.
        Self(unsafe { _mm256_sub_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn unzip(self, other: Self) -> [Self; 2] {
        // SAFETY: as the trait asks of the caller.
        unsafe {
            // Each half register by itself, then pairs in order.
            let even = _mm256_castps_pd(_mm256_shuffle_ps::<0x88>(self.0, other.0));
            let odd = _mm256_castps_pd(_mm256_shuffle_ps::<0xdd>(self.0, other.0));
            [even, odd].map(|pairs| Self(_mm256_castpd_ps(_mm256_permute4x64_pd::<0xd8>(pairs))))
        }
    }

    #[inline(always)]
    unsafe fn zip(self, other: Self) -> [Self; 2] {
        // SAFETY: as the trait asks of the caller.
        unsafe {
            let low = _mm256_unpacklo_ps(self.0, other.0);
            let high = _mm256_unpackhi_ps(self.0, other.0);
            [Self(_mm256_permute2f128_ps::<0x20>(low, high)), Self(_mm256_permute2f128_ps::<0x31>(low, high))]
        }
    }

    #[inline(always)]
    unsafe fn transpose(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
        // SAFETY: as the trait asks of the caller.
        unsafe {
            let mut rows = [_mm256_set1_ps(0.0); 8];
            for (index, row) in rows.iter_mut().enumerate() {
                *row = _mm256_loadu_ps(from.add(index * from_stride));
            }
            // Squares of two within each half of a register, then of four.
            let mut pairs = rows;
            for row in (0..8).step_by(2) {
                pairs[row] = _mm256_unpacklo_ps(rows[row], rows[row + 1]);
                pairs[row + 1] = _mm256_unpackhi_ps(rows[row], rows[row + 1]);
            }
            let mut fours = pairs;
            for row in (0..8).step_by(4) {
                for half in 0..2 {
                    let (first, second) =
                        (_mm256_castps_pd(pairs[row + half]), _mm256_castps_pd(pairs[row + half + 2]));
                    fours[row + 2 * half] = _mm256_castpd_ps(_mm256_unpacklo_pd(first, second));
                    fours[row + 2 * half + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(first, second));
                }
            }
            // Register 4 r + c holds rows 4 r to 4 r + 3 of columns c and c + 4.
            for column in 0..4 {
                let (low, high) = (fours[column], fours[4 + column]);
                _mm256_storeu_ps(to.add(column * to_stride), _mm256_permute2f128_ps::<0x20>(low, high));
                _mm256_storeu_ps(to.add((4 + column) * to_stride), _mm256_permute2f128_ps::<0x31>(low, high));
            }
        }
    }
}

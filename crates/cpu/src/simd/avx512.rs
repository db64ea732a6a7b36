//! AVX-512: 32 registers of sixteen lanes.

use std::arch::x86_64::{
    __m512, __m512i, _mm512_add_ps, _mm512_castpd_ps, _mm512_castps_pd, _mm512_fmadd_ps, _mm512_loadu_epi32,
    _mm512_loadu_ps, _mm512_permutex2var_ps, _mm512_set1_ps, _mm512_shuffle_f32x4, _mm512_storeu_ps,
    _mm512_sub_ps, _mm512_unpackhi_pd, _mm512_unpackhi_ps, _mm512_unpacklo_pd, _mm512_unpacklo_ps,
};

use super::{Avx2, Vector};

// Lanes of two registers, those of the second from 16 on.
const EVEN: [i32; 16] = [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30];
const ODD: [i32; 16] = [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31];
const LOW: [i32; 16] = [0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23];
const HIGH: [i32; 16] = [8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31];

/// The lanes `chosen` of two registers.
///
/// # Safety
///
/// The processor has AVX-512F.
#[inline(always)]
unsafe fn choose(first: __m512, second: __m512, chosen: &[i32; 16]) -> __m512 {
    // SAFETY: as asked of the caller; sixteen lanes are read.
    unsafe {
        let chosen: __m512i = _mm512_loadu_epi32(chosen.as_ptr());
        _mm512_permutex2var_ps(first, chosen, second)
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Avx512(__m512);

// SAFETY: the instructions used are of AVX-512F.
unsafe impl Vector for Avx512 {
    const LANES: usize = 16;
    const REGISTERS: usize = 32;
    type Half = Avx2;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: as the trait asks of the caller.
        Self(unsafe { _mm512_set1_ps(value) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: as the trait asks of the caller.
        Self(unsafe { _mm512_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as the trait asks of the caller.
        unsafe { _mm512_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn multiply_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: as the trait asks of the caller.
        Self(unsafe { _mm512_fmadd_ps(self.0, factor.0, addend.0) })
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: as the trait asks of the caller.
        Self(unsafe { _mm512_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn subtract(self, other: Self) -> Self {
        // SAFETY: as the trait asks of the caller.
        Self(unsafe { _mm512_sub_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn unzip(self, other: Self) -> [Self; 2] {
        // SAFETY: as the trait asks of the caller.
        unsafe { [Self(choose(self.0, other.0, &EVEN)), Self(choose(self.0, other.0, &ODD))] }
    }

    #[inline(always)]
    unsafe fn zip(self, other: Self) -> [Self; 2] {
        // SAFETY: as the trait asks of the caller.
        unsafe { [Self(choose(self.0, other.0, &LOW)), Self(choose(self.0, other.0, &HIGH))] }
    }

    #[inline(always)]
    unsafe fn transpose(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
        // SAFETY: as the trait asks of the caller.
        unsafe {
            let mut rows = [_mm512_set1_ps(0.0); 16];
            for (index, row) in rows.iter_mut().enumerate() {
                *row = _mm512_loadu_ps(from.add(index * from_stride));
            }
            // Squares of two within each quarter of a register, then of four.
            let mut pairs = rows;
            for row in (0..16).step_by(2) {
                pairs[row] = _mm512_unpacklo_ps(rows[row], rows[row + 1]);
                pairs[row + 1] = _mm512_unpackhi_ps(rows[row], rows[row + 1]);
            }
            let mut fours = pairs;
            for row in (0..16).step_by(4) {
                for half in 0..2 {
                    let (first, second) =
                        (_mm512_castps_pd(pairs[row + half]), _mm512_castps_pd(pairs[row + half + 2]));
                    fours[row + 2 * half] = _mm512_castpd_ps(_mm512_unpacklo_pd(first, second));
                    fours[row + 2 * half + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(first, second));
                }
            }
            // Register 4 r + c holds rows 4 r to 4 r + 3 of columns c, c + 4, c + 8 and c + 12.
            for column in 0..4 {
                let quarter = |row: usize| fours[4 * row + column];
                let even_low = _mm512_shuffle_f32x4::<0x88>(quarter(0), quarter(1));
                let odd_low = _mm512_shuffle_f32x4::<0xdd>(quarter(0), quarter(1));
                let even_high = _mm512_shuffle_f32x4::<0x88>(quarter(2), quarter(3));
                let odd_high = _mm512_shuffle_f32x4::<0xdd>(quarter(2), quarter(3));
                let columns = [
                    _mm512_shuffle_f32x4::<0x88>(even_low, even_high),
                    _mm512_shuffle_f32x4::<0x88>(odd_low, odd_high),
                    _mm512_shuffle_f32x4::<0xdd>(even_low, even_high),
                    _mm512_shuffle_f32x4::<0xdd>(odd_low, odd_high),
                ];
                for (index, values) in columns.into_iter().enumerate() {
                    _mm512_storeu_ps(to.add((4 * index + column) * to_stride), values);
                }
            }
        }
    }
}

//! Luma: PIL's conversion from RGB to L, ITU-R 601 weights in 16-bit fixed point.

#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;

use super::level::Level;
use super::planes::split_mut;

/// The luma of one pixel.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the weights sum to 2^16: a mean of bytes is a byte")]
pub(super) fn luma(r: u8, g: u8, b: u8) -> u8 {
    ((19595 * u32::from(r) + 38470 * u32::from(g) + 7471 * u32::from(b) + 0x8000) >> 16) as u8
}

/// Replaces the three planes by their luma.
#[inline(always)]
pub(super) fn to_gray<L: Level>(planes: &mut [u8]) {
    let (red, green, blue) = split_mut(planes);
    #[cfg(target_arch = "x86_64")]
    if L::AVX512 {
        // SAFETY: `L` says that the caller enables AVX-512.
        unsafe { avx512::to_gray(red, green, blue) };
        return;
    }
    for ((r, g), b) in red.iter_mut().zip(green).zip(blue) {
        let gray = luma(*r, *g, *b);
        (*r, *g, *b) = (gray, gray, gray);
    }
}

/// The sum of the lumas of all pixels.
#[inline(always)]
pub(super) fn luma_sum<L: Level>(red: &[u8], green: &[u8], blue: &[u8]) -> u64 {
    #[cfg(target_arch = "x86_64")]
    if L::AVX512 {
        // SAFETY: `L` says that the caller enables AVX-512.
        return unsafe { avx512::luma_sum(red, green, blue) };
    }
    let mut sum = 0;
    // Blocks whose sum fits 32 bits keep the vectors narrow.
    for ((red, green), blue) in red.chunks(4096).zip(green.chunks(4096)).zip(blue.chunks(4096)) {
        let mut block = 0_u32;
        for ((r, g), b) in red.iter().zip(green).zip(blue) {
            block += u32::from(luma(*r, *g, *b));
        }
        sum += u64::from(block);
    }
    sum
}

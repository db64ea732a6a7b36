//! Luma: PIL's conversion from RGB to L, ITU-R 601 weights in 16-bit fixed point.

use super::planes::split_mut;

/// The luma of one pixel.
#[inline(always)]
pub(super) fn luma(r: u8, g: u8, b: u8) -> u8 {
    ((19595 * u32::from(r) + 38470 * u32::from(g) + 7471 * u32::from(b) + 0x8000) >> 16) as u8
}

/// Replaces the three planes by their luma.
#[inline(always)]
pub(super) fn to_gray(planes: &mut [u8]) {
    let (red, green, blue) = split_mut(planes);
    for ((r, g), b) in red.iter_mut().zip(green).zip(blue) {
        let gray = luma(*r, *g, *b);
        (*r, *g, *b) = (gray, gray, gray);
    }
}

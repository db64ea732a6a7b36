//! Brightness, contrast and saturation: PIL's `Image.blend` of the view with a degenerate image.

use super::grayscale::luma;
use super::planes::{split, split_mut};

/// `d + alpha * (x - d)` in f32, kept in `[0, 255]` and truncated.
///
/// The multiplication and the addition round separately: a fused multiply-add gives other bytes.
#[inline(always)]
#[expect(clippy::manual_clamp, reason = "`clamp` keeps a NaN, which the conversion below must not see")]
fn blend(degenerate: u8, x: u8, alpha: f32) -> u8 {
    let d = f32::from(degenerate);
    let mixed = (d + alpha * (f32::from(x) - d)).max(0.0).min(255.0);
    // SAFETY: `max` and `min` leave a number in [0, 255], even of a NaN. (`as` checks again, lane by lane.)
    let byte = unsafe { mixed.to_int_unchecked::<i32>() };
    byte as u8
}

/// Blends with black.
#[inline(always)]
pub(super) fn brightness(planes: &mut [u8], factor: f32) {
    for x in planes {
        *x = blend(0, *x, factor);
    }
}

/// Blends with the mean luma of the view, `int(mean + 0.5)` in f64.
#[inline(always)]
pub(super) fn contrast(planes: &mut [u8], factor: f32) {
    let (red, green, blue) = split(planes);
    let mut sum = 0;
    // Blocks whose sum fits 32 bits keep the vectors narrow.
    for ((red, green), blue) in red.chunks(4096).zip(green.chunks(4096)).zip(blue.chunks(4096)) {
        let mut block = 0_u32;
        for ((r, g), b) in red.iter().zip(green).zip(blue) {
            block += u32::from(luma(*r, *g, *b));
        }
        sum += u64::from(block);
    }
    let mean = (sum as f64 / red.len() as f64 + 0.5) as u8;
    for x in planes {
        *x = blend(mean, *x, factor);
    }
}

/// Blends each pixel with its luma.
#[inline(always)]
pub(super) fn saturation(planes: &mut [u8], factor: f32) {
    let (red, green, blue) = split_mut(planes);
    for ((r, g), b) in red.iter_mut().zip(green).zip(blue) {
        let gray = luma(*r, *g, *b);
        (*r, *g, *b) = (blend(gray, *r, factor), blend(gray, *g, factor), blend(gray, *b, factor));
    }
}

//! Brightness, contrast and saturation: PIL's `Image.blend` of the view with a degenerate image.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "every value is in the range of a byte where it becomes one"
)]

#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;

use super::grayscale::{luma, luma_sum};
use super::level::Level;
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

/// Blends every byte with one.
#[inline(always)]
fn constant<L: Level>(planes: &mut [u8], degenerate: u8, factor: f32) {
    #[cfg(target_arch = "x86_64")]
    if L::AVX512 {
        // SAFETY: `L` says that the caller enables AVX-512.
        unsafe { avx512::map(planes, &table(degenerate, factor)) };
        return;
    }
    #[cfg(target_arch = "aarch64")]
    if L::NEON {
        // SAFETY: `L` says that the caller enables NEON.
        unsafe { neon::map(planes, &table(degenerate, factor)) };
        return;
    }
    for x in planes {
        *x = blend(degenerate, *x, factor);
    }
}

/// What every byte becomes.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[inline(always)]
fn table(degenerate: u8, factor: f32) -> [u8; 256] {
    let mut table = [0; 256];
    for (x, out) in table.iter_mut().enumerate() {
        *out = blend(degenerate, x as u8, factor);
    }
    table
}

/// Blends with black.
#[inline(always)]
pub(super) fn brightness<L: Level>(planes: &mut [u8], factor: f32) {
    constant::<L>(planes, 0, factor);
}

/// Blends with the mean luma of the view, `int(mean + 0.5)` in f64.
#[inline(always)]
pub(super) fn contrast<L: Level>(planes: &mut [u8], factor: f32) {
    let (red, green, blue) = split(planes);
    let mean = (luma_sum::<L>(red, green, blue) as f64 / red.len() as f64 + 0.5) as u8;
    constant::<L>(planes, mean, factor);
}

/// Blends each pixel with its luma.
#[inline(always)]
pub(super) fn saturation<L: Level>(planes: &mut [u8], factor: f32) {
    let (red, green, blue) = split_mut(planes);
    #[cfg(target_arch = "x86_64")]
    if L::AVX512
        && let Some(steps) = steps(factor)
    {
        // SAFETY: `L` says that the caller enables AVX-512.
        unsafe { avx512::saturation(red, green, blue, &steps) };
        return;
    }
    #[cfg(target_arch = "aarch64")]
    if L::NEON
        && let Some(steps) = steps(factor)
    {
        // SAFETY: `L` says that the caller enables NEON.
        unsafe { neon::saturation(red, green, blue, &steps) };
        return;
    }
    for ((r, g), b) in red.iter_mut().zip(green).zip(blue) {
        let gray = luma(*r, *g, *b);
        (*r, *g, *b) = (blend(gray, *r, factor), blend(gray, *g, factor), blend(gray, *b, factor));
    }
}

/// The whole part of `factor` times each distance, up to 255, if a blend is that far from `d` whatever `d` is: upwards
/// `steps[x - d]`, downwards one more. So it is unless a product is (nearly) a whole number, where the rounding of
/// `d + alpha * (x - d)` to f32, by at most 2^-17 below 256, decides.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[inline(always)]
fn steps(factor: f32) -> Option<[u8; 256]> {
    const MARGIN: f32 = 1.0 / (1 << 15) as f32;
    // Where the product is above 2^15, so that its whole part might not fit the types below, nothing is gained.
    if factor > 128.0 {
        return None;
    }
    let (mut steps, mut doubtful) = ([0_u8; 256], 0);
    for (distance, step) in steps.iter_mut().enumerate() {
        let product = factor * distance as f32;
        let whole = product as i32;
        let rest = product - whole as f32;
        doubtful += i32::from(!(MARGIN..1.0 - MARGIN).contains(&rest));
        *step = whole.min(255) as u8;
    }
    // The distance 0 is always doubtful, and always moves nothing.
    (doubtful == 1).then_some(steps)
}

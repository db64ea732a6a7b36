//! The hue shift of 16 pixels at once, in bytes where bytes are enough and in f32 where they are not.
//!
//! The arithmetic is not PIL's but gives its bytes; tests compare all 2^24 colours, and all 2^24 triples of hue,
//! saturation and value. These facts shorten it:
//! - of a pixel's three distances to its maximum one is 0 and one is 1, so the hue is a whole number plus or
//!   minus the third;
//! - 255 times an f32 is a whole number only for 0 and 1, and the sign of an exact remainder (by a fused multiply-add)
//!   tells on which side of a whole number the product lies;
//! - backwards, a colour has the value, `value (1 - s)` and one mixture between them, `value (1 - s m)`, where `m` is the
//!   distance in sextants from the sextant's full end: multiples of 1 / 255 and 1 / 21675, never halves, and far enough
//!   from them for f32.

use std::arch::aarch64::*;

use crate::augment::neon::{BYTES, load, narrow, store, widen, widen_words};

/// Shifts the hue of every pixel.
#[target_feature(enable = "neon")]
pub(super) fn shift(red: &mut [u8], green: &mut [u8], blue: &mut [u8], offset: u8) {
    let offset = vdupq_n_u8(offset);
    for ((r, g), b) in red.chunks_mut(BYTES).zip(green.chunks_mut(BYTES)).zip(blue.chunks_mut(BYTES)) {
        let [h, s, v] = to_hsv([load(r), load(g), load(b)]);
        let rgb = to_rgb([vaddq_u8(h, offset), s, v]);
        for (plane, bytes) in [r, g, b].into_iter().zip(rgb) {
            store(plane, bytes);
        }
    }
}

/// Bytes of red, green and blue to bytes of hue, saturation and value.
#[inline]
#[target_feature(enable = "neon")]
fn to_hsv([r, g, b]: [uint8x16_t; 3]) -> [uint8x16_t; 3] {
    let one = vdupq_n_u8(1);
    let (higher, lower) = (vmaxq_u8(r, g), vminq_u8(r, g));
    let (high, low) = (vmaxq_u8(higher, b), vminq_u8(lower, b));
    let middle = vmaxq_u8(lower, vminq_u8(higher, b));
    let chroma = vsubq_u8(high, low);

    // Red highest: 1 - d where blue is lowest, else -1 + d. Green highest: 1 + d where blue is lowest, else 3 - d. Blue
    // highest: 3 + d where red is lowest, else 5 - d.
    let (red_high, green_high) = (vceqq_u8(r, high), vceqq_u8(g, high));
    let (blue_low, red_low) = (vceqq_u8(b, low), vceqq_u8(r, low));
    let number = |value: i8| vreinterpretq_u8_s8(vdupq_n_s8(value));
    let base = vbslq_u8(red_low, number(3), number(5));
    let base = vbslq_u8(green_high, vbslq_u8(blue_low, number(1), number(3)), base);
    let base = vreinterpretq_s8_u8(vbslq_u8(red_high, vbslq_u8(blue_low, number(1), number(-1)), base));
    let negative = vbslq_u8(green_high, vmvnq_u8(blue_low), vmvnq_u8(red_low));
    let negative = vreinterpretq_s8_u8(vbslq_u8(red_high, blue_low, negative));

    // The distance, with its sign, times the chroma.
    let distance = vsubq_u8(high, middle);
    let signed = |distance: uint16x8_t, negative: int16x8_t| {
        vsubq_s16(veorq_s16(vreinterpretq_s16_u16(distance), negative), negative)
    };
    let part_low = signed(vmovl_u8(vget_low_u8(distance)), vmovl_s8(vget_low_s8(negative)));
    let part_high = signed(vmovl_high_u8(distance), vmovl_high_s8(negative));
    let parts = widen_signed([part_low, part_high]);
    let bases = widen_signed([vmovl_s8(vget_low_s8(base)), vmovl_high_s8(base)]);

    let (chromas, divisors) = (widen(chroma), widen(vmaxq_u8(chroma, one)));
    let maxima = widen(vmaxq_u8(high, one));
    let (mut hue, mut saturation) = ([vdupq_n_u32(0); 4], [vdupq_n_u32(0); 4]);
    for i in 0..4 {
        let distance = vdivq_f32(vcvtq_f32_s32(parts[i]), vcvtq_f32_u32(divisors[i]));
        hue[i] = times_255(turn(vaddq_f32(vcvtq_f32_s32(bases[i]), distance)));
        saturation[i] = times_255(vdivq_f32(vcvtq_f32_u32(chromas[i]), vcvtq_f32_u32(maxima[i])));
    }
    [narrow(hue), narrow(saturation), high]
}

#[inline]
#[target_feature(enable = "neon")]
fn widen_signed([low, high]: [int16x8_t; 2]) -> [int32x4_t; 4] {
    [vmovl_s16(vget_low_s16(low)), vmovl_high_s16(low), vmovl_s16(vget_low_s16(high)), vmovl_high_s16(high)]
}

/// Sextants in [-1, 5] to turns, `fmod(x / 6 + 1, 1)` rounded to f32.
#[inline]
#[target_feature(enable = "neon")]
fn turn(sextant: float32x4_t) -> float32x4_t {
    let sixth = vdupq_n_f32(1.0 / 6.0);
    let quotient = vmulq_f32(sextant, sixth);
    let remainder = vfmsq_f32(sextant, quotient, vdupq_n_f32(6.0));
    let quotient = vfmaq_f32(quotient, remainder, sixth);
    let wrapped = vfmaq_f32(vdupq_n_f32(1.0), sextant, sixth);
    vbslq_f32(vcltzq_f32(sextant), wrapped, quotient)
}

/// `trunc(255 x)` for `x` in `[0, 1]`, as if the product were exact; only the lowest byte of a lane counts.
#[inline]
#[target_feature(enable = "neon")]
fn times_255(x: float32x4_t) -> uint32x4_t {
    let scale = vdupq_n_f32(255.0);
    // The nearest whole number, in the low bits of a float that has no fraction.
    let magic = vdupq_n_f32(8_388_608.0);
    let shifted = vfmaq_f32(magic, x, scale);
    let excess = vfmsq_f32(vsubq_f32(shifted, magic), x, scale);
    // One less where the product lies below it; a mask is -1.
    vaddq_u32(vreinterpretq_u32_f32(shifted), vcgtzq_f32(excess))
}

/// Bytes of hue, saturation and value to bytes of red, green and blue.
#[inline]
#[target_feature(enable = "neon")]
fn to_rgb([h, s, v]: [uint8x16_t; 3]) -> [uint8x16_t; 3] {
    // Six sextants are 255: 2 h = 85 sextant + rest. 193 / 8192 is just above 2 / 85. Hue 255 is sextant 6, where the
    // first begins again.
    let factor = vdupq_n_u8(193);
    let low = vshrq_n_u16::<13>(vmull_u8(vget_low_u8(h), vget_low_u8(factor)));
    let high = vshrq_n_u16::<13>(vmull_high_u8(h, factor));
    let sextant = vuzp1q_u8(vreinterpretq_u8_u16(low), vreinterpretq_u8_u16(high));
    let end = vdupq_n_u8(85);
    let rest = vmlsq_u8(vaddq_u8(h, h), sextant, end);
    // How far, in sextants of 85, the colour is from the end of its sextant where the mixture is the value itself.
    let odd = vtstq_u8(sextant, vdupq_n_u8(1));
    let part = vbslq_u8(odd, rest, vsubq_u8(end, rest));

    let products = widen_words([vmull_u8(vget_low_u8(v), vget_low_u8(s)), vmull_high_u8(v, s)]);
    let (values, parts) = (widen(v), widen(part));
    let (mut mixed, mut lowest) = ([vdupq_n_u32(0); 4], [vdupq_n_u32(0); 4]);
    for i in 0..4 {
        // Plus a half: truncation then rounds.
        let start = vaddq_f32(vcvtq_f32_u32(values[i]), vdupq_n_f32(0.5));
        let product = vcvtq_f32_u32(products[i]);
        let slope = vmulq_f32(product, vdupq_n_f32(1.0 / 21675.0));
        mixed[i] = vcvtq_u32_f32(vfmsq_f32(start, slope, vcvtq_f32_u32(parts[i])));
        lowest[i] = vcvtq_u32_f32(vfmsq_f32(start, product, vdupq_n_f32(1.0 / 255.0)));
    }

    // By its sextant, a pixel takes one of the three for each channel.
    const V: u8 = 0;
    const M: u8 = 16;
    const L: u8 = 32;
    const CHOICES: [[u8; BYTES]; 3] = [
        [V, M, L, L, M, V, V, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [M, V, V, M, L, L, M, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [L, L, M, V, V, M, L, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ];
    const PIXELS: [u8; BYTES] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    let (candidates, pixel) = (uint8x16x3_t(v, narrow(mixed), narrow(lowest)), load(&PIXELS));
    let channel =
        |choices: &[u8; BYTES]| vqtbl3q_u8(candidates, vaddq_u8(vqtbl1q_u8(load(choices), sextant), pixel));
    [channel(&CHOICES[0]), channel(&CHOICES[1]), channel(&CHOICES[2])]
}

#[cfg(test)]
mod tests {
    use super::super::portable;
    use super::*;

    #[target_feature(enable = "neon")]
    fn compare(h: u8, s: u8, values: [u8; BYTES]) {
        let found = to_rgb([vdupq_n_u8(h), vdupq_n_u8(s), load(&values)]);
        let mut bytes = [[0; BYTES]; 3];
        for (bytes, found) in bytes.iter_mut().zip(found) {
            store(bytes, found);
        }
        for (lane, v) in values.into_iter().enumerate() {
            assert_eq!(bytes.map(|channel| channel[lane]), portable::to_rgb([h, s, v]), "{h}, {s}, {v}");
        }
    }

    #[test]
    fn every_hsv_triple_becomes_pils_color() {
        if !std::arch::is_aarch64_feature_detected!("neon") {
            // Only the portable path runs on this processor.
            return;
        }
        for h in 0..=255_u8 {
            for s in 0..=255_u8 {
                for first in (0..=255_u8).step_by(BYTES) {
                    // SAFETY: the processor has NEON, as was tested above.
                    unsafe { compare(h, s, std::array::from_fn(|lane| first + lane as u8)) };
                }
            }
        }
    }
}

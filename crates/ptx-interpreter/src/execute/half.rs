//! Numbers of 16 bits: IEEE's half precision and bfloat16, to and from single precision.

use crate::types::Rounding;

/// Half precision, which single precision holds exactly.
#[inline(always)]
pub(super) fn from_half(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let magnitude = u32::from(half & 0x7fff);
    // With the exponent's bias taken for that of single precision; the product corrects it, and makes normal numbers of subnormal ones.
    let scaled = f32::from_bits(magnitude << 13) * f32::from_bits(0x7780_0000);
    let bits = if magnitude >= 0x7c00 { magnitude << 13 | 0x7f80_0000 } else { scaled.to_bits() };
    f32::from_bits(sign | bits)
}

#[inline(always)]
pub(super) fn from_brain(brain: u16) -> f32 {
    f32::from_bits(u32::from(brain) << 16)
}

/// To the nearest half precision, ties to even.
#[inline(always)]
pub(super) fn to_half(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = (bits >> 16) as u16 & 0x8000;
    let magnitude = bits & 0x7fff_ffff;
    // Normal numbers: the bias is changed, and what is cut off rounds up by a carry, perhaps to infinity.
    let odd = magnitude >> 13 & 1;
    let normal = magnitude.wrapping_sub(112 << 23).wrapping_add(0xfff + odd) >> 13;
    // Subnormal ones: a sum with a number whose last bit is worth their last bit.
    let subnormal = (f32::from_bits(magnitude) + 0.5).to_bits().wrapping_sub(0.5f32.to_bits());
    let mut half = if magnitude < 113 << 23 { subnormal } else { normal.min(0x7c00) };
    if magnitude >= 0x477f_f000 {
        half = 0x7c00;
    }
    if magnitude > 0x7f80_0000 {
        return 0x7fff;
    }
    sign | half as u16
}

/// To the nearest bfloat16, ties to even.
#[inline(always)]
pub(super) fn to_brain(value: f32) -> u16 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
    if value.is_nan() { 0x7fff } else { rounded as u16 }
}

/// A single of which the number with `dropped` fewer bits is the one that the rounding leads to, by bits of singles. For formats with
/// the exponents of singles.
#[inline(always)]
pub(super) fn round_bits(bits: u32, dropped: u32, rounding: Rounding) -> u32 {
    let rest = (1 << dropped) - 1;
    let is_negative = bits >> 31 != 0;
    let up = match rounding {
        Rounding::NearestEven => (rest >> 1) + (bits >> dropped & 1),
        Rounding::NearestAway => (rest >> 1) + 1,
        Rounding::TowardsZero => 0,
        Rounding::Down => {
            if is_negative {
                rest
            } else {
                0
            }
        }
        Rounding::Up => {
            if is_negative {
                0
            } else {
                rest
            }
        }
    };
    if bits & 0x7fff_ffff >= 0x7f80_0000 {
        return bits;
    }
    bits.wrapping_add(up) & !rest
}

/// To half precision by any rounding.
pub(super) fn to_half_by(value: f32, rounding: Rounding) -> u16 {
    let nearest = to_half(value);
    let back = from_half(nearest);
    if value.is_nan() || back == value {
        return nearest;
    }
    let is_beyond = back.abs() > value.abs();
    let towards_zero = if is_beyond { nearest - 1 } else { nearest };
    let away = if is_beyond { nearest } else { nearest + 1 };
    match rounding {
        Rounding::NearestEven | Rounding::NearestAway => nearest,
        Rounding::TowardsZero => towards_zero,
        Rounding::Down => {
            if value < 0.0 {
                away
            } else {
                towards_zero
            }
        }
        Rounding::Up => {
            if value < 0.0 {
                towards_zero
            } else {
                away
            }
        }
    }
}

/// To bfloat16 by any rounding.
#[inline(always)]
pub(super) fn to_brain_by(value: f32, rounding: Rounding) -> u16 {
    if value.is_nan() {
        return 0x7fff;
    }
    (round_bits(value.to_bits(), 16, rounding) >> 16) as u16
}

/// `a * b + c` of numbers of 16 bits, as a single that rounds to them as the exact sum does: where bits of it are lost, the last one kept
/// is made odd, so that it lies on the right side of every tie.
pub(super) fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
    // The product of two such numbers is exact in double precision.
    let (product, c) = (f64::from(a) * f64::from(b), f64::from(c));
    to_single_odd(product, c)
}

/// `first + second` rounded to odd, in singles.
pub(super) fn to_single_odd(first: f64, second: f64) -> f32 {
    let sum = first + second;
    if !sum.is_finite() {
        return sum as f32;
    }
    // What the sum lost, exactly.
    let part = sum - first;
    let lost = (first - (sum - part)) + (second - part);
    let single = sum as f32;
    let difference = sum - f64::from(single);
    if (difference == 0.0 && lost == 0.0) || single.is_infinite() {
        return single;
    }
    let above = if difference == 0.0 { lost > 0.0 } else { difference > 0.0 };
    if single.to_bits() & 1 == 1 {
        return single;
    }
    // Even: the odd neighbour on the side where the exact sum is.
    if above { single.next_up() } else { single.next_down() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_comes_back() {
        for half in 0..=u16::MAX {
            let single = from_half(half);
            if half & 0x7fff > 0x7c00 {
                assert!(single.is_nan() && to_half(single) == 0x7fff);
            } else {
                assert_eq!(to_half(single), half, "{half:#x}");
            }
        }
        assert_eq!(from_half(0x3c00), 1.0);
        assert_eq!(from_half(0x0001), 2f32.powi(-24));
        assert_eq!(from_half(0xfbff), -65504.0);
    }

    #[test]
    fn ties_go_to_even_and_large_numbers_to_infinity() {
        // Between two neighbours each, all of them: the middle, and just off it.
        for half in 0..0x7bffu16 {
            let (low, high) = (from_half(half), from_half(half + 1));
            let middle = (low + high) / 2.0;
            assert_eq!(to_half(middle), half + (half & 1));
            assert_eq!(to_half(middle.next_down()), half);
            assert_eq!(to_half(middle.next_up()), half + 1);
            assert_eq!(to_half(-middle.next_up()), 0x8000 | (half + 1));
            assert_eq!(to_half_by(middle, Rounding::TowardsZero), half);
            assert_eq!(to_half_by(-middle, Rounding::Up), 0x8000 | half);
            assert_eq!(to_half_by(middle, Rounding::Up), half + 1);
        }
        assert_eq!(to_half(65519.996), 0x7bff);
        assert_eq!(to_half(65520.0), 0x7c00);
        assert_eq!(to_half(f32::MAX), 0x7c00);
    }

    #[test]
    fn bfloat_rounds_to_even() {
        assert_eq!(to_brain(f32::from_bits(0x3f80_8000)), 0x3f80);
        assert_eq!(to_brain(f32::from_bits(0x3f81_8000)), 0x3f82);
        assert_eq!(to_brain(f32::from_bits(0x3f80_8001)), 0x3f81);
        assert_eq!(to_brain(f32::MAX), 0x7f80);
        assert_eq!(to_brain(f32::NAN), 0x7fff);
        assert_eq!(to_brain_by(f32::from_bits(0x3f80_8001), Rounding::TowardsZero), 0x3f80);
        assert_eq!(to_brain_by(f32::from_bits(0xbf80_0001), Rounding::Down), 0xbf81);
    }

    #[test]
    fn a_fused_sum_rounds_once() {
        // 1 + 2^-8 is a tie of bfloat16; the tiny rest decides, which a sum in double precision loses.
        let (a, b) = (f32::from_bits(0x3f81_0000), f32::from_bits(0x3f80_0000));
        assert_eq!(to_brain(multiply_add(a, b, 0.0)), 0x3f81);
        let tie = (1.0 + 2f32.powi(-4)) * (1.0 + 2f32.powi(-4));
        let exact = multiply_add(1.0 + 2f32.powi(-4), 1.0 + 2f32.powi(-4), 2f32.powi(-80));
        assert_eq!(tie, 289.0 / 256.0);
        assert_eq!(to_brain(tie), 0x3f90);
        assert_eq!(to_brain(exact), 0x3f91);
        let below = multiply_add(1.0 + 2f32.powi(-4), 1.0 + 2f32.powi(-4), -(2f32.powi(-80)));
        assert_eq!(to_brain(below), 0x3f90);
    }
}

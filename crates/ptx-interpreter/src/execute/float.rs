//! Arithmetic of floating point.

use super::half;
use crate::instruction::{FloatBinary, FloatType, FloatUnary, Row};
use crate::registers::{Mask, RegisterFile, map, map_three, map_two};
use crate::types::{FloatMode, Rounding};

/// The NaN that a card gives.
const NAN: f32 = f32::from_bits(0x7fff_ffff);

#[inline(always)]
pub(super) fn flush(value: f32) -> f32 {
    if value.is_subnormal() { 0f32.copysign(value) } else { value }
}

#[inline(always)]
fn before(value: f32, mode: FloatMode) -> f32 {
    if mode.flush { flush(value) } else { value }
}

#[inline(always)]
fn after(mut value: f32, mode: FloatMode) -> f32 {
    if mode.flush {
        value = flush(value);
    }
    if mode.saturate {
        // Zero is that without a sign, also of -0 and of NaN.
        value = if value > 0.0 { value.min(1.0) } else { 0.0 };
    }
    if mode.rectify && value < 0.0 {
        value = 0.0;
    }
    value
}

/// The smaller or larger; a number rather than NaN, unless asked otherwise, and -0 below 0.
#[inline(always)]
fn minimum(a: f32, b: f32, keep_nan: bool) -> f32 {
    let chosen = if a < b { a } else { b };
    let chosen = if a == b { f32::from_bits(a.to_bits() | b.to_bits()) } else { chosen };
    or_number(chosen, a, b, keep_nan)
}

#[inline(always)]
fn maximum(a: f32, b: f32, keep_nan: bool) -> f32 {
    let chosen = if a > b { a } else { b };
    let chosen = if a == b { f32::from_bits(a.to_bits() & b.to_bits()) } else { chosen };
    or_number(chosen, a, b, keep_nan)
}

#[inline(always)]
fn or_number(chosen: f32, a: f32, b: f32, keep_nan: bool) -> f32 {
    let number = if a.is_nan() { b } else { a };
    let is_nan = if keep_nan { a.is_nan() || b.is_nan() } else { number.is_nan() };
    match (is_nan, a.is_nan() || b.is_nan()) {
        (true, _) => NAN,
        (false, true) => number,
        (false, false) => chosen,
    }
}

fn minimum_double(a: f64, b: f64) -> f64 {
    match (a.is_nan(), b.is_nan()) {
        (true, _) => b,
        (_, true) => a,
        _ if a == b => f64::from_bits(a.to_bits() | b.to_bits()),
        _ => {
            if a < b {
                a
            } else {
                b
            }
        }
    }
}

fn maximum_double(a: f64, b: f64) -> f64 {
    -minimum_double(-a, -b)
}

/// What single precision makes of an exact value that lies at `near`, off by what `rest` has the sign of.
pub(super) fn round_directed(near: f64, rest: f64, rounding: Rounding) -> f32 {
    let single = near as f32;
    if !near.is_finite() {
        return single;
    }
    let off = near - f64::from(single);
    let (is_above, is_below) = match off {
        _ if single.is_infinite() => (single < 0.0, single > 0.0),
        0.0 => (rest > 0.0, rest < 0.0),
        _ => (off > 0.0, off < 0.0),
    };
    let upwards = match rounding {
        Rounding::Up => true,
        Rounding::Down => false,
        Rounding::TowardsZero => near < 0.0,
        Rounding::NearestEven | Rounding::NearestAway => return single,
    };
    match upwards {
        true if is_above => single.next_up(),
        false if is_below => single.next_down(),
        _ => single,
    }
}

/// `first + second` by a rounding.
fn sum_directed(first: f64, second: f64, rounding: Rounding) -> f32 {
    let sum = first + second;
    // Of two zeros of one sign, too, it is that sign.
    if sum == 0.0 && first.is_sign_negative() != second.is_sign_negative() {
        return if rounding == Rounding::Down { -0.0 } else { 0.0 };
    }
    let part = sum - first;
    let rest = (first - (sum - part)) + (second - part);
    round_directed(sum, rest, rounding)
}

fn binary_directed(a: f32, b: f32, operation: FloatBinary, rounding: Rounding) -> f32 {
    let (a, b) = (f64::from(a), f64::from(b));
    match operation {
        FloatBinary::Add => sum_directed(a, b, rounding),
        FloatBinary::Subtract => sum_directed(a, -b, rounding),
        FloatBinary::Multiply => round_directed(a * b, 0.0, rounding),
        _ => {
            let quotient = a / b;
            let rest = (-quotient).mul_add(b, a);
            round_directed(quotient, if b < 0.0 { -rest } else { rest }, rounding)
        }
    }
}

#[inline(always)]
fn single_unary(value: f32, operation: FloatUnary) -> f32 {
    match operation {
        FloatUnary::Negate => -value,
        FloatUnary::Absolute => value.abs(),
        FloatUnary::SquareRoot => value.sqrt(),
        FloatUnary::ReciprocalSquareRoot => (1.0 / f64::from(value).sqrt()) as f32,
        FloatUnary::Reciprocal => 1.0 / value,
        FloatUnary::PowerOfTwo => value.exp2(),
        FloatUnary::LogarithmOfTwo => value.log2(),
        FloatUnary::Sine => value.sin(),
        FloatUnary::Cosine => value.cos(),
        FloatUnary::Tangent => value.tanh(),
    }
}

fn double_unary(value: f64, operation: FloatUnary) -> f64 {
    match operation {
        FloatUnary::Negate => -value,
        FloatUnary::Absolute => value.abs(),
        FloatUnary::SquareRoot => value.sqrt(),
        FloatUnary::ReciprocalSquareRoot => 1.0 / value.sqrt(),
        FloatUnary::Reciprocal => 1.0 / value,
        FloatUnary::PowerOfTwo => value.exp2(),
        FloatUnary::LogarithmOfTwo => value.log2(),
        FloatUnary::Sine => value.sin(),
        FloatUnary::Cosine => value.cos(),
        FloatUnary::Tangent => value.tanh(),
    }
}

#[inline(always)]
fn single_binary(a: f32, b: f32, operation: FloatBinary, keep_nan: bool) -> f32 {
    match operation {
        FloatBinary::Add => a + b,
        FloatBinary::Subtract => a - b,
        FloatBinary::Multiply => a * b,
        FloatBinary::Divide => a / b,
        FloatBinary::Minimum => minimum(a, b, keep_nan),
        FloatBinary::Maximum => maximum(a, b, keep_nan),
        FloatBinary::CopySign => b.copysign(a),
    }
}

/// Half precision as a single, with subnormals of the half taken as zeros.
pub(super) fn flushed_half(bits: u16) -> f32 {
    Small::Half.flush(half::from_half(bits), FloatMode { flush: true, ..FloatMode::default() })
}

/// Numbers of 16 bits as singles.
#[derive(Clone, Copy)]
enum Small {
    Half,
    Brain,
}

impl Small {
    #[inline(always)]
    fn load(self, bits: u16) -> f32 {
        match self {
            Self::Half => half::from_half(bits),
            Self::Brain => half::from_brain(bits),
        }
    }

    #[inline(always)]
    fn store(self, value: f32) -> u16 {
        match self {
            Self::Half => half::to_half(value),
            Self::Brain => half::to_brain(value),
        }
    }

    /// Flushing is by the subnormals of the small type.
    #[inline(always)]
    fn flush(self, value: f32, mode: FloatMode) -> f32 {
        let smallest = match self {
            Self::Half => 2f32.powi(-14),
            Self::Brain => f32::MIN_POSITIVE,
        };
        if mode.flush && value.abs() < smallest { 0f32.copysign(value) } else { value }
    }

    fn unary(self, bits: u16, operation: FloatUnary, mode: FloatMode) -> u16 {
        match operation {
            // Of NaN too, these change the sign alone.
            FloatUnary::Negate if !mode.flush => bits ^ 0x8000,
            FloatUnary::Absolute if !mode.flush => bits & 0x7fff,
            _ => {
                let value = single_unary(self.flush(self.load(bits), mode), operation);
                self.store(self.flush(after(value, FloatMode { flush: false, ..mode }), mode))
            }
        }
    }

    #[inline(always)]
    fn binary(self, a: u16, b: u16, operation: FloatBinary, mode: FloatMode) -> u16 {
        // Sums, products and quotients in single precision round to these types as the exact ones do.
        let (a, b) = (self.flush(self.load(a), mode), self.flush(self.load(b), mode));
        let value = single_binary(a, b, operation, mode.keep_nan);
        self.store(self.flush(after(value, FloatMode { flush: false, ..mode }), mode))
    }

    fn multiply_add(self, a: u16, b: u16, c: u16, mode: FloatMode) -> u16 {
        let [a, b, c] = [a, b, c].map(|bits| self.flush(self.load(bits), mode));
        let value = half::multiply_add(a, b, c);
        self.store(self.flush(after(value, FloatMode { flush: false, ..mode }), mode))
    }
}

fn in_both_halves(word: u32, function: impl Fn(u16) -> u16) -> u32 {
    u32::from(function(word as u16)) | u32::from(function((word >> 16) as u16)) << 16
}

#[inline(always)]
pub(super) fn unary(
    file: &mut RegisterFile,
    operation: FloatUnary,
    ty: FloatType,
    mode: FloatMode,
    rows: [Row; 2],
    mask: Mask,
) {
    macro_rules! each {
        ($($name:ident),*) => {
            match operation {
                $(FloatUnary::$name => {
                    map(file, rows, mask, |value: f32| single_unary(value, FloatUnary::$name));
                })*
            }
        };
    }
    match ty {
        FloatType::Single if mode.is_plain() => each!(
            Negate,
            Absolute,
            SquareRoot,
            ReciprocalSquareRoot,
            Reciprocal,
            PowerOfTwo,
            LogarithmOfTwo,
            Sine,
            Cosine,
            Tangent
        ),
        _ => unary_rarely(file, operation, ty, mode, rows, mask),
    }
}

/// Not in line, since it is rare, and what is in line makes the program long.
#[inline(never)]
fn unary_rarely(
    file: &mut RegisterFile,
    operation: FloatUnary,
    ty: FloatType,
    mode: FloatMode,
    rows: [Row; 2],
    mask: Mask,
) {
    match ty {
        FloatType::Single => map(file, rows, mask, |value: f32| single_unary_by(value, operation, mode)),
        FloatType::Double => map(file, rows, mask, |value: f64| {
            let flush =
                |value: f64| if mode.flush && value.is_subnormal() { 0f64.copysign(value) } else { value };
            flush(double_unary(flush(value), operation))
        }),
        FloatType::Half => map(file, rows, mask, |bits: u16| Small::Half.unary(bits, operation, mode)),
        FloatType::Brain => map(file, rows, mask, |bits: u16| Small::Brain.unary(bits, operation, mode)),
        FloatType::HalfPair | FloatType::BrainPair => {
            let small = if ty == FloatType::HalfPair { Small::Half } else { Small::Brain };
            map(file, rows, mask, |word: u32| {
                in_both_halves(word, |bits| small.unary(bits, operation, mode))
            });
        }
    }
}

fn single_unary_by(value: f32, operation: FloatUnary, mode: FloatMode) -> f32 {
    let value = before(value, mode);
    let result = match operation {
        FloatUnary::SquareRoot if mode.rounding != Rounding::NearestEven => {
            let root = f64::from(value).sqrt();
            round_directed(root, (-root).mul_add(root, f64::from(value)), mode.rounding)
        }
        FloatUnary::Reciprocal if mode.rounding != Rounding::NearestEven => {
            binary_directed(1.0, value, FloatBinary::Divide, mode.rounding)
        }
        _ => single_unary(value, operation),
    };
    after(result, mode)
}

#[inline(always)]
pub(super) fn binary(
    file: &mut RegisterFile,
    operation: FloatBinary,
    ty: FloatType,
    mode: FloatMode,
    rows: [Row; 3],
    mask: Mask,
) {
    let keep_nan = mode.keep_nan;
    macro_rules! each {
        ($($name:ident),*) => {
            match operation {
                $(FloatBinary::$name => {
                    map_two(file, rows, mask, |a: f32, b: f32| {
                        single_binary(a, b, FloatBinary::$name, keep_nan)
                    });
                })*
            }
        };
    }
    match ty {
        FloatType::Single if mode.is_plain() => {
            each!(Add, Subtract, Multiply, Divide, Minimum, Maximum, CopySign);
        }
        _ => binary_rarely(file, operation, ty, mode, rows, mask),
    }
}

#[inline(never)]
fn binary_rarely(
    file: &mut RegisterFile,
    operation: FloatBinary,
    ty: FloatType,
    mode: FloatMode,
    rows: [Row; 3],
    mask: Mask,
) {
    let keep_nan = mode.keep_nan;
    match ty {
        FloatType::Single => map_two(file, rows, mask, |a: f32, b: f32| {
            let (a, b) = (before(a, mode), before(b, mode));
            let is_rounded = matches!(
                operation,
                FloatBinary::Add | FloatBinary::Subtract | FloatBinary::Multiply | FloatBinary::Divide
            );
            let result = match mode.rounding {
                Rounding::NearestEven => single_binary(a, b, operation, keep_nan),
                rounding if is_rounded => binary_directed(a, b, operation, rounding),
                _ => single_binary(a, b, operation, keep_nan),
            };
            after(result, mode)
        }),
        FloatType::Double => map_two(file, rows, mask, |a: f64, b: f64| match operation {
            FloatBinary::Add => a + b,
            FloatBinary::Subtract => a - b,
            FloatBinary::Multiply => a * b,
            FloatBinary::Divide => a / b,
            FloatBinary::Minimum => minimum_double(a, b),
            FloatBinary::Maximum => maximum_double(a, b),
            FloatBinary::CopySign => b.copysign(a),
        }),
        FloatType::Half => {
            map_two(file, rows, mask, |a: u16, b: u16| Small::Half.binary(a, b, operation, mode));
        }
        FloatType::Brain => {
            map_two(file, rows, mask, |a: u16, b: u16| Small::Brain.binary(a, b, operation, mode));
        }
        FloatType::HalfPair | FloatType::BrainPair => {
            let small = if ty == FloatType::HalfPair { Small::Half } else { Small::Brain };
            map_two(file, rows, mask, |a: u32, b: u32| {
                let low = small.binary(a as u16, b as u16, operation, mode);
                let high = small.binary((a >> 16) as u16, (b >> 16) as u16, operation, mode);
                u32::from(low) | u32::from(high) << 16
            });
        }
    }
}

#[inline(always)]
pub(super) fn multiply_add(
    file: &mut RegisterFile,
    ty: FloatType,
    mode: FloatMode,
    rows: [Row; 4],
    mask: Mask,
) {
    match ty {
        FloatType::Single if mode.is_plain() => {
            map_three(file, rows, mask, |a: f32, b: f32, c: f32| a.mul_add(b, c));
        }
        FloatType::Double => map_three(file, rows, mask, f64::mul_add),
        _ => multiply_add_rarely(file, ty, mode, rows, mask),
    }
}

#[inline(never)]
fn multiply_add_rarely(file: &mut RegisterFile, ty: FloatType, mode: FloatMode, rows: [Row; 4], mask: Mask) {
    match ty {
        FloatType::Single => map_three(file, rows, mask, |a: f32, b: f32, c: f32| {
            let [a, b, c] = [a, b, c].map(|value| before(value, mode));
            let result = match mode.rounding {
                Rounding::NearestEven => a.mul_add(b, c),
                rounding => sum_directed(f64::from(a) * f64::from(b), f64::from(c), rounding),
            };
            after(result, mode)
        }),
        FloatType::Double => map_three(file, rows, mask, f64::mul_add),
        FloatType::Half => {
            map_three(file, rows, mask, |a: u16, b: u16, c: u16| Small::Half.multiply_add(a, b, c, mode));
        }
        FloatType::Brain => {
            map_three(file, rows, mask, |a: u16, b: u16, c: u16| Small::Brain.multiply_add(a, b, c, mode));
        }
        FloatType::HalfPair | FloatType::BrainPair => {
            let small = if ty == FloatType::HalfPair { Small::Half } else { Small::Brain };
            map_three(file, rows, mask, |a: u32, b: u32, c: u32| {
                let low = small.multiply_add(a as u16, b as u16, c as u16, mode);
                let high = small.multiply_add((a >> 16) as u16, (b >> 16) as u16, (c >> 16) as u16, mode);
                u32::from(low) | u32::from(high) << 16
            });
        }
    }
}

/// A sum as atomic operations make it.
pub(super) fn add_small(ty: FloatType, a: u16, b: u16) -> u16 {
    let small = if ty == FloatType::Half { Small::Half } else { Small::Brain };
    small.binary(a, b, FloatBinary::Add, FloatMode::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minimum_and_maximum_prefer_numbers_and_order_zeros() {
        assert_eq!(minimum(f32::NAN, 2.0, false), 2.0);
        assert_eq!(maximum(2.0, f32::NAN, false), 2.0);
        assert!(maximum(2.0, f32::NAN, true).is_nan());
        assert_eq!(minimum(f32::NAN, f32::NAN, false).to_bits(), 0x7fff_ffff);
        assert!(minimum(0.0, -0.0, false).is_sign_negative());
        assert!(maximum(-0.0, 0.0, false).is_sign_positive());
        assert!(maximum_double(-0.0, 0.0).is_sign_positive());
        assert_eq!(maximum_double(f64::NAN, -3.0), -3.0);
    }

    #[test]
    fn directed_roundings_bound_the_exact_result() {
        let third = |rounding| binary_directed(1.0, 3.0, FloatBinary::Divide, rounding);
        assert_eq!(third(Rounding::Up), third(Rounding::Down).next_up());
        assert_eq!(third(Rounding::TowardsZero), third(Rounding::Down));
        let tiny = 2f32.powi(-100);
        let add = |b, rounding| binary_directed(1.0, b, FloatBinary::Add, rounding);
        assert_eq!(add(tiny, Rounding::Up), 1f32.next_up());
        assert_eq!(add(tiny, Rounding::TowardsZero), 1.0);
        assert_eq!(add(-tiny, Rounding::TowardsZero), 1f32.next_down());
        assert_eq!(binary_directed(f32::MAX, 2.0, FloatBinary::Multiply, Rounding::TowardsZero), f32::MAX);
        assert_eq!(binary_directed(f32::MAX, 2.0, FloatBinary::Multiply, Rounding::Up), f32::INFINITY);
        assert!(add(-1.0, Rounding::Down).is_sign_negative());
    }

    #[test]
    fn sums_of_zeros_have_a_sign_by_the_rounding() {
        let sum = |a: f64, b, rounding| sum_directed(a, b, rounding).is_sign_negative();
        assert!(sum(0.0, -0.0, Rounding::Down) && sum(-0.0, 0.0, Rounding::Down));
        assert!(!sum(0.0, -0.0, Rounding::Up) && !sum(-0.0, 0.0, Rounding::TowardsZero));
        assert!(!sum(0.0, 0.0, Rounding::Down) && sum(-0.0, -0.0, Rounding::Up));
    }

    #[test]
    fn flushing_keeps_the_sign() {
        let mode = FloatMode { flush: true, ..FloatMode::default() };
        let value = single_unary_by(-f32::from_bits(1), FloatUnary::Absolute, mode);
        assert_eq!(value.to_bits(), 0);
        assert_eq!(before(-f32::from_bits(1), mode).to_bits(), 0x8000_0000);
    }
}

//! Conversions between types.

use super::{float, half};
use crate::instruction::{FloatType, Row, Width};
use crate::registers::{Element, LANES, Mask, RegisterFile, map, map_two, write};
use crate::types::{FloatMode, Rounding, ScalarType};

/// What a conversion does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Conversion {
    pub(super) from: ScalarType,
    pub(super) to: ScalarType,
    pub(super) to_integral: Option<Rounding>,
    pub(super) mode: FloatMode,
    pub(super) saturate: bool,
    pub(super) from_long: bool,
    pub(super) to_width: Width,
}

#[inline(always)]
pub(super) fn convert(file: &mut RegisterFile, conversion: &Conversion, rows: [Row; 2], mask: Mask) {
    use ScalarType as T;
    let Conversion { from, to, to_integral, mode, saturate, from_long, to_width } = *conversion;
    let as_typed = from_long == (from.size() == 8) && (to_width == Width::Long) == (to.size() == 8);
    let is_usual = as_typed && !saturate && mode.is_plain();
    // Those that kernels are full of, each a loop that is made of vector instructions.
    match (from, to, to_integral) {
        (T::Bits32 | T::Unsigned32, T::Bits64 | T::Unsigned64 | T::Signed64, None) if is_usual => {
            map(file, rows, mask, |value: u32| u64::from(value));
        }
        (T::Signed32, T::Bits64 | T::Unsigned64 | T::Signed64, None) if is_usual => {
            map(file, rows, mask, |value: i32| i64::from(value));
        }
        (T::Bits64 | T::Unsigned64 | T::Signed64, T::Bits32 | T::Unsigned32 | T::Signed32, None)
            if is_usual =>
        {
            map(file, rows, mask, |value: u64| value as u32)
        }
        (T::Bits16 | T::Unsigned16, T::Bits32 | T::Unsigned32 | T::Signed32, None) if is_usual => {
            map(file, rows, mask, |value: u16| u32::from(value));
        }
        (T::Signed16, T::Bits32 | T::Unsigned32 | T::Signed32, None) if is_usual => {
            map(file, rows, mask, |value: i16| i32::from(value));
        }
        (T::Bits32 | T::Unsigned32 | T::Signed32, T::Bits16 | T::Unsigned16, None)
            if is_usual && to_width == Width::Half =>
        {
            map(file, rows, mask, |value: u32| value as u16);
        }
        (T::Signed32, T::Single, None) if is_usual => {
            map(file, rows, mask, |value: i32| value as f32);
        }
        (T::Unsigned32, T::Single, None) if is_usual => {
            map(file, rows, mask, |value: u32| value as f32);
        }
        (T::Single, T::Signed32, Some(Rounding::TowardsZero)) if is_usual => {
            map(file, rows, mask, |value: f32| value as i32);
        }
        (T::Single, T::Unsigned32, Some(Rounding::TowardsZero)) if is_usual => {
            map(file, rows, mask, |value: f32| value as u32);
        }
        (T::Half, T::Single, None) if is_usual => map(file, rows, mask, half::from_half),
        (T::Brain, T::Single, None) if is_usual => map(file, rows, mask, half::from_brain),
        (T::Single, T::Half, None) if is_usual => map(file, rows, mask, half::to_half),
        (T::Single, T::Brain, None) if is_usual => map(file, rows, mask, half::to_brain),
        (T::Single, T::Double, None) if is_usual => {
            map(file, rows, mask, |value: f32| f64::from(value));
        }
        (T::Double, T::Single, None) if is_usual => {
            map(file, rows, mask, |value: f64| value as f32);
        }
        (T::Single, T::Tensor32, None) if !mode.flush && !mode.rectify => {
            let rounding = mode.rounding;
            map(file, rows, mask, |value: u32| half::round_bits(value, 13, rounding));
        }
        _ => any(file, conversion, rows, mask),
    }
}

/// A value between the types: whole numbers as they are, others in double precision, which holds all of them.
#[derive(Clone, Copy)]
enum Value {
    Whole(i128),
    Real(f64),
}

/// All conversions, one lane after the other.
fn any(file: &mut RegisterFile, conversion: &Conversion, [target, source]: [Row; 2], mask: Mask) {
    let raw: [u64; LANES] = match conversion.from_long {
        true => *u64::row(file, source),
        false => u32::row(file, source).map(u64::from),
    };
    let values = raw.map(|bits| to_bits(from_bits(bits, conversion), conversion));
    match conversion.to_width {
        Width::Long => write::<u64>(file, target, &values, mask),
        Width::Word => write::<u32>(file, target, &values.map(|value| value as u32), mask),
        Width::Half => {
            write::<u32>(file, target, &values.map(|value| u32::from(value as u16)), mask);
        }
    }
}

fn from_bits(bits: u64, conversion: &Conversion) -> Value {
    use ScalarType as T;
    let single =
        |value: f32| Value::Real(f64::from(if conversion.mode.flush { float::flush(value) } else { value }));
    match conversion.from {
        T::Bits8 | T::Unsigned8 => Value::Whole((bits as u8).into()),
        T::Signed8 => Value::Whole((bits as i8).into()),
        T::Bits16 | T::Unsigned16 => Value::Whole((bits as u16).into()),
        T::Signed16 => Value::Whole((bits as i16).into()),
        T::Bits32 | T::Unsigned32 => Value::Whole((bits as u32).into()),
        T::Signed32 => Value::Whole((bits as i32).into()),
        T::Signed64 => Value::Whole((bits as i64).into()),
        T::Half => Value::Real(half::from_half(bits as u16).into()),
        T::Brain => single(half::from_brain(bits as u16)),
        T::Single | T::Tensor32 => single(f32::from_bits(bits as u32)),
        T::Double => Value::Real(f64::from_bits(bits)),
        _ => Value::Whole(bits.into()),
    }
}

/// The bits of the target's type, extended by its sign.
fn to_bits(value: Value, conversion: &Conversion) -> u64 {
    let Conversion { from, to, to_integral, mode, saturate, .. } = *conversion;
    let value = match (value, to_integral) {
        (Value::Real(real), Some(rounding)) => Value::Real(match rounding {
            Rounding::NearestEven | Rounding::NearestAway => real.round_ties_even(),
            Rounding::TowardsZero => real.trunc(),
            Rounding::Down => real.floor(),
            Rounding::Up => real.ceil(),
        }),
        (value, _) => value,
    };
    if to.is_float() {
        return float_bits(value, to, FloatMode { saturate, ..mode });
    }
    let (least, most) = match (to.is_signed(), to.size()) {
        (true, size) => (-1i128 << (8 * size - 1), (1i128 << (8 * size - 1)) - 1),
        (false, size) => (0, (1i128 << (8 * size)) - 1),
    };
    let whole = match value {
        // Of NaN, PTX makes zero, but of doubles and in 64 bits the number of which the highest bit alone is set. (Where LLVM makes `cvt` of
        // a conversion whose result for NaN it leaves open, either will do.)
        Value::Real(real) if real.is_nan() => {
            match (from == ScalarType::Double || to.size() == 8, to.is_signed()) {
                (false, _) => 0,
                (true, true) => least,
                (true, false) => (most >> 1) + 1,
            }
        }
        // The conversion holds at the ends.
        Value::Real(real) => (real as i128).clamp(least, most),
        Value::Whole(whole) if saturate => whole.clamp(least, most),
        Value::Whole(whole) => {
            let unused = 128 - 8 * to.size();
            let low = whole << unused;
            if to.is_signed() { low >> unused } else { (low.cast_unsigned() >> unused).cast_signed() }
        }
    };
    whole as u64
}

fn float_bits(value: Value, to: ScalarType, mode: FloatMode) -> u64 {
    // The value and what double precision lost of it.
    let (near, rest) = match value {
        Value::Real(real) => (real, 0.0),
        Value::Whole(whole) => {
            let near = whole as f64;
            (near, (whole - near as i128) as f64)
        }
    };
    let mut near = near;
    if mode.saturate {
        // Zero is that without a sign, also of -0 and of NaN.
        near = if near > 0.0 { near.min(1.0) } else { 0.0 };
    }
    if mode.rectify && near < 0.0 {
        near = 0.0;
    }
    let odd = || if near.is_nan() { f32::NAN } else { half::to_single_odd(near, rest) };
    match to {
        ScalarType::Double => near.to_bits(),
        ScalarType::Half => half::to_half_by(odd(), mode.rounding).into(),
        ScalarType::Brain => half::to_brain_by(odd(), mode.rounding).into(),
        ScalarType::Tensor32 => half::round_bits(odd().to_bits(), 13, mode.rounding).into(),
        _ => {
            // To the nearest of `near` is not that of the whole number where that lies on a tie; the odd number is.
            let single = match mode.rounding {
                Rounding::NearestEven if rest == 0.0 => near as f32,
                Rounding::NearestEven => match value {
                    Value::Whole(whole) => whole as f32,
                    Value::Real(_) => near as f32,
                },
                rounding => float::round_directed(near, rest, rounding),
            };
            let single = if mode.flush { float::flush(single) } else { single };
            single.to_bits().into()
        }
    }
}

/// Two singles to the halves of a word, the first to the upper one.
#[inline(always)]
pub(super) fn convert_pair(
    file: &mut RegisterFile,
    to: FloatType,
    mode: FloatMode,
    rows: [Row; 3],
    mask: Mask,
) {
    let rectified = |value: f32| if mode.rectify && value < 0.0 { 0.0 } else { value };
    let rounding = mode.rounding;
    match (to, rounding) {
        (FloatType::HalfPair, _) => map_two(file, rows, mask, |high: f32, low: f32| {
            let [high, low] = [high, low].map(|value| half::to_half_by(rectified(value), rounding));
            u32::from(high) << 16 | u32::from(low)
        }),
        (_, Rounding::NearestEven) => map_two(file, rows, mask, |high: f32, low: f32| {
            u32::from(half::to_brain(rectified(high))) << 16 | u32::from(half::to_brain(rectified(low)))
        }),
        _ => map_two(file, rows, mask, |high: f32, low: f32| {
            let [high, low] = [high, low].map(|value| half::to_brain_by(rectified(value), rounding));
            u32::from(high) << 16 | u32::from(low)
        }),
    }
}

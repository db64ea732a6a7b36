//! Comparisons and what is made of them.

use super::half;
use crate::instruction::{FloatClass, Logic, Row};
use crate::registers::{Element, LANES, Mask, RegisterFile, by_lane, test, write};
use crate::types::{Comparison, ScalarType};

#[inline(always)]
pub(super) fn combine(logic: Logic, first: Mask, second: Mask) -> Mask {
    match logic {
        Logic::And => first & second,
        Logic::Or => first | second,
        Logic::Xor => first ^ second,
    }
}

/// Numbers that may be none.
#[inline(always)]
fn compare_floats<T: Element, V: PartialOrd>(
    file: &RegisterFile,
    comparison: Comparison,
    rows: [Row; 2],
    value: impl Fn(T) -> V,
) -> Mask {
    macro_rules! by {
        (|$a:ident, $b:ident| $holds:expr) => {
            test(file, rows, |$a: T, $b: T| {
                let ($a, $b) = (value($a), value($b));
                $holds
            })
        };
    }
    match comparison {
        Comparison::Equal => by!(|a, b| a == b),
        Comparison::Less => by!(|a, b| a < b),
        Comparison::LessEqual => by!(|a, b| a <= b),
        Comparison::Greater => by!(|a, b| a > b),
        Comparison::GreaterEqual => by!(|a, b| a >= b),
        Comparison::NotNumbers => by!(|a, b| a.partial_cmp(&b).is_none()),
        Comparison::Numbers => by!(|a, b| a.partial_cmp(&b).is_some()),
        Comparison::NotEqual => by!(|a, b| a != b && a.partial_cmp(&b).is_some()),
        // What holds also where there is no order is what the opposite does not hold for.
        Comparison::UnorderedNotEqual => by!(|a, b| a != b),
        Comparison::UnorderedEqual => by!(|a, b| a == b || a.partial_cmp(&b).is_none()),
        Comparison::UnorderedLess => !by!(|a, b| a >= b),
        Comparison::UnorderedLessEqual => !by!(|a, b| a > b),
        Comparison::UnorderedGreater => !by!(|a, b| a <= b),
        Comparison::UnorderedGreaterEqual => !by!(|a, b| a < b),
    }
}

/// Whole numbers, which have an order always.
#[inline(always)]
fn compare_integers<T: Element + Ord>(file: &RegisterFile, comparison: Comparison, rows: [Row; 2]) -> Mask {
    match comparison {
        Comparison::Equal | Comparison::UnorderedEqual => test(file, rows, |a: T, b: T| a == b),
        Comparison::NotEqual | Comparison::UnorderedNotEqual => test(file, rows, |a: T, b: T| a != b),
        Comparison::Less | Comparison::UnorderedLess => test(file, rows, |a: T, b: T| a < b),
        Comparison::LessEqual | Comparison::UnorderedLessEqual => test(file, rows, |a: T, b: T| a <= b),
        Comparison::Greater | Comparison::UnorderedGreater => test(file, rows, |a: T, b: T| a > b),
        Comparison::GreaterEqual | Comparison::UnorderedGreaterEqual => test(file, rows, |a: T, b: T| a >= b),
        Comparison::Numbers => Mask::MAX,
        Comparison::NotNumbers => 0,
    }
}

/// The lanes for which a comparison holds.
#[inline(always)]
pub(super) fn compare(
    file: &RegisterFile,
    comparison: Comparison,
    ty: ScalarType,
    flush: bool,
    rows: [Row; 2],
) -> Mask {
    use ScalarType as T;
    match ty {
        T::Bits32 | T::Unsigned32 => compare_integers::<u32>(file, comparison, rows),
        T::Signed32 => compare_integers::<i32>(file, comparison, rows),
        T::Single if !flush => compare_floats(file, comparison, rows, |value: f32| value),
        _ => compare_rarely(file, comparison, ty, flush, rows),
    }
}

/// Not in line, since it is rare, and what is in line makes the program long.
#[inline(never)]
fn compare_rarely(
    file: &RegisterFile,
    comparison: Comparison,
    ty: ScalarType,
    flush: bool,
    rows: [Row; 2],
) -> Mask {
    use ScalarType as T;
    match ty {
        T::Signed16 => compare_integers::<i16>(file, comparison, rows),
        T::Bits64 | T::Unsigned64 => compare_integers::<u64>(file, comparison, rows),
        T::Signed64 => compare_integers::<i64>(file, comparison, rows),
        T::Single => compare_floats(file, comparison, rows, super::float::flush),
        T::Double => compare_floats(file, comparison, rows, |value: f64| value),
        T::Half if flush => compare_floats(file, comparison, rows, super::float::flushed_half),
        T::Half => compare_floats(file, comparison, rows, half::from_half),
        T::Brain => compare_floats(file, comparison, rows, half::from_brain),
        _ => compare_integers::<u16>(file, comparison, rows),
    }
}

/// The first where the third is not negative, else the second.
pub(super) fn select_by_sign(
    file: &mut RegisterFile,
    is_long: bool,
    is_float: bool,
    [target, first, second, sign]: [Row; 4],
    mask: Mask,
) {
    let sign = u32::row(file, sign);
    let mut chosen: Mask = 0;
    for (lane, &bits) in sign.iter().enumerate() {
        let takes_first = if is_float { f32::from_bits(bits) >= 0.0 } else { bits.cast_signed() >= 0 };
        chosen |= u32::from(takes_first) << lane;
    }
    macro_rules! select {
        ($t:ty) => {{
            let (first, second) = (*<$t>::row(file, first), *<$t>::row(file, second));
            let values: [$t; LANES] =
                by_lane(|lane| if chosen >> lane & 1 != 0 { first[lane] } else { second[lane] });
            write::<$t>(file, target, &values, mask);
        }};
    }
    if is_long {
        select!(u64);
    } else {
        select!(u32);
    }
}

/// The lanes whose number is of a class.
pub(super) fn test_float(file: &RegisterFile, is_long: bool, class: FloatClass, row: Row) -> Mask {
    macro_rules! test_class {
        ($t:ty) => {
            test(file, [row, row], |value: $t, _| match class {
                FloatClass::Finite => value.is_finite(),
                FloatClass::Infinite => value.is_infinite(),
                FloatClass::Number => !value.is_nan(),
                FloatClass::NotNumber => value.is_nan(),
                FloatClass::Normal => value.is_normal(),
                FloatClass::Subnormal => value.is_subnormal(),
            })
        };
    }
    if is_long { test_class!(f64) } else { test_class!(f32) }
}

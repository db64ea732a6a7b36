//! The bytes of one element.

use npyz::{Endianness, TypeChar, TypeStr};

/// Decodes an element whose width is that of its type.
pub(super) type Decode<T> = fn(&[u8]) -> T;

/// The function of each type by its byte order.
macro_rules! decoder {
    ($element:expr, $number:ty, $convert:expr) => {
        if $element.endianness() == Endianness::Big {
            |bytes: &[u8]| $convert(<$number>::from_be_bytes(array(bytes)))
        } else {
            |bytes: &[u8]| $convert(<$number>::from_le_bytes(array(bytes)))
        }
    };
}

/// A number as f64; `None` for what is no real number, or one of 80 or 128 bits.
#[expect(clippy::cast_precision_loss, reason = "as is documented: integers beyond 2^53 are rounded")]
pub(super) fn number(element: &TypeStr) -> Option<Decode<f64>> {
    Some(match (element.type_char(), element.num_bytes()?) {
        (TypeChar::Bool, 1) => |bytes| f64::from(u8::from(bytes[0] != 0)),
        (TypeChar::Int, 1) => decoder!(element, i8, f64::from),
        (TypeChar::Int, 2) => decoder!(element, i16, f64::from),
        (TypeChar::Int, 4) => decoder!(element, i32, f64::from),
        (TypeChar::Int, 8) => decoder!(element, i64, |value| value as f64),
        (TypeChar::Uint, 1) => decoder!(element, u8, f64::from),
        (TypeChar::Uint, 2) => decoder!(element, u16, f64::from),
        (TypeChar::Uint, 4) => decoder!(element, u32, f64::from),
        (TypeChar::Uint, 8) => decoder!(element, u64, |value| value as f64),
        (TypeChar::Float, 2) => decoder!(element, u16, half),
        (TypeChar::Float, 4) => decoder!(element, f32, f64::from),
        (TypeChar::Float, 8) => decoder!(element, f64, f64::from),
        _ => return None,
    })
}

/// An integer, of a type that holds no larger ones; `None` for other types.
pub(super) fn integer(element: &TypeStr) -> Option<Decode<i128>> {
    Some(match (element.type_char(), element.num_bytes()?) {
        (TypeChar::Int, 1) => decoder!(element, i8, i128::from),
        (TypeChar::Int, 2) => decoder!(element, i16, i128::from),
        (TypeChar::Int, 4) => decoder!(element, i32, i128::from),
        (TypeChar::Int, 8) => decoder!(element, i64, i128::from),
        (TypeChar::Uint, 1) => decoder!(element, u8, i128::from),
        (TypeChar::Uint, 2) => decoder!(element, u16, i128::from),
        (TypeChar::Uint, 4) => decoder!(element, u32, i128::from),
        (TypeChar::Uint, 8) => decoder!(element, u64, i128::from),
        _ => return None,
    })
}

/// A character of text, four bytes.
pub(super) fn code_point(element: &TypeStr) -> Decode<u32> {
    decoder!(element, u32, u32::from)
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    std::array::from_fn(|at| bytes[at])
}

/// A half-precision number by its bits.
fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023) / 1024.0);
    let power = |exponent: i32| 2.0_f64.powi(exponent);
    sign * match exponent {
        0 => fraction * power(-14),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction) * power(exponent - 15),
    }
}

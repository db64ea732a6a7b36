//! Arithmetic of whole numbers, and bits.

use crate::instruction::{BitCount, IntegerBinary, IntegerType, IntegerUnary, NO_ROW, Packing, Product, Row};
use crate::registers::{
    Element, LANES, Longs, Mask, RegisterFile, Words, by_lane, map, map_three, map_two, write,
};

/// Calls with `$t` as the type that the variable `$ty` names.
macro_rules! with_type {
    ($ty:expr, $t:ident => $call:expr) => {
        match $ty {
            IntegerType::Unsigned16 => {
                type $t = u16;
                $call
            }
            IntegerType::Signed16 => {
                type $t = i16;
                $call
            }
            IntegerType::Unsigned32 => {
                type $t = u32;
                $call
            }
            IntegerType::Signed32 => {
                type $t = i32;
                $call
            }
            IntegerType::Unsigned64 => {
                type $t = u64;
                $call
            }
            IntegerType::Signed64 => {
                type $t = i64;
                $call
            }
        }
    };
}
pub(super) use with_type;

/// What whole numbers of all sizes can do.
pub(super) trait Integer: Element + Ord {
    /// Twice as wide.
    type Wide: Element;
    fn apply_unary(self, operation: IntegerUnary) -> Self;
    fn apply(self, other: Self, operation: IntegerBinary) -> Self;
    fn wide_product(self, other: Self) -> Self::Wide;
    fn wide_product_add(self, other: Self, addend: Self::Wide) -> Self::Wide;
    fn count(self, count: BitCount) -> u32;
    fn left(self, amount: u32) -> Self;
    fn right(self, amount: u32) -> Self;
    fn field(self, position: u32, length: u32) -> Self;
}

macro_rules! integer {
    ($t:ty, $unsigned:ty, $wide:ty, $double:ty, $signed:expr) => {
        impl Integer for $t {
            type Wide = $wide;
            #[inline(always)]
            fn apply_unary(self, operation: IntegerUnary) -> Self {
                match operation {
                    IntegerUnary::Not => !self,
                    IntegerUnary::Negate => (0 as $t).wrapping_sub(self),
                    IntegerUnary::Absolute => {
                        if self < (0 as $t) {
                            (0 as $t).wrapping_sub(self)
                        } else {
                            self
                        }
                    }
                }
            }
            #[inline(always)]
            fn apply(self, other: Self, operation: IntegerBinary) -> Self {
                match operation {
                    IntegerBinary::Add => self.wrapping_add(other),
                    IntegerBinary::AddSaturating => self.saturating_add(other),
                    IntegerBinary::Subtract => self.wrapping_sub(other),
                    IntegerBinary::SubtractSaturating => self.saturating_sub(other),
                    IntegerBinary::Multiply => self.wrapping_mul(other),
                    IntegerBinary::MultiplyHigh => ((self as $double * other as $double) >> <$t>::BITS) as $t,
                    // By zero, a card gives all ones and the dividend.
                    IntegerBinary::Divide => {
                        if other == 0 {
                            !0
                        } else {
                            self.wrapping_div(other)
                        }
                    }
                    IntegerBinary::Remainder => {
                        if other == 0 {
                            self
                        } else {
                            self.wrapping_rem(other)
                        }
                    }
                    IntegerBinary::Minimum => self.min(other),
                    IntegerBinary::Maximum => self.max(other),
                    IntegerBinary::And => self & other,
                    IntegerBinary::Or => self | other,
                    IntegerBinary::Xor => self ^ other,
                }
            }
            #[inline(always)]
            fn wide_product(self, other: Self) -> $wide {
                (self as $wide).wrapping_mul(other as $wide)
            }
            #[inline(always)]
            fn wide_product_add(self, other: Self, addend: $wide) -> $wide {
                self.wide_product(other).wrapping_add(addend)
            }
            #[inline(always)]
            fn count(self, count: BitCount) -> u32 {
                let highest = |value: $t| {
                    let value = if $signed && value < (0 as $t) { !value } else { value };
                    (<$t>::BITS - 1).wrapping_sub(value.leading_zeros())
                };
                match count {
                    BitCount::Ones => self.count_ones(),
                    BitCount::LeadingZeros => self.leading_zeros(),
                    BitCount::Highest => highest(self),
                    BitCount::HighestShift => match highest(self) {
                        u32::MAX => u32::MAX,
                        position => <$t>::BITS - 1 - position,
                    },
                }
            }
            #[inline(always)]
            fn left(self, amount: u32) -> Self {
                if amount < <$t>::BITS { self << amount } else { 0 }
            }
            #[inline(always)]
            fn right(self, amount: u32) -> Self {
                let last = <$t>::BITS - 1;
                match amount <= last {
                    true => self >> amount,
                    false if $signed => self >> last,
                    false => 0,
                }
            }
            #[inline(always)]
            fn field(self, position: u32, length: u32) -> Self {
                let last = <$t>::BITS - 1;
                let (position, length) = (position & 0xff, length & 0xff);
                let bit = |index: u32| (self as $unsigned) >> index.min(last) & 1;
                // Above the field, its sign, which may lie above the number's own highest bit.
                let sign = match $signed && length != 0 {
                    true => bit((position + length - 1).min(last)),
                    false => 0,
                };
                let ones: $unsigned = if length > last { !0 } else { !(!0 << length) };
                let present = last + 1 - position.min(last + 1);
                let inside: $unsigned = if present > last { !0 } else { !(!0 << present) };
                let value = if position > last { 0 } else { (self as $unsigned) >> position };
                let fill = if sign != 0 { !(ones & inside) } else { 0 };
                (value & ones & inside | fill) as $t
            }
        }
    };
}

integer!(u16, u16, u32, u32, false);
integer!(i16, u16, i32, i32, true);
integer!(u32, u32, u64, u64, false);
integer!(i32, u32, i64, i64, true);
integer!(u64, u64, u64, u128, false);
integer!(i64, u64, i64, i128, true);

#[inline(never)]
pub(super) fn unary(
    file: &mut RegisterFile,
    operation: IntegerUnary,
    ty: IntegerType,
    rows: [Row; 2],
    mask: Mask,
) {
    with_type!(ty, T => map(file, rows, mask, |value: T| value.apply_unary(operation)));
}

pub(super) fn count_bits(
    file: &mut RegisterFile,
    count: BitCount,
    ty: IntegerType,
    rows: [Row; 2],
    mask: Mask,
) {
    with_type!(ty, T => map(file, rows, mask, |value: T| value.count(count)));
}

/// One loop over the lanes for each operation.
#[inline(always)]
fn binary_of<T: Integer>(file: &mut RegisterFile, operation: IntegerBinary, rows: [Row; 3], mask: Mask) {
    macro_rules! each {
        ($($name:ident),*) => {
            match operation {
                $(IntegerBinary::$name => {
                    map_two(file, rows, mask, |a: T, b: T| a.apply(b, IntegerBinary::$name));
                })*
            }
        };
    }
    each!(
        Add,
        AddSaturating,
        Subtract,
        SubtractSaturating,
        Multiply,
        MultiplyHigh,
        Divide,
        Remainder,
        Minimum,
        Maximum,
        And,
        Or,
        Xor
    );
}

#[inline(always)]
pub(super) fn binary(
    file: &mut RegisterFile,
    operation: IntegerBinary,
    ty: IntegerType,
    rows: [Row; 3],
    mask: Mask,
) {
    match ty {
        IntegerType::Unsigned32 => binary_of::<u32>(file, operation, rows, mask),
        IntegerType::Signed32 => binary_of::<i32>(file, operation, rows, mask),
        IntegerType::Unsigned64 => binary_of::<u64>(file, operation, rows, mask),
        IntegerType::Signed64 => binary_of::<i64>(file, operation, rows, mask),
        IntegerType::Unsigned16 | IntegerType::Signed16 => binary_short(file, operation, ty, rows, mask),
    }
}

/// Not in line, since it is rare, and what is in line makes the program long.
#[inline(never)]
fn binary_short(
    file: &mut RegisterFile,
    operation: IntegerBinary,
    ty: IntegerType,
    rows: [Row; 3],
    mask: Mask,
) {
    if ty == IntegerType::Signed16 {
        map_two(file, rows, mask, |a: i16, b: i16| a.apply(b, operation));
    } else {
        map_two(file, rows, mask, |a: u16, b: u16| a.apply(b, operation));
    }
}

#[inline(always)]
pub(super) fn shift_left(file: &mut RegisterFile, ty: IntegerType, rows: [Row; 3], mask: Mask) {
    with_type!(ty, T => map_two(file, rows, mask, |value: T, amount: u32| value.left(amount)));
}

#[inline(always)]
pub(super) fn shift_right(file: &mut RegisterFile, ty: IntegerType, rows: [Row; 3], mask: Mask) {
    with_type!(ty, T => map_two(file, rows, mask, |value: T, amount: u32| value.right(amount)));
}

#[inline(always)]
pub(super) fn multiply_wide(file: &mut RegisterFile, ty: IntegerType, rows: [Row; 3], mask: Mask) {
    with_type!(ty, T => map_two(file, rows, mask, |a: T, b: T| a.wide_product(b)));
}

#[inline(always)]
pub(super) fn multiply_add(
    file: &mut RegisterFile,
    product: Product,
    ty: IntegerType,
    rows: [Row; 4],
    mask: Mask,
) {
    match (product, ty) {
        (Product::Low, IntegerType::Unsigned32 | IntegerType::Signed32) => {
            map_three(file, rows, mask, |a: u32, b: u32, c: u32| a.wrapping_mul(b).wrapping_add(c));
        }
        (Product::Wide, IntegerType::Unsigned32) => {
            map_three(file, rows, mask, |a: u32, b: u32, c: u64| a.wide_product_add(b, c));
        }
        _ => multiply_add_rarely(file, product, ty, rows, mask),
    }
}

#[inline(never)]
fn multiply_add_rarely(
    file: &mut RegisterFile,
    product: Product,
    ty: IntegerType,
    rows: [Row; 4],
    mask: Mask,
) {
    with_type!(ty, T => match product {
        Product::Low => map_three(file, rows, mask, |a: T, b: T, c: T| a.wrapping_mul(b).wrapping_add(c)),
        Product::High => map_three(file, rows, mask, |a: T, b: T, c: T| {
            a.apply(b, IntegerBinary::MultiplyHigh).wrapping_add(c)
        }),
        Product::Wide => {
            type Wide = <T as Integer>::Wide;
            map_three(file, rows, mask, |a: T, b: T, c: Wide| a.wide_product_add(b, c));
        }
    });
}

/// The sum or difference, and the carries or borrows that it leaves.
pub(super) fn add_with_carry(
    file: &mut RegisterFile,
    subtract: bool,
    carry: Mask,
    is_long: bool,
    rows: [Row; 3],
    mask: Mask,
) -> Mask {
    let mut next = 0;
    macro_rules! sum {
        ($t:ty) => {{
            let (first, second) = (*<$t>::row(file, rows[1]), *<$t>::row(file, rows[2]));
            let values = by_lane(|lane| {
                let carry = carry >> lane & 1 != 0;
                let (value, carried) = match subtract {
                    true => first[lane].borrowing_sub(second[lane], carry),
                    false => first[lane].carrying_add(second[lane], carry),
                };
                next |= u32::from(carried) << lane;
                value
            });
            write::<$t>(file, rows[0], &values, mask);
        }};
    }
    if is_long {
        sum!(u64);
    } else {
        sum!(u32);
    }
    next
}

pub(super) fn dot_bytes(file: &mut RegisterFile, a_signed: bool, b_signed: bool, rows: [Row; 4], mask: Mask) {
    let byte = |word: u32, index: usize, is_signed: bool| {
        let byte = word.to_le_bytes()[index];
        if is_signed { i32::from(byte.cast_signed()) } else { i32::from(byte) }
    };
    map_three(file, rows, mask, |a: u32, b: u32, c: i32| {
        (0..4).fold(c, |sum, index| sum.wrapping_add(byte(a, index, a_signed) * byte(b, index, b_signed)))
    });
}

pub(super) fn extract_bits(file: &mut RegisterFile, ty: IntegerType, rows: [Row; 4], mask: Mask) {
    with_type!(ty, T => map_three(file, rows, mask, |value: T, position: u32, length: u32| {
        value.field(position, length)
    }));
}

/// `rows`: target, the field, what it is put into, its position and its length.
pub(super) fn insert_bits(file: &mut RegisterFile, is_long: bool, rows: [Row; 5], mask: Mask) {
    let [target, field, into, position, length] = rows;
    let (Words(position), Words(length)) = (file.words[position as usize], file.words[length as usize]);
    macro_rules! insert {
        ($t:ty) => {{
            let (field, into) = (*<$t>::row(file, field), *<$t>::row(file, into));
            let values = by_lane(|lane| {
                let (position, length) = (position[lane] & 0xff, length[lane] & 0xff);
                let ones: $t = if length >= <$t>::BITS { !0 } else { !(!0 << length) };
                let place = ones.checked_shl(position).unwrap_or(0);
                into[lane] & !place | field[lane].checked_shl(position).unwrap_or(0) & place
            });
            write::<$t>(file, target, &values, mask);
        }};
    }
    if is_long {
        insert!(u64);
    } else {
        insert!(u32);
    }
}

/// Four bytes of the eight of `a` and `b`, chosen by the low digits of `selector`; a digit from 8 on repeats the chosen byte's sign.
#[inline(always)]
pub(super) fn permute_bytes(a: u32, b: u32, selector: u32) -> u32 {
    let both = u64::from(b) << 32 | u64::from(a);
    let mut result = 0;
    for index in 0..4 {
        let digit = selector >> (4 * index) & 0xf;
        let byte = (both >> (8 * (digit & 7)) & 0xff) as u32;
        let byte = match digit & 8 {
            0 => byte,
            _ => 0xff * (byte >> 7),
        };
        result |= byte << (8 * index);
    }
    result
}

#[inline(always)]
pub(super) fn funnel_shift(file: &mut RegisterFile, left: bool, clamp: bool, rows: [Row; 4], mask: Mask) {
    map_three(file, rows, mask, |low: u32, high: u32, amount: u32| {
        let amount = if clamp { amount.min(32) } else { amount & 31 };
        let both = u64::from(high) << 32 | u64::from(low);
        if left { (both << amount >> 32) as u32 } else { (both >> amount) as u32 }
    });
}

/// Bits by a table of all combinations of three bits.
#[inline(always)]
pub(super) fn logic_table(table: u8, a: u32, b: u32, c: u32) -> u32 {
    let mut result = 0;
    for index in 0..8 {
        if table >> index & 1 != 0 {
            let a = if index & 4 != 0 { a } else { !a };
            let b = if index & 2 != 0 { b } else { !b };
            let c = if index & 1 != 0 { c } else { !c };
            result |= a & b & c;
        }
    }
    result
}

#[inline(always)]
pub(super) fn pack(file: &mut RegisterFile, packing: Packing, target: Row, parts: [Row; 4], mask: Mask) {
    match packing {
        Packing::WordOfHalves => {
            map_two(file, [target, parts[0], parts[1]], mask, |low: u32, high: u32| {
                low & 0xffff | high << 16
            });
        }
        Packing::LongOfWords => {
            map_two(file, [target, parts[0], parts[1]], mask, |low: u32, high: u32| {
                u64::from(high) << 32 | u64::from(low)
            });
        }
        Packing::LongOfHalves => {
            let halves = parts.map(|part| file.words[part as usize].0);
            let values = by_lane(|lane| {
                (0..4).fold(0, |long, part| long | u64::from(halves[part][lane] & 0xffff) << (16 * part))
            });
            write::<u64>(file, target, &values, mask);
        }
        Packing::HalfOfBytes => {
            map_two(file, [target, parts[0], parts[1]], mask, |low: u32, high: u32| {
                low & 0xff | (high & 0xff) << 8
            });
        }
        Packing::WordOfBytes => {
            let bytes = parts.map(|part| file.words[part as usize].0);
            let values =
                by_lane(|lane| (0..4).fold(0, |word, part| word | (bytes[part][lane] & 0xff) << (8 * part)));
            write::<u32>(file, target, &values, mask);
        }
    }
}

#[inline(always)]
pub(super) fn unpack(file: &mut RegisterFile, packing: Packing, source: Row, parts: [Row; 4], mask: Mask) {
    let is_long = matches!(packing, Packing::LongOfWords | Packing::LongOfHalves);
    let (bits, ones) = match packing {
        Packing::WordOfHalves | Packing::LongOfHalves => (16, 0xffff),
        Packing::LongOfWords => (32, u32::MAX),
        Packing::HalfOfBytes | Packing::WordOfBytes => (8, 0xff),
    };
    if is_long {
        let Longs(source) = file.longs[source as usize];
        for (index, part) in parts.into_iter().enumerate().filter(|(_, part)| *part != NO_ROW) {
            let values: [u32; LANES] = by_lane(|lane| (source[lane] >> (bits * index)) as u32 & ones);
            write::<u32>(file, part, &values, mask);
        }
    } else {
        let Words(source) = file.words[source as usize];
        for (index, part) in parts.into_iter().enumerate().filter(|(_, part)| *part != NO_ROW) {
            let values: [u32; LANES] = by_lane(|lane| source[lane] >> (bits * index) & ones);
            write::<u32>(file, part, &values, mask);
        }
    }
}

//! The registers of a warp: of each register a row with the values of all lanes, so that loops over lanes become vector instructions.

use crate::instruction::{Predicate, Row};

/// Threads of a warp.
pub(crate) const LANES: usize = 32;

/// One bit for each lane of a warp.
pub(crate) type Mask = u32;

/// All lanes.
pub(crate) const ALL: Mask = Mask::MAX;

/// The values of a register of up to 32 bits. Those of 16 bits have zeros above.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Words(pub(crate) [u32; LANES]);

/// The values of a register of 64 bits.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Longs(pub(crate) [u64; LANES]);

/// How many rows a kernel needs.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RegisterCounts {
    pub(crate) words: usize,
    pub(crate) longs: usize,
    pub(crate) predicates: usize,
}

/// All registers of a warp.
#[derive(Clone)]
pub(crate) struct RegisterFile {
    pub(crate) words: Vec<Words>,
    pub(crate) longs: Vec<Longs>,
    pub(crate) predicates: Vec<Mask>,
}

impl RegisterFile {
    /// Registers of which every byte is the same. (In rows of 16 bits, those above, which a write makes zeros, too.)
    pub(crate) fn filled(counts: RegisterCounts, byte: u8) -> Self {
        Self {
            words: vec![Words([u32::from_ne_bytes([byte; 4]); LANES]); counts.words],
            longs: vec![Longs([u64::from_ne_bytes([byte; 8]); LANES]); counts.longs],
            predicates: vec![Mask::from_ne_bytes([byte; 4]); counts.predicates],
        }
    }

    /// Takes over the values of registers of the same kernel.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        self.words.copy_from_slice(&other.words);
        self.longs.copy_from_slice(&other.longs);
        self.predicates.copy_from_slice(&other.predicates);
    }

    #[inline(always)]
    pub(crate) fn set_predicate(&mut self, predicate: Predicate, value: Mask, mask: Mask) {
        let row = &mut self.predicates[predicate as usize];
        *row = (*row & !mask) | (value & mask);
    }
}

/// A value of one lane, as it is kept in a row.
pub(crate) trait Element: Copy {
    /// What of every row is read, and where it is kept.
    type Stored: Copy + Default;
    fn row(file: &RegisterFile, row: Row) -> &[Self::Stored; LANES];
    fn row_mut(file: &mut RegisterFile, row: Row) -> &mut [Self::Stored; LANES];
    fn load(stored: Self::Stored) -> Self;
    fn store(self) -> Self::Stored;
}

macro_rules! element {
    ($type:ty, $stored:ty, $rows:ident, |$from:ident| $load:expr, |$to:ident| $store:expr) => {
        impl Element for $type {
            type Stored = $stored;
            #[inline(always)]
            fn row(file: &RegisterFile, row: Row) -> &[$stored; LANES] {
                &file.$rows[row as usize].0
            }
            #[inline(always)]
            fn row_mut(file: &mut RegisterFile, row: Row) -> &mut [$stored; LANES] {
                &mut file.$rows[row as usize].0
            }
            #[inline(always)]
            fn load($from: $stored) -> Self {
                $load
            }
            #[inline(always)]
            fn store(self) -> $stored {
                let $to = self;
                $store
            }
        }
    };
}

element!(u16, u32, words, |stored| stored as u16, |value| u32::from(value));
element!(i16, u32, words, |stored| stored as i16, |value| u32::from(value.cast_unsigned()));
element!(u32, u32, words, |stored| stored, |value| value);
element!(i32, u32, words, |stored| stored.cast_signed(), |value| value.cast_unsigned());
element!(f32, u32, words, |stored| f32::from_bits(stored), |value| value.to_bits());
element!(u64, u64, longs, |stored| stored, |value| value);
element!(i64, u64, longs, |stored| stored.cast_signed(), |value| value.cast_unsigned());
element!(f64, u64, longs, |stored| f64::from_bits(stored), |value| value.to_bits());

/// A value for each lane. The loop is written out, since the library's own is compiled apart from its caller, without its vector
/// instructions.
#[inline(always)]
pub(crate) fn by_lane<T: Copy + Default>(mut function: impl FnMut(usize) -> T) -> [T; LANES] {
    let mut values = [T::default(); LANES];
    for (lane, value) in values.iter_mut().enumerate() {
        *value = function(lane);
    }
    values
}

/// Writes the lanes of `mask`.
#[inline(always)]
pub(crate) fn write<T: Element>(file: &mut RegisterFile, row: Row, values: &[T::Stored; LANES], mask: Mask) {
    let target = T::row_mut(file, row);
    if mask == ALL {
        *target = *values;
        return;
    }
    for lane in 0..LANES {
        if mask >> lane & 1 != 0 {
            target[lane] = values[lane];
        }
    }
}

/// `target = function(first)` in the lanes of `mask`.
#[inline(always)]
pub(crate) fn map<A: Element, R: Element>(
    file: &mut RegisterFile,
    [target, first]: [Row; 2],
    mask: Mask,
    function: impl Fn(A) -> R,
) {
    let first = A::row(file, first);
    let values = by_lane(|lane| function(A::load(first[lane])).store());
    write::<R>(file, target, &values, mask);
}

/// `target = function(first, second)` in the lanes of `mask`.
#[inline(always)]
pub(crate) fn map_two<A: Element, B: Element, R: Element>(
    file: &mut RegisterFile,
    [target, first, second]: [Row; 3],
    mask: Mask,
    function: impl Fn(A, B) -> R,
) {
    let first = A::row(file, first);
    let second = B::row(file, second);
    let values = by_lane(|lane| function(A::load(first[lane]), B::load(second[lane])).store());
    write::<R>(file, target, &values, mask);
}

/// `target = function(first, second, third)` in the lanes of `mask`.
#[inline(always)]
pub(crate) fn map_three<A: Element, B: Element, C: Element, R: Element>(
    file: &mut RegisterFile,
    [target, first, second, third]: [Row; 4],
    mask: Mask,
    function: impl Fn(A, B, C) -> R,
) {
    let first = A::row(file, first);
    let second = B::row(file, second);
    let third = C::row(file, third);
    let values =
        by_lane(|lane| function(A::load(first[lane]), B::load(second[lane]), C::load(third[lane])).store());
    write::<R>(file, target, &values, mask);
}

/// The lanes for which `function(first, second)` holds.
#[inline(always)]
pub(crate) fn test<A: Element>(
    file: &RegisterFile,
    [first, second]: [Row; 2],
    function: impl Fn(A, A) -> bool,
) -> Mask {
    let first = A::row(file, first);
    let second = A::row(file, second);
    let mut result = 0;
    for lane in 0..LANES {
        result |= u32::from(function(A::load(first[lane]), A::load(second[lane]))) << lane;
    }
    result
}

/// The lanes of a mask, lowest first.
#[inline(always)]
pub(crate) fn lanes(mut mask: Mask) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        (mask != 0).then(|| {
            let lane = mask.trailing_zeros() as usize;
            mask &= mask - 1;
            lane
        })
    })
}

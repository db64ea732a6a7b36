//! Tap tables as AVX-512 reads them, for dot products of four bytes each.

use super::Table;

/// Input pixels that a group of sixteen output pixels may read.
pub(in crate::augment::resize) const WIDE_WINDOW: usize = 64;

/// Output pixels of a group of that kind.
pub(in crate::augment::resize) const WIDE_GROUP: usize = 16;

/// Number of taps that are multiplied at once.
pub(in crate::augment::resize) const QUAD: usize = 4;

/// Number of digits of a weight, which are stored the highest first.
pub(in crate::augment::resize) const DIGITS: usize = 3;

/// The digits of a weight in base 256, from -128 to 127. With an absolute value below 127.5 * 2^16, which is 1.99, a
/// weight has no more than three.
#[expect(clippy::cast_possible_truncation, reason = "the lowest byte is the digit")]
fn digits(weight: i32) -> [i8; DIGITS] {
    let low = weight as i8;
    let rest = (weight - i32::from(low)) >> 8;
    let middle = rest as i8;
    [((rest - i32::from(middle)) >> 8) as i8, middle, low]
}

/// A table rearranged for a byte permutation and dot products of bytes.
#[derive(Debug)]
pub(in crate::augment::resize) struct Quads {
    inputs: Vec<usize>,
    quads: Vec<Quad>,
}

/// Four taps of sixteen output pixels, four bytes a pixel.
#[derive(Debug)]
pub(in crate::augment::resize) struct Quad {
    /// Places of the taps in the window.
    pub(in crate::augment::resize) places: [u8; QUAD * WIDE_GROUP],
    /// Weights, by digits.
    pub(in crate::augment::resize) digits: [[i8; QUAD * WIDE_GROUP]; DIGITS],
}

/// What a group of sixteen output pixels (the last may be smaller) reads.
#[derive(Clone, Copy)]
pub(in crate::augment::resize) struct GroupTaps<'a> {
    /// Where its window begins, in pixels of its row.
    pub(in crate::augment::resize) input: usize,
    /// The group's taps.
    pub(in crate::augment::resize) quads: &'a [Quad],
}

impl Quads {
    #[expect(clippy::cast_possible_truncation, reason = "places are below the size of a window")]
    pub(super) fn new(table: &Table) -> Option<Self> {
        let mut made = Self { inputs: Vec::new(), quads: Vec::new() };
        for (group, starts) in table.starts.chunks(WIDE_GROUP).enumerate() {
            let input = *starts.iter().min()?;
            if starts.iter().any(|start| start + table.taps > input + WIDE_WINDOW) {
                return None;
            }
            made.inputs.push(input);
            for tap in (0..table.taps).step_by(QUAD) {
                let mut quad =
                    Quad { places: [0; QUAD * WIDE_GROUP], digits: [[0; QUAD * WIDE_GROUP]; DIGITS] };
                for (lane, start) in starts.iter().enumerate() {
                    let weights = &table.weights[(group * WIDE_GROUP + lane) * table.taps..][..table.taps];
                    for (offset, &weight) in weights[tap..].iter().take(QUAD).enumerate() {
                        quad.places[lane * QUAD + offset] = (start - input + tap + offset) as u8;
                        for (digits, digit) in quad.digits.iter_mut().zip(digits(weight)) {
                            digits[lane * QUAD + offset] = digit;
                        }
                    }
                }
                made.quads.push(quad);
            }
        }
        Some(made)
    }

    /// Every group's taps.
    pub(in crate::augment::resize) fn iter(&self) -> impl Iterator<Item = GroupTaps<'_>> {
        let each = self.quads.len() / self.inputs.len();
        self.inputs
            .iter()
            .zip(self.quads.chunks_exact(each))
            .map(|(&input, quads)| GroupTaps { input, quads })
    }
}

/// The weights of every output pixel in fours, each four as the bytes of one number per digit.
pub(super) fn digits_in_fours(table: &Table) -> Vec<[i32; DIGITS]> {
    let fours = table.weights.chunks_exact(table.taps).flat_map(|weights| weights.chunks(QUAD));
    let bytes = |four: &[i32]| {
        let mut bytes = [[0_u8; QUAD]; DIGITS];
        for (tap, &weight) in four.iter().enumerate() {
            for (bytes, digit) in bytes.iter_mut().zip(digits(weight)) {
                bytes[tap] = digit.cast_unsigned();
            }
        }
        bytes.map(i32::from_le_bytes)
    };
    fours.map(bytes).collect()
}

impl Table {
    /// The same taps in groups of sixteen output pixels, if each group reads few enough input pixels.
    pub(in crate::augment::resize) fn quads(&self) -> Option<&Quads> {
        self.quads.as_ref()
    }

    /// First input pixel of every output pixel, and its weights in fours, by digits.
    pub(in crate::augment::resize) fn digits(&self) -> impl Iterator<Item = (usize, &[[i32; DIGITS]])> {
        self.starts.iter().copied().zip(self.digits.chunks_exact(self.taps.div_ceil(QUAD)))
    }

    /// Number of taps of every output pixel.
    pub(in crate::augment::resize) fn taps(&self) -> usize {
        self.taps
    }
}

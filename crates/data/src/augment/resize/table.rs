//! Tap tables: which input pixels make an output pixel, and with which weights.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::augment::params::Interpolation;

/// Fractional bits of a weight.
pub(super) const PRECISION: u32 = 22;

/// Tables kept before the cache starts anew; 512 sizes in both directions fit.
const CAPACITY: usize = 2048;

/// What a table depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::augment) struct TableKey {
    pub(super) input: usize,
    pub(super) output: usize,
    pub(super) filter: Interpolation,
    pub(super) mirrored: bool,
}

/// The taps of every output pixel of one side; each has the same number, padded with zero weights.
#[derive(Debug)]
pub(super) struct Table {
    input: usize,
    starts: Vec<usize>,
    weights: Vec<i32>,
    taps: usize,
    windows: Option<Windows>,
    quads: Option<Quads>,
    /// The weights of every output pixel in fours, each four as the bytes of one number per digit.
    digits: Vec<[i32; DIGITS]>,
}

impl Table {
    /// PIL's coefficients: f64 filter values, normalised over the taps inside the image, rounded half away
    /// from zero to 22 bits. The filter widens by the scale when the image shrinks.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "PIL truncates pixels and rounds weights in the same way"
    )]
    fn new(key: TableKey) -> Self {
        let (evaluate, support): (fn(f64) -> f64, f64) = match key.filter {
            Interpolation::Bilinear => (bilinear, 1.0),
            Interpolation::Bicubic => (bicubic, 2.0),
        };
        let scale = key.input as f64 / key.output as f64;
        let filter_scale = scale.max(1.0);
        let support = support * filter_scale;
        let inverse = 1.0 / filter_scale;
        let mut entries: Vec<(usize, Vec<i32>)> = (0..key.output)
            .map(|at| {
                let centre = (at as f64 + 0.5) * scale;
                let start = (centre - support + 0.5).max(0.0) as usize;
                let end = ((centre + support + 0.5) as usize).min(key.input);
                let values: Vec<f64> =
                    (start..end).map(|tap| evaluate((tap as f64 - centre + 0.5) * inverse)).collect();
                let total: f64 = values.iter().sum();
                let weight = |value: f64| {
                    let value = if total == 0.0 { value } else { value / total };
                    (value * f64::from(1 << PRECISION)).round() as i32
                };
                trimmed(start, values.into_iter().map(weight).collect())
            })
            .collect();
        if key.mirrored {
            entries.reverse();
        }
        let taps = entries.iter().map(|(_, weights)| weights.len()).max().unwrap_or(1);
        let mut table = Self {
            input: key.input,
            starts: Vec::new(),
            weights: Vec::new(),
            taps,
            windows: None,
            quads: None,
            digits: Vec::new(),
        };
        for (start, weights) in entries {
            let shift = (start + taps).saturating_sub(key.input);
            table.starts.push(start - shift);
            let padding = taps - shift - weights.len();
            table
                .weights
                .extend(std::iter::repeat_n(0, shift).chain(weights).chain(std::iter::repeat_n(0, padding)));
        }
        table.windows = Windows::new(&table);
        table.quads = Quads::new(&table);
        for weights in table.weights.chunks_exact(taps) {
            table.digits.extend(weights.chunks(QUAD).map(|quad| {
                let mut bytes = [[0_u8; QUAD]; DIGITS];
                for (tap, &weight) in quad.iter().enumerate() {
                    for (bytes, digit) in bytes.iter_mut().zip(digits(weight)) {
                        bytes[tap] = digit.cast_unsigned();
                    }
                }
                bytes.map(i32::from_le_bytes)
            }));
        }
        table
    }

    /// Whether every output pixel is the input pixel at its place.
    pub(super) fn is_identity(&self) -> bool {
        self.taps == 1 && self.input == self.output() && self.starts.is_sorted()
    }

    /// The same taps in groups of sixteen output pixels, if each group reads few enough input pixels.
    pub(super) fn quads(&self) -> Option<&Quads> {
        self.quads.as_ref()
    }

    /// First input pixel of every output pixel, and its weights in fours, by digits.
    pub(super) fn digits(&self) -> impl Iterator<Item = (usize, &[[i32; DIGITS]])> {
        self.starts.iter().copied().zip(self.digits.chunks_exact(self.taps.div_ceil(QUAD)))
    }

    /// The same taps in groups of eight output pixels, if each group reads few enough input pixels.
    pub(super) fn windows(&self) -> Option<&Windows> {
        self.windows.as_ref()
    }

    /// Length of the side that is read, in pixels.
    pub(super) fn input(&self) -> usize {
        self.input
    }

    /// Number of taps of every output pixel.
    pub(super) fn taps(&self) -> usize {
        self.taps
    }

    /// Length of the side that is made, in pixels.
    pub(super) fn output(&self) -> usize {
        self.starts.len()
    }

    /// First input pixel and weights of every output pixel.
    pub(super) fn entries(&self) -> impl Iterator<Item = (usize, &[i32])> {
        self.starts.iter().copied().zip(self.weights.chunks_exact(self.taps))
    }
}

/// Input pixels that a group of output pixels may read.
pub(super) const WINDOW: usize = 16;

/// Output pixels of a group.
const GROUP: usize = 8;

/// A table rearranged for a byte shuffle and 16-bit multiplications.
#[derive(Debug)]
pub(super) struct Windows {
    windows: Vec<Window>,
    pairs: Vec<TapPair>,
}

/// Where a group of eight output pixels begins, in pixels of its row.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) input: usize,
    pub(super) output: usize,
}

/// Two taps of eight output pixels.
#[derive(Debug)]
pub(super) struct TapPair {
    /// Takes the two input bytes of each output pixel to its 32-bit lane, widened to 16 bits.
    pub(super) shuffle: [u8; 4 * GROUP],
    /// Upper parts of the weights.
    pub(super) high: [i16; 2 * GROUP],
    /// Lower parts of the weights, [`LOW_BITS`] wide.
    pub(super) low: [i16; 2 * GROUP],
}

/// Bits of the lower part of a weight.
pub(super) const LOW_BITS: u32 = 12;

impl Windows {
    fn new(table: &Table) -> Option<Self> {
        let output = table.output();
        let mut made = Self { windows: Vec::new(), pairs: Vec::new() };
        // The last group overlaps the one before it where the row is not a multiple of eight.
        let last = output.checked_sub(GROUP)?;
        for first in (0..last).step_by(GROUP).chain([last]) {
            let starts = &table.starts[first..first + GROUP];
            let input = *starts.iter().min()?;
            if starts.iter().any(|start| start + table.taps > input + WINDOW) {
                return None;
            }
            made.windows.push(Window { input, output: first });
            for tap in (0..table.taps).step_by(2) {
                made.pairs.push(table.pair(first, input, tap));
            }
        }
        Some(made)
    }

    /// Every group with its pairs of taps.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Window, &[TapPair])> {
        self.windows.iter().zip(self.pairs.chunks_exact(self.pairs.len() / self.windows.len()))
    }
}

impl Table {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "places are below the size of a window, and each part of a weight has at most 16 bits"
    )]
    fn pair(&self, first: usize, input: usize, tap: usize) -> TapPair {
        // A shuffle index with its highest bit set gives zero.
        let mut pair = TapPair { shuffle: [0x80; 32], high: [0; 16], low: [0; 16] };
        for lane in 0..GROUP {
            for half in 0..(self.taps - tap).min(2) {
                let weight = self.weights[(first + lane) * self.taps + tap + half];
                pair.shuffle[4 * lane + 2 * half] = (self.starts[first + lane] - input + tap + half) as u8;
                pair.high[2 * lane + half] = (weight >> LOW_BITS) as i16;
                pair.low[2 * lane + half] = (weight & ((1 << LOW_BITS) - 1)) as i16;
            }
        }
        pair
    }
}

/// Input pixels that a group of sixteen output pixels may read.
pub(super) const WIDE_WINDOW: usize = 64;

/// Output pixels of a group of that kind.
pub(super) const WIDE_GROUP: usize = 16;

/// Number of taps that are multiplied at once.
pub(super) const QUAD: usize = 4;

/// Number of digits of a weight, which are stored the highest first.
pub(super) const DIGITS: usize = 3;

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
pub(super) struct Quads {
    inputs: Vec<usize>,
    quads: Vec<Quad>,
}

/// Four taps of sixteen output pixels, four bytes a pixel.
#[derive(Debug)]
pub(super) struct Quad {
    /// Places of the taps in the window.
    pub(super) places: [u8; QUAD * WIDE_GROUP],
    /// Weights, by digits.
    pub(super) digits: [[i8; QUAD * WIDE_GROUP]; DIGITS],
}

/// What a group of sixteen output pixels (the last may be smaller) reads.
#[derive(Clone, Copy)]
pub(super) struct GroupTaps<'a> {
    /// Where its window begins, in pixels of its row.
    pub(super) input: usize,
    /// The group's taps.
    pub(super) quads: &'a [Quad],
}

impl Quads {
    #[expect(clippy::cast_possible_truncation, reason = "places are below the size of a window")]
    fn new(table: &Table) -> Option<Self> {
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
    pub(super) fn iter(&self) -> impl Iterator<Item = GroupTaps<'_>> {
        let each = self.quads.len() / self.inputs.len();
        self.inputs
            .iter()
            .zip(self.quads.chunks_exact(each))
            .map(|(&input, quads)| GroupTaps { input, quads })
    }
}

/// Drops zero weights at both ends, which change nothing.
fn trimmed(start: usize, mut weights: Vec<i32>) -> (usize, Vec<i32>) {
    while weights.len() > 1 && weights.last() == Some(&0) {
        weights.pop();
    }
    let leading = weights.iter().take_while(|&&w| w == 0).count().min(weights.len() - 1);
    (start + leading, weights.split_off(leading))
}

fn bilinear(x: f64) -> f64 {
    (1.0 - x.abs()).max(0.0)
}

/// Keys' cubic with a = -0.5.
fn bicubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

/// Tables by what they depend on.
#[derive(Debug, Default)]
pub(in crate::augment) struct TableCache(HashMap<TableKey, Table, BuildHasherDefault<KeyHasher>>);

/// A hash of few small numbers: the standard one, made for untrusted keys, costs as much as a step of a view.
#[derive(Debug, Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn write_isize(&mut self, value: isize) {
        self.write_usize(value.cast_unsigned());
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(26) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

impl TableCache {
    /// Two tables, made if they are not there yet.
    pub(super) fn pair(&mut self, first: TableKey, second: TableKey) -> (&Table, &Table) {
        if self.0.len() + 2 > CAPACITY {
            self.0.clear();
        }
        for key in [first, second] {
            self.0.entry(key).or_insert_with(|| Table::new(key));
        }
        (&self.0[&first], &self.0[&second])
    }
}

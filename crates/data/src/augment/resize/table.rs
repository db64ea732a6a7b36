//! Tap tables: which input pixels make an output pixel, and with which weights.

#[cfg(target_arch = "x86_64")]
pub(super) mod quads;

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
    #[cfg(target_arch = "x86_64")]
    quads: Option<quads::Quads>,
    #[cfg(target_arch = "x86_64")]
    digits: Vec<[i32; quads::DIGITS]>,
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
            #[cfg(target_arch = "x86_64")]
            quads: None,
            #[cfg(target_arch = "x86_64")]
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
        #[cfg(target_arch = "x86_64")]
        {
            table.quads = quads::Quads::new(&table);
            table.digits = quads::digits_in_fours(&table);
        }
        table
    }

    /// Whether every output pixel is the input pixel at its place.
    pub(super) fn is_identity(&self) -> bool {
        self.taps == 1 && self.input == self.output() && self.starts.is_sorted()
    }

    /// The same taps in groups of eight output pixels, if each group reads few enough input pixels.
    pub(super) fn windows(&self) -> Option<&Windows> {
        self.windows.as_ref()
    }

    /// Length of the side that is read, in pixels.
    pub(super) fn input(&self) -> usize {
        self.input
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

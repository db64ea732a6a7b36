//! Keyed, counter-based random streams.
//!
//! A stream is a pure function of its key, so a view is the same bits whatever the number of threads, the
//! order of samples, or a resume in between. The generator is Philox4x32-10 (Salmon et al., "Parallel random
//! numbers: as easy as 1, 2, 3", SC 2011): creating one costs a few nanoseconds and it keeps no shared state.

use std::convert::Infallible;

use rand::{Rng, TryRng};
use serde::{Deserialize, Serialize};

/// Which part of a data set a stream belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// The training images.
    Train,
    /// The held-out images.
    Test,
}

/// Names one view: every random draw made for it comes from [`ViewKey::rng`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ViewKey {
    /// The run's seed.
    pub seed: u64,
    /// Training or held-out images.
    pub split: Split,
    /// Epoch, from 0.
    pub epoch: u64,
    /// Index of the source image in its data set (not its place in the shuffled epoch).
    pub sample: u64,
    /// Index of the view in its sequence; by convention the target is the last.
    pub view: u32,
}

impl ViewKey {
    /// The view's random stream, at its beginning.
    #[must_use]
    pub fn rng(&self) -> KeyedRng {
        let key = stream_key(Domain::View, self.seed, self.split, self.epoch);
        let [low, high] = halves(self.sample);
        KeyedRng::new(key, [low, high, self.view])
    }
}

/// Names the order of one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ShuffleKey {
    /// The run's seed.
    pub seed: u64,
    /// Training or held-out images.
    pub split: Split,
    /// Epoch, from 0.
    pub epoch: u64,
}

impl ShuffleKey {
    /// The stream the order is drawn from; independent of every view's stream.
    #[must_use]
    pub fn rng(&self) -> KeyedRng {
        KeyedRng::new(stream_key(Domain::Shuffle, self.seed, self.split, self.epoch), [0; 3])
    }

    /// Shuffles `items` in place (Fisher-Yates).
    pub fn shuffle<T>(&self, items: &mut [T]) {
        let mut rng = self.rng();
        for last in (1..items.len()).rev() {
            items.swap(last, below(&mut rng, last + 1));
        }
    }
}

/// Philox4x32-10 with a 64-bit key and a 96-bit stream number; 2^34 draws of 32 bits per stream.
#[derive(Clone, Debug)]
pub struct KeyedRng {
    key: [u32; 2],
    counter: [u32; 4],
    block: [u32; 4],
    used: usize,
}

impl KeyedRng {
    fn new(key: u64, stream: [u32; 3]) -> Self {
        Self { key: halves(key), counter: [0, stream[0], stream[1], stream[2]], block: [0; 4], used: 4 }
    }

    #[inline]
    fn next(&mut self) -> u32 {
        if self.used == 4 {
            self.block = philox(self.counter, self.key);
            self.counter[0] = self.counter[0].wrapping_add(1);
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }
}

impl TryRng for KeyedRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.next())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let low = u64::from(self.next());
        Ok(low | u64::from(self.next()) << 32)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(4) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// A uniform draw from `[low, high]` on torch's 24-bit grid: `u * (high - low) + low` in f32, `u` in `[0, 1)`.
pub(crate) fn uniform<R: Rng + ?Sized>(rng: &mut R, [low, high]: [f32; 2]) -> f32 {
    const STEP: f32 = 1.0 / (1 << 24) as f32;
    (rng.next_u32() >> 8) as f32 * STEP * (high - low) + low
}

/// True with the given probability, resolved to 2^-32; exact for 0 and 1.
pub(crate) fn chance<R: Rng + ?Sized>(rng: &mut R, probability: f64) -> bool {
    f64::from(rng.next_u32()) < probability * 4_294_967_296.0
}

/// A uniform integer in `0..bound`, by multiply and shift; the bias is below `bound * 2^-64`.
#[expect(clippy::cast_possible_truncation, reason = "the upper half of the product is below `bound`")]
pub(crate) fn below<R: Rng + ?Sized>(rng: &mut R, bound: usize) -> usize {
    ((u128::from(rng.next_u64()) * bound as u128) >> 64) as usize
}

/// Keeps streams of different purposes apart.
#[derive(Clone, Copy)]
enum Domain {
    View = 1,
    Shuffle = 2,
}

fn stream_key(domain: Domain, seed: u64, split: Split, epoch: u64) -> u64 {
    let split = match split {
        Split::Train => 1,
        Split::Test => 2,
    };
    mix(mix(mix(seed) ^ epoch) ^ ((domain as u64) << 8 | split))
}

/// The finaliser of SplitMix64: a bijection in which every input bit reaches every output bit.
fn mix(value: u64) -> u64 {
    let z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

/// The lower and the upper 32 bits.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "each half has 32 bits")]
fn halves(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}

/// One block of Philox4x32 with ten rounds.
fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let [a_low, a_high] = halves(u64::from(counter[0]) * 0xd251_1f53);
        let [b_low, b_high] = halves(u64::from(counter[2]) * 0xcd9e_8d57);
        counter = [b_high ^ counter[1] ^ key[0], b_low, a_high ^ counter[3] ^ key[1], a_low];
        key = [key[0].wrapping_add(0x9e37_79b9), key[1].wrapping_add(0xbb67_ae85)];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    // The known answers published with Random123 for philox4x32-10.
    #[test]
    fn philox_known_answers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
        assert_eq!(philox([u32::MAX; 4], [u32::MAX; 2]), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
        assert_eq!(
            philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]),
            [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]
        );
    }

    #[test]
    fn every_field_of_the_key_changes_the_stream() {
        let key = ViewKey { seed: 1, split: Split::Train, epoch: 2, sample: 3, view: 4 };
        let others = [
            ViewKey { seed: 2, ..key },
            ViewKey { split: Split::Test, ..key },
            ViewKey { epoch: 3, ..key },
            ViewKey { sample: 4, ..key },
            ViewKey { sample: 3 | 1 << 32, ..key },
            ViewKey { view: 5, ..key },
        ];
        let first = key.rng().next_u64();
        assert_eq!(first, key.rng().next_u64());
        for other in others {
            assert_ne!(first, other.rng().next_u64(), "{other:?}");
        }
        let shuffle = ShuffleKey { seed: 1, split: Split::Train, epoch: 2 };
        let zero = ViewKey { sample: 0, view: 0, ..key };
        assert_ne!(shuffle.rng().next_u64(), zero.rng().next_u64());
    }

    #[test]
    fn shuffle_is_a_reproducible_permutation() {
        let key = ShuffleKey { seed: 42, split: Split::Train, epoch: 0 };
        let mut order: Vec<u32> = (0..1000).collect();
        key.shuffle(&mut order);
        let mut again: Vec<u32> = (0..1000).collect();
        key.shuffle(&mut again);
        assert_eq!(order, again);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert!(sorted.iter().copied().eq(0..1000));
        let fixed = order.iter().enumerate().filter(|&(i, &v)| i as u32 == v).count();
        assert!(fixed < 10, "{fixed} of 1000 items did not move; 1 is expected");
    }

    #[test]
    fn uniform_and_chance_keep_their_bounds() {
        let mut rng = ShuffleKey { seed: 7, split: Split::Test, epoch: 9 }.rng();
        let mut hits = 0;
        for _ in 0..10_000 {
            let x = uniform(&mut rng, [-0.1, 0.1]);
            assert!((-0.1..=0.1).contains(&x));
            assert!(below(&mut rng, 3) < 3);
            assert!(!chance(&mut rng, 0.0) && chance(&mut rng, 1.0));
            hits += u32::from(chance(&mut rng, 0.8));
        }
        // Binomial(10 000, 0.8): five standard deviations are 200.
        assert!((7800..=8200).contains(&hits), "{hits}");
    }
}

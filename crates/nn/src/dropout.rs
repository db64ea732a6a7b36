//! Dropout whose masks depend on a key alone.

#[cfg(feature = "cube")]
use burn::backend::tensor::{FloatTensor, IntTensor};
#[cfg(feature = "cube")]
use burn::backend::{Backend, Dispatch, backend_extension};
#[cfg(feature = "cube")]
use burn::tensor::{DType, Device, Shape};
use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

use crate::host;

/// Names the random draws of one training step.
///
/// Equal keys give equal dropout masks on every backend and with any number of threads, so a run can be
/// resumed from its step counter alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DropoutKey {
    /// Seed of the run.
    pub seed: u64,
    /// Index of the training step.
    pub step: u64,
}

impl DropoutKey {
    /// The key of micro-batch `index` of the same step, counted from 0; that of the first is the step's own.
    #[must_use]
    pub fn micro_batch(self, index: u64) -> Self {
        match index {
            0 => self,
            // The step stays what it is: methods look at it.
            index => Self { seed: mix(self.seed ^ mix(index.wrapping_mul(GOLDEN))), ..self },
        }
    }
}

/// The dropout masks of one forward pass, handed out in the order in which layers ask for them.
#[derive(Clone, Debug)]
pub struct DropoutMasks {
    key: DropoutKey,
    site: u64,
}

/// Elements that one task draws: small enough to share among threads, large enough to be worth it.
const CHUNK: usize = 1 << 15;
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl DropoutMasks {
    /// The masks of the step `key`.
    #[must_use]
    pub fn new(key: DropoutKey) -> Self {
        Self { key, site: 0 }
    }

    /// Sets each element to zero with `probability` and scales the others by `1 / (1 - probability)`.
    ///
    /// # Panics
    /// If `probability` is not in `[0, 1)`.
    pub fn apply<const D: usize>(&mut self, input: Tensor<D>, probability: f64) -> Tensor<D> {
        assert!((0.0..1.0).contains(&probability), "dropout probability {probability} is not in [0, 1)");
        self.site += 1;
        if probability == 0.0 {
            return input;
        }
        let shape = input.shape();
        let device = input.device().without_autodiff();
        #[cfg(feature = "cube")]
        if crate::pixels::looks_up(&device) && shape.num_elements() > 0 {
            return input * self.drawn_there(shape, probability, &device);
        }
        let mask = self.draw(shape.num_elements(), probability);
        input * host::send(TensorData::new(mask, shape), &device)
    }

    /// The mask on a GPU, to which it goes as bits: a 32nd of what its values take.
    #[cfg(feature = "cube")]
    fn drawn_there<const D: usize>(&self, shape: Shape, probability: f64, device: &Device) -> Tensor<D> {
        let (words, keep) = (self.draw_bits(shape.num_elements(), probability), scale(probability));
        let count = [words.len()];
        let words = TensorData::new::<i32, _>(words, count);
        let words = host::send_integers::<1>(words, (device, DType::I32)).into_dispatch();
        // As a tensor, since the fused operation takes the mask's type and device from one.
        let keep = host::send::<1>(TensorData::new::<f32, _>(vec![keep], [1]), (device, DType::F32));
        Tensor::from_dispatch(<Dispatch as MaskOfBits>::mask_of_bits(words, keep.into_dispatch(), shape))
    }

    fn draw(&self, count: usize, probability: f64) -> Vec<f32> {
        let (pairs, keep) = (self.pairs(probability), scale(probability));
        let mut mask = vec![0.0; count];
        mask.par_chunks_mut(CHUNK).enumerate().for_each(|(index, chunk)| {
            let first = (index * CHUNK / 2) as u64;
            for (pair, counter) in chunk.chunks_mut(2).zip(first..) {
                for (value, kept) in pair.iter_mut().zip(pairs(counter)) {
                    *value = if kept { keep } else { 0.0 };
                }
            }
        });
        mask
    }

    /// The same, a bit an element, whether it is kept: 32 a word, the first the lowest.
    #[cfg(any(feature = "cube", test))]
    fn draw_bits(&self, count: usize, probability: f64) -> Vec<i32> {
        let pairs = self.pairs(probability);
        let word = |index: u64| {
            (0..16).fold(0_u32, |word, pair| {
                let [first, second] = pairs(index * 16 + pair).map(u32::from);
                word | (first | second << 1) << (2 * pair)
            })
        };
        let mut words = vec![0; count.div_ceil(32)];
        words.par_chunks_mut(CHUNK / 32).enumerate().for_each(|(chunk, words)| {
            let first = (chunk * CHUNK / 32) as u64;
            for (place, index) in words.iter_mut().zip(first..) {
                *place = word(index).cast_signed();
            }
        });
        words
    }

    /// Whether the two elements of a pair are kept.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a 32-bit fraction of 0 to 1, and the lower half of 64 bits"
    )]
    fn pairs(&self, probability: f64) -> impl Fn(u64) -> [bool; 2] + Sync + use<> {
        let base = [self.key.seed, self.key.step, self.site]
            .into_iter()
            .fold(0, |state, word| mix(state ^ mix(word.wrapping_add(GOLDEN))));
        // The probability as a 32-bit fraction: an element is dropped iff its 32 random bits are below.
        let threshold = (probability * f64::from(u32::MAX)) as u32;
        move |counter| {
            let bits = mix(base.wrapping_add(counter.wrapping_mul(GOLDEN)));
            [bits as u32 >= threshold, (bits >> 32) as u32 >= threshold]
        }
    }
}

/// What elements that are kept are multiplied with.
#[expect(clippy::cast_possible_truncation, reason = "a factor between 1 and infinity")]
fn scale(probability: f64) -> f32 {
    (1.0 / (1.0 - probability)) as f32
}

#[cfg(feature = "cube")]
#[backend_extension(Cube: cfg(feature = "cube"), Fusion: cfg(feature = "cube"))]
pub(crate) trait MaskOfBits: Backend {
    /// `keep`, one value, where the bit of `words` is set, the lowest first, else 0, in `shape`.
    #[fusion(dtype = keep, shape = shape.clone())]
    fn mask_of_bits(words: IntTensor<Self>, keep: FloatTensor<Self>, shape: Shape) -> FloatTensor<Self>;
}

/// The output function of SplitMix64 (Steele, Lea and Flood 2014), a bijection that mixes all bits.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: DropoutKey = DropoutKey { seed: 7, step: 3 };

    #[test]
    fn masks_have_the_asked_rate_and_scale() {
        let mask = DropoutMasks::new(KEY).draw(200_000, 0.1);
        let dropped = mask.iter().filter(|value| **value == 0.0).count();
        // Standard deviation of the count: sqrt(200 000 · 0.1 · 0.9) = 134; five of them.
        assert!(dropped.abs_diff(20_000) < 670, "{dropped} of 200 000 dropped");
        assert!(mask.iter().all(|value| *value == 0.0 || *value == 1.0 / 0.9));
    }

    #[test]
    fn masks_do_not_depend_on_the_thread_count() {
        let draw = |threads| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .expect("a thread pool")
                .install(|| DropoutMasks::new(KEY).draw(3 * CHUNK + 17, 0.5))
        };
        assert_eq!(draw(1), draw(4));
    }

    #[test]
    fn bits_are_those_of_the_mask() {
        for count in [1, 31, 32, 33, CHUNK + 5, 3 * CHUNK + 17] {
            let masks = DropoutMasks { key: KEY, site: 2 };
            let words = masks.draw_bits(count, 0.3);
            assert_eq!(words.len(), count.div_ceil(32));
            for (index, value) in masks.draw(count, 0.3).into_iter().enumerate() {
                assert_eq!(value != 0.0, words[index / 32] >> (index % 32) & 1 == 1, "{index} of {count}");
            }
        }
    }

    #[test]
    fn sites_steps_and_seeds_differ() {
        let draw = |key, site| DropoutMasks { key, site }.draw(256, 0.5);
        let reference = draw(KEY, 1);
        assert_ne!(reference, draw(KEY, 2));
        assert_ne!(reference, draw(DropoutKey { step: 4, ..KEY }, 1));
        assert_ne!(reference, draw(DropoutKey { seed: 8, ..KEY }, 1));
    }

    #[test]
    fn micro_batches_have_masks_of_their_own() {
        let draw = |key| DropoutMasks::new(key).draw(256, 0.5);
        assert_eq!(KEY.micro_batch(0), KEY);
        let masks: Vec<_> = (0..4).map(|index| draw(KEY.micro_batch(index))).collect();
        for (index, mask) in masks.iter().enumerate() {
            assert!(masks[..index].iter().all(|earlier| earlier != mask), "micro-batch {index}");
            assert_ne!(*mask, draw(DropoutKey { step: 4, ..KEY }.micro_batch(index as u64)));
        }
    }
}

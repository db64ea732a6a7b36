//! Dropout whose masks depend on a key alone.

use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

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
        let mask = self.draw(shape.num_elements(), probability);
        let device = input.device().without_autodiff();
        input * Tensor::from_data(TensorData::new(mask, shape), &device)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a 32-bit fraction of 0 to 1, and the lower half of 64 bits"
    )]
    fn draw(&self, count: usize, probability: f64) -> Vec<f32> {
        let base = [self.key.seed, self.key.step, self.site]
            .into_iter()
            .fold(0, |state, word| mix(state ^ mix(word.wrapping_add(GOLDEN))));
        let keep = (1.0 / (1.0 - probability)) as f32;
        // The probability as a 32-bit fraction: an element is dropped iff its 32 random bits are below.
        let threshold = (probability * f64::from(u32::MAX)) as u32;
        let value = |bits: u64| if bits as u32 >= threshold { keep } else { 0.0 };
        let mut mask = vec![0.0; count];
        mask.par_chunks_mut(CHUNK).enumerate().for_each(|(index, chunk)| {
            let first = (index * CHUNK / 2) as u64;
            for (pair, counter) in chunk.chunks_mut(2).zip(first..) {
                let bits = mix(base.wrapping_add(counter.wrapping_mul(GOLDEN)));
                pair[0] = value(bits);
                if let Some(second) = pair.get_mut(1) {
                    *second = value(bits >> 32);
                }
            }
        });
        mask
    }
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

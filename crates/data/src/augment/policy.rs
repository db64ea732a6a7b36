//! What is drawn for a view, and from which distribution.

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::crop::sample_crop;
use super::params::{AugmentParams, ColorJitter, GaussianBlur, Interpolation, JitterStep};
use super::{AugmentError, check};
use crate::rng::{below, chance, uniform};

/// The distribution of the augmentations of one kind of view.
///
/// Plain data: change what you need, then call [`AugmentPolicy::validate`]. Ranges are `[low, high]`, both
/// ends included, drawn uniformly in f32 as torchvision draws them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AugmentPolicy {
    /// Rows of the view, in pixels.
    pub output_height: usize,
    /// Columns of the view, in pixels.
    pub output_width: usize,
    /// Resampling filter of the resized crop.
    pub interpolation: Interpolation,
    /// Area of the crop as a share of the image's area. `[1, 1]` with ratio `[1, 1]` keeps a square image.
    pub crop_scale: [f32; 2],
    /// Aspect ratio of the crop, width / height; drawn uniformly in its logarithm.
    pub crop_ratio: [f32; 2],
    /// Probability of the horizontal flip.
    pub flip_probability: f64,
    /// Probability that the colour jitter is applied.
    pub jitter_probability: f64,
    /// Brightness factors. A range `[1, 1]` switches the step off, as in torchvision; so for the next two.
    pub brightness: [f32; 2],
    /// Contrast factors.
    pub contrast: [f32; 2],
    /// Saturation factors.
    pub saturation: [f32; 2],
    /// Hue shifts in turns, within `[-0.5, 0.5]`. A range `[0, 0]` switches the step off.
    pub hue: [f32; 2],
    /// Probability of the conversion to grey.
    pub grayscale_probability: f64,
    /// Probability of the blur.
    pub blur_probability: f64,
    /// Side of the blur kernel in pixels, odd.
    pub blur_kernel_size: usize,
    /// Standard deviations of the blur in pixels, above 0.
    pub blur_sigma: [f32; 2],
    /// Probability of the solarisation.
    pub solarize_probability: f64,
    /// Bytes at or above the threshold are inverted.
    pub solarize_threshold: u8,
}

impl AugmentPolicy {
    /// The published distribution of an observed view (arXiv 2505.03176, the CIFAR-100 augmentation
    /// pipeline) of `size` x `size` pixels: always blurred, never solarised.
    #[must_use]
    pub fn observed(size: usize) -> Self {
        Self {
            output_height: size,
            output_width: size,
            interpolation: Interpolation::Bicubic,
            crop_scale: [0.2, 1.0],
            crop_ratio: [3.0 / 4.0, 4.0 / 3.0],
            flip_probability: 0.5,
            jitter_probability: 0.8,
            brightness: [0.6, 1.4],
            contrast: [0.6, 1.4],
            saturation: [0.8, 1.2],
            hue: [-0.1, 0.1],
            grayscale_probability: 0.2,
            blur_probability: 1.0,
            blur_kernel_size: published_kernel_size(size),
            blur_sigma: [0.1, 2.0],
            solarize_probability: 0.0,
            solarize_threshold: 128,
        }
    }

    /// The published distribution of the target view: blurred with probability 0.1, solarised with
    /// probability 0.2, otherwise as [`AugmentPolicy::observed`].
    #[must_use]
    pub fn target(size: usize) -> Self {
        Self { blur_probability: 0.1, solarize_probability: 0.2, ..Self::observed(size) }
    }

    /// The same policy without blur. Its views still have nine action parameters; sigma is always 0.
    #[must_use]
    pub fn without_blur(self) -> Self {
        Self { blur_probability: 0.0, ..self }
    }

    /// The same size and filter without any augmentation: the whole image where it is square, the largest square in it where it is
    /// not. A square image of the view's size keeps its pixels.
    #[must_use]
    pub fn clean(&self) -> Self {
        Self {
            crop_scale: [1.0, 1.0],
            crop_ratio: [1.0, 1.0],
            flip_probability: 0.0,
            jitter_probability: 0.0,
            grayscale_probability: 0.0,
            blur_probability: 0.0,
            solarize_probability: 0.0,
            ..self.clone()
        }
    }

    /// Checks every probability, range and size.
    ///
    /// # Errors
    /// [`AugmentError::ZeroSize`], [`AugmentError::TooLarge`], [`AugmentError::Probability`], [`AugmentError::Range`],
    /// [`AugmentError::KernelSize`] or [`AugmentError::KernelTooLarge`], naming the first wrong field.
    pub fn validate(&self) -> Result<(), AugmentError> {
        check::size("view", self.output_height, self.output_width)?;
        for (name, value) in [
            ("the horizontal flip", self.flip_probability),
            ("the colour jitter", self.jitter_probability),
            ("the conversion to grey", self.grayscale_probability),
            ("the blur", self.blur_probability),
            ("the solarisation", self.solarize_probability),
        ] {
            if !(0.0..=1.0).contains(&value) {
                return Err(AugmentError::Probability { name, value });
            }
        }
        let positive: fn(f32) -> bool = |x| x > 0.0 && x.is_finite();
        let factor: fn(f32) -> bool = |x| x >= 0.0 && x.is_finite();
        for (name, [low, high], accepts, expected) in [
            ("the crop's area", self.crop_scale, (|x| x > 0.0 && x <= 1.0) as fn(f32) -> bool, "(0, 1]"),
            ("the crop's aspect ratio", self.crop_ratio, positive, "(0, inf)"),
            ("brightness", self.brightness, factor, "[0, inf)"),
            ("contrast", self.contrast, factor, "[0, inf)"),
            ("saturation", self.saturation, factor, "[0, inf)"),
            ("hue", self.hue, |x| (-0.5..=0.5).contains(&x), "[-0.5, 0.5]"),
            ("the blur's sigma", self.blur_sigma, positive, "(0, inf)"),
        ] {
            if !(low <= high && accepts(low) && accepts(high)) {
                return Err(AugmentError::Range { name, low, high, expected });
            }
        }
        if self.blur_probability > 0.0 {
            check::kernel(self.blur_kernel_size, self.output_height, self.output_width)?;
        }
        Ok(())
    }

    /// Draws the parameters of one view of a source image of `source_height` x `source_width` pixels.
    ///
    /// The order of the four jitter steps is drawn too, each of the 24 orders equally likely. The result is
    /// meaningful for a policy that [`validate`](Self::validate)s.
    pub fn sample<R: Rng + ?Sized>(
        &self,
        rng: &mut R,
        source_height: usize,
        source_width: usize,
    ) -> AugmentParams {
        AugmentParams {
            crop: sample_crop(rng, self.crop_scale, self.crop_ratio, source_height, source_width),
            output_height: self.output_height,
            output_width: self.output_width,
            interpolation: self.interpolation,
            flip: chance(rng, self.flip_probability),
            jitter: chance(rng, self.jitter_probability).then(|| ColorJitter {
                order: sample_order(rng),
                brightness: unless_identity(rng, self.brightness, 1.0),
                contrast: unless_identity(rng, self.contrast, 1.0),
                saturation: unless_identity(rng, self.saturation, 1.0),
                hue: unless_identity(rng, self.hue, 0.0),
            }),
            grayscale: chance(rng, self.grayscale_probability),
            blur: chance(rng, self.blur_probability).then(|| GaussianBlur {
                sigma: uniform(rng, self.blur_sigma),
                kernel_size: self.blur_kernel_size,
            }),
            solarize: chance(rng, self.solarize_probability).then_some(self.solarize_threshold),
        }
    }
}

/// The published rule for the side of the blur kernel, `2 * round((size - 10) / 20) + 1`: 3 at 32 pixels, 23
/// at 224. Halves round to even, as in Python; views below 21 pixels get 1, which leaves them as they are.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rounded number that is not negative"
)]
pub fn published_kernel_size(size: usize) -> usize {
    2 * (size.saturating_sub(10) as f64 / 20.0).round_ties_even() as usize + 1
}

fn unless_identity<R: Rng + ?Sized>(rng: &mut R, range: [f32; 2], identity: f32) -> Option<f32> {
    (range != [identity; 2]).then(|| uniform(rng, range))
}

/// One of the 24 orders: Fisher-Yates, its choices taken from the digits of one draw.
fn sample_order<R: Rng + ?Sized>(rng: &mut R) -> [JitterStep; 4] {
    let mut order = JitterStep::ALL;
    let draw = below(rng, 24);
    order.swap(0, draw % 4);
    order.swap(1, 1 + draw / 4 % 3);
    order.swap(2, 2 + draw / 12);
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{ShuffleKey, Split};

    #[test]
    fn published_policies_are_valid() {
        for size in [16, 28, 32, 64, 96, 224] {
            AugmentPolicy::observed(size).validate().unwrap();
            AugmentPolicy::target(size).without_blur().validate().unwrap();
        }
        assert_eq!([16, 20, 21, 32, 40, 64, 224].map(published_kernel_size), [1, 1, 3, 3, 5, 7, 23]);
    }

    #[test]
    fn bad_policies_are_typed_errors() {
        let good = AugmentPolicy::observed(32);
        type Change = fn(&mut AugmentPolicy);
        let cases: [(Change, &str); 17] = [
            (|p| p.output_width = 0, "ZeroSize"),
            (|p| p.output_height = 1 << 20, "TooLarge"),
            (|p| p.flip_probability = f64::NAN, "Probability"),
            (|p| p.jitter_probability = -0.1, "Probability"),
            (|p| p.grayscale_probability = f64::INFINITY, "Probability"),
            (|p| p.solarize_probability = 2.0, "Probability"),
            (|p| p.crop_scale = [0.2, 1.1], "Range"),
            (|p| p.crop_ratio = [0.0, 1.0], "Range"),
            (|p| p.contrast = [0.5, f32::NAN], "Range"),
            (|p| p.saturation = [-0.1, 1.0], "Range"),
            (|p| p.blur_sigma = [0.0, 1.0], "Range"),
            (|p| p.blur_probability = 1.5, "Probability"),
            (|p| p.crop_scale = [0.0, 1.0], "Range"),
            (|p| p.brightness = [1.4, 0.6], "Range"),
            (|p| p.hue = [-0.6, 0.1], "Range"),
            (|p| p.blur_kernel_size = 4, "KernelSize"),
            (|p| p.blur_kernel_size = 65, "KernelTooLarge"),
        ];
        for (change, variant) in cases {
            let mut policy = good.clone();
            change(&mut policy);
            let error = policy.validate().unwrap_err();
            assert!(format!("{error:?}").starts_with(variant), "{error:?}");
        }
    }

    #[test]
    fn every_jitter_order_is_equally_likely() {
        let mut rng = ShuffleKey { seed: 3, split: Split::Train, epoch: 0 }.rng();
        let mut counts = std::collections::HashMap::new();
        for _ in 0..24_000 {
            *counts.entry(sample_order(&mut rng)).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 24);
        // Binomial(24 000, 1/24): five standard deviations are 155.
        assert!(counts.values().all(|&n| (845..=1155).contains(&n)), "{counts:?}");
    }

    #[test]
    fn switched_off_steps_are_not_drawn() {
        let policy = AugmentPolicy { hue: [0.0; 2], jitter_probability: 1.0, ..AugmentPolicy::observed(32) };
        let mut rng = ShuffleKey { seed: 3, split: Split::Train, epoch: 0 }.rng();
        let jitter = policy.sample(&mut rng, 32, 32).jitter.unwrap();
        assert!(jitter.hue.is_none() && jitter.contrast.is_some());
    }
}

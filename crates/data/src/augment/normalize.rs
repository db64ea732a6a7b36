use serde::{Deserialize, Serialize};

use super::AugmentError;

/// Per-channel mean and standard deviation, in units of the byte range (0 to 1), red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalization {
    /// Subtracted from the bytes divided by 255.
    pub mean: [f32; 3],
    /// Divides the difference; above 0.
    pub std: [f32; 3],
}

impl Normalization {
    /// CIFAR-100's training images.
    pub const CIFAR100: Self = Self { mean: [0.5071, 0.4867, 0.4408], std: [0.2675, 0.2565, 0.2761] };
    /// CIFAR-10's training images.
    pub const CIFAR10: Self = Self { mean: [0.4914, 0.4822, 0.4465], std: [0.2470, 0.2435, 0.2616] };
    /// Fashion-MNIST's training images at 28 x 28 pixels, replicated to three channels.
    pub const FASHION_MNIST: Self = Self { mean: [0.2860; 3], std: [0.3530; 3] };
    /// ImageNet's training images.
    pub const IMAGENET: Self = Self { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

    /// Checks and wraps the constants.
    ///
    /// # Errors
    /// [`AugmentError::Factor`] for a mean that is not finite or a deviation that is not above 0.
    pub fn new(mean: [f32; 3], std: [f32; 3]) -> Result<Self, AugmentError> {
        let normalization = Self { mean, std };
        normalization.validate()?;
        Ok(normalization)
    }

    /// Checks the constants.
    ///
    /// # Errors
    /// As [`Normalization::new`].
    pub fn validate(&self) -> Result<(), AugmentError> {
        if let Some(&value) = self.mean.iter().find(|x| !x.is_finite()) {
            return Err(AugmentError::Factor { name: "the mean", value, expected: "a finite number" });
        }
        if let Some(&value) = self.std.iter().find(|&&x| !(x > 0.0 && x.is_finite())) {
            let name = "the standard deviation";
            return Err(AugmentError::Factor { name, value, expected: "a finite number above 0" });
        }
        Ok(())
    }

    /// `(byte / 255 - mean) / std` in f32, in that order: what torchvision's `to_tensor` and `normalize` do.
    #[inline(always)]
    pub(super) fn apply_planes<const AVX2: bool>(&self, planes: &[u8], out: &mut [f32]) {
        let area = planes.len() / 3;
        let channels = planes.chunks_exact(area).zip(out.chunks_exact_mut(area));
        for ((bytes, out), (mean, std)) in channels.zip(self.mean.into_iter().zip(self.std)) {
            // Far from the ends of f32's exponents the corrected quotient below is the exact one.
            if AVX2 && (1e-6..1e6).contains(&std) && mean.abs() < 1e6 {
                let reciprocal = 1.0 / std;
                for (byte, out) in bytes.iter().zip(out) {
                    *out = quotient(over_255(f32::from(*byte)) - mean, std, reciprocal);
                }
            } else {
                for (byte, out) in bytes.iter().zip(out) {
                    *out = (f32::from(*byte) / 255.0 - mean) / std;
                }
            }
        }
    }
}

/// `byte / 255` rounded correctly: for bytes one correction is enough, as the test shows.
#[inline(always)]
fn over_255(byte: f32) -> f32 {
    const RECIPROCAL: f32 = 1.0 / 255.0;
    let estimate = byte * RECIPROCAL;
    (-255.0_f32).mul_add(estimate, byte).mul_add(RECIPROCAL, estimate)
}

/// `x / divisor` rounded correctly, by the rounded reciprocal and fused multiply-adds, which are a third of the
/// price of a division. The first correction makes the quotient faithful, the second exact (Markstein,
/// "Computation of elementary functions on the IBM RISC System/6000 processor", 1990).
#[inline(always)]
fn quotient(x: f32, divisor: f32, reciprocal: f32) -> f32 {
    let estimate = x * reciprocal;
    let faithful = (-divisor).mul_add(estimate, x).mul_add(reciprocal, estimate);
    (-divisor).mul_add(faithful, x).mul_add(reciprocal, faithful)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{ShuffleKey, Split, uniform};

    #[test]
    fn bad_constants_are_errors() {
        assert!(Normalization::new([0.5; 3], [0.25; 3]).is_ok());
        assert!(Normalization::new([f32::NAN; 3], [0.25; 3]).is_err());
        assert!(Normalization::new([0.5; 3], [0.0, 1.0, 1.0]).is_err());
    }

    #[test]
    fn corrected_quotients_are_exact() {
        let mut rng = ShuffleKey { seed: 8, split: Split::Test, epoch: 0 }.rng();
        let mut divisors = vec![255.0, 0.2675, 0.2565, 0.2761, 0.229, 1.0, 0.5, 3.0];
        divisors.extend((0..2000).map(|_| uniform(&mut rng, [1e-3, 2.0])));
        for divisor in divisors {
            let mean = uniform(&mut rng, [-1.0, 1.0]);
            for byte in 0..=255_u8 {
                let x = f32::from(byte) / 255.0;
                assert_eq!(over_255(f32::from(byte)), x);
                assert_eq!(quotient(x - mean, divisor, 1.0 / divisor), (x - mean) / divisor);
            }
        }
    }
}

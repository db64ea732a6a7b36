use serde::{Deserialize, Serialize};

use super::AugmentError;
use super::level::{Level, fused};

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
    /// MNIST's training images at 28 x 28 pixels, replicated to three channels.
    pub const MNIST: Self = Self { mean: [0.1307; 3], std: [0.3081; 3] };
    /// Tiny ImageNet's training images.
    pub const TINY_IMAGENET: Self = Self { mean: [0.4802, 0.4481, 0.3975], std: [0.2302, 0.2265, 0.2262] };
    /// STL-10's images.
    pub const STL10: Self = Self { mean: [0.4467, 0.4398, 0.4066], std: [0.2241, 0.2215, 0.2239] };
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
}

/// Remembers whether the quotients of the last normalisation can be had without division.
///
/// A division takes several times as long as a multiplication. As a channel has only 256 different values, whether a
/// shorter way gives the same bits is found out by trying them all, when a scratch meets a normalisation.
#[derive(Debug, Default)]
pub(super) struct Quotients {
    known: Option<(Normalization, bool)>,
}

impl Quotients {
    /// `(byte / 255 - mean) / std` in f32, in that order: what torchvision's `to_tensor` and `normalize` do.
    #[inline(always)]
    pub(super) fn apply<L: Level>(&mut self, normalization: &Normalization, planes: &[u8], out: &mut [f32]) {
        // Without fused multiply-adds the multiplications take longer than the division.
        let short = fused::<L>() && self.short(normalization);
        let area = planes.len() / 3;
        let channels = planes.chunks_exact(area).zip(out.chunks_exact_mut(area));
        for (channel, (bytes, out)) in channels.enumerate() {
            let (mean, std) = (normalization.mean[channel], normalization.std[channel]);
            if short {
                let inverse = Inverse::new(std);
                for (byte, out) in bytes.iter().zip(out) {
                    *out = inverse.times(over_255(f32::from(*byte)) - mean);
                }
            } else {
                for (byte, out) in bytes.iter().zip(out) {
                    *out = (f32::from(*byte) / 255.0 - mean) / std;
                }
            }
        }
    }

    fn short(&mut self, normalization: &Normalization) -> bool {
        match self.known {
            Some((known, short)) if known == *normalization => short,
            _ => {
                let short = normalization.mean.into_iter().zip(normalization.std).all(|(mean, std)| {
                    let inverse = Inverse::new(std);
                    (0..=255_u8).all(|byte| {
                        let x = f32::from(byte) / 255.0 - mean;
                        inverse.times(x).to_bits() == (x / std).to_bits()
                    })
                });
                self.known = Some((*normalization, short));
                short
            }
        }
    }
}

/// `byte / 255` rounded correctly, as the test shows.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the second part of a sum of two f32")]
fn over_255(byte: f32) -> f32 {
    const INVERSE: Inverse =
        Inverse { high: 1.0 / 255.0, low: (1.0 / 255.0 - (1.0_f32 / 255.0) as f64) as f32 };
    INVERSE.times(byte)
}

/// The inverse of a number as a sum of two.
#[derive(Clone, Copy)]
struct Inverse {
    high: f32,
    low: f32,
}

impl Inverse {
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the second part of a sum of two f32")]
    fn new(divisor: f32) -> Self {
        let high = 1.0 / divisor;
        let low = (1.0 / f64::from(divisor) - f64::from(high)) as f32;
        Self { high, low }
    }

    /// A number over the divisor, nearly always rounded correctly.
    #[inline(always)]
    fn times(self, x: f32) -> f32 {
        x.mul_add(self.high, x * self.low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::level::Portable;
    use crate::rng::{ShuffleKey, Split, uniform};

    #[test]
    fn bad_constants_are_errors() {
        assert!(Normalization::new([0.5; 3], [0.25; 3]).is_ok());
        assert!(Normalization::new([f32::NAN; 3], [0.25; 3]).is_err());
        assert!(Normalization::new([0.5; 3], [0.0, 1.0, 1.0]).is_err());
    }

    #[test]
    fn bytes_over_255_are_exact() {
        for byte in 0..=255_u8 {
            assert_eq!(over_255(f32::from(byte)), f32::from(byte) / 255.0);
        }
    }

    /// The short way is taken for nearly all constants, and what is taken is exact.
    #[test]
    fn quotients_are_exact() {
        let mut rng = ShuffleKey { seed: 8, split: Split::Test, epoch: 0 }.rng();
        let (mut quotients, mut short) = (Quotients::default(), 0);
        let bytes: Vec<u8> = (0..3 * 256).map(|i| i as u8).collect();
        let mut all = vec![Normalization::CIFAR100, Normalization::CIFAR10, Normalization::IMAGENET];
        let extreme = [[1e-30, 1e30, f32::MIN_POSITIVE], [f32::MAX, 3e-45, 1.0]];
        all.extend(extreme.map(|std| Normalization { mean: [0.5, 0.0, -1.0], std }));
        all.extend((0..500).map(|_| Normalization {
            mean: [0; 3].map(|_| uniform(&mut rng, [-1.0, 1.0])),
            std: [0; 3].map(|_| uniform(&mut rng, [1e-3, 2.0])),
        }));
        for normalization in all {
            short += usize::from(quotients.short(&normalization));
            for level in 0..2 {
                let mut out = vec![0.0; bytes.len()];
                match level {
                    0 => quotients.apply::<Portable>(&normalization, &bytes, &mut out),
                    _ => quotients.apply::<Fused>(&normalization, &bytes, &mut out),
                }
                for (i, x) in out.into_iter().enumerate() {
                    let (channel, byte) = (i / 256, f32::from(bytes[i]));
                    let wanted = (byte / 255.0 - normalization.mean[channel]) / normalization.std[channel];
                    assert_eq!(x.to_bits(), wanted.to_bits(), "{normalization:?}, byte {byte}");
                }
            }
        }
        assert!(short > 450, "{short}");
    }

    /// Takes the short way without the instructions that make it one.
    struct Fused;

    impl Level for Fused {
        const AVX2: bool = true;
        const AVX512: bool = false;
        const NEON: bool = false;
    }
}

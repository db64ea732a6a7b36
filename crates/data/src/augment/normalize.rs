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
    pub(super) fn apply_planes(&self, planes: &[u8], out: &mut [f32]) {
        let area = planes.len() / 3;
        let channels = planes.chunks_exact(area).zip(out.chunks_exact_mut(area));
        for ((bytes, out), (mean, std)) in channels.zip(self.mean.into_iter().zip(self.std)) {
            for (byte, out) in bytes.iter().zip(out) {
                *out = (f32::from(*byte) / 255.0 - mean) / std;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_constants_are_errors() {
        assert!(Normalization::new([0.5; 3], [0.25; 3]).is_ok());
        assert!(Normalization::new([f32::NAN; 3], [0.25; 3]).is_err());
        assert!(Normalization::new([0.5; 3], [0.0, 1.0, 1.0]).is_err());
    }
}

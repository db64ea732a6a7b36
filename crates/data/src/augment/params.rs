//! The parameters of one view: a plain value that can be stored, inspected and replayed.

use serde::{Deserialize, Serialize};

use super::{AugmentError, check};

/// A rectangle of the source image, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Crop {
    /// First row.
    pub top: usize,
    /// First column.
    pub left: usize,
    /// Number of rows.
    pub height: usize,
    /// Number of columns.
    pub width: usize,
}

/// Resampling filters of PIL. Both widen when they shrink an image (antialiasing).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    /// The triangle filter, support 1.
    Bilinear,
    /// Keys' cubic with a = -0.5, support 2.
    #[default]
    Bicubic,
}

/// A step of the colour jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JitterStep {
    /// Blend with black.
    Brightness,
    /// Blend with the mean luma.
    Contrast,
    /// Blend with the luma of each pixel.
    Saturation,
    /// Turn the hue.
    Hue,
}

impl JitterStep {
    /// The four steps, in the order of the action vector.
    pub const ALL: [Self; 4] = [Self::Brightness, Self::Contrast, Self::Saturation, Self::Hue];
}

/// Factors of the colour jitter. `None` means that the step is switched off.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColorJitter {
    /// The order in which the steps are applied; each occurs once.
    pub order: [JitterStep; 4],
    /// 1 leaves the image as it is, 0 makes it black.
    pub brightness: Option<f32>,
    /// 1 leaves the image as it is, 0 makes it uniformly grey.
    pub contrast: Option<f32>,
    /// 1 leaves the image as it is, 0 makes it grey.
    pub saturation: Option<f32>,
    /// Turns, within `[-0.5, 0.5]`. A shift of 0 still passes through PIL's 8-bit HSV, which rounds.
    pub hue: Option<f32>,
}

impl ColorJitter {
    /// The factor of one step, or `None` if it is switched off.
    #[must_use]
    pub fn factor(&self, step: JitterStep) -> Option<f32> {
        match step {
            JitterStep::Brightness => self.brightness,
            JitterStep::Contrast => self.contrast,
            JitterStep::Saturation => self.saturation,
            JitterStep::Hue => self.hue,
        }
    }
}

/// Parameters of the Gaussian blur.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GaussianBlur {
    /// Standard deviation in pixels, above 0.
    pub sigma: f32,
    /// Side of the kernel in pixels, odd; half of it must be less than both sides of the view.
    pub kernel_size: usize,
}

/// Everything that makes one view of a source image.
///
/// [`apply`](AugmentParams::apply) and [`apply_normalized`](AugmentParams::apply_normalized) replay it: the same
/// parameters and image give the same bytes on every machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AugmentParams {
    /// The rectangle that is cut out.
    pub crop: Crop,
    /// Rows of the view, in pixels.
    pub output_height: usize,
    /// Columns of the view, in pixels.
    pub output_width: usize,
    /// Filter that resizes the crop to the view.
    pub interpolation: Interpolation,
    /// Whether the view is mirrored left to right.
    pub flip: bool,
    /// The colour jitter, if it is applied.
    pub jitter: Option<ColorJitter>,
    /// Whether the view is converted to grey (three equal channels).
    pub grayscale: bool,
    /// The Gaussian blur, if it is applied.
    pub blur: Option<GaussianBlur>,
    /// The solarisation's threshold, if it is applied.
    pub solarize: Option<u8>,
}

impl AugmentParams {
    /// The view that is the source image itself.
    #[must_use]
    pub fn identity(height: usize, width: usize) -> Self {
        Self {
            crop: Crop { top: 0, left: 0, height, width },
            output_height: height,
            output_width: width,
            interpolation: Interpolation::default(),
            flip: false,
            jitter: None,
            grayscale: false,
            blur: None,
            solarize: None,
        }
    }

    /// The centre square of a `height` x `width` image, resized to `side` pixels by PIL's bicubic filter, which antialiases
    /// where it shrinks: how an image of any size becomes one of a data set. A square of that side stays as it is.
    #[must_use]
    pub fn centre_square(height: usize, width: usize, side: usize) -> Self {
        let shorter = height.min(width);
        let (top, left) = ((height - shorter) / 2, (width - shorter) / 2);
        Self {
            crop: Crop { top, left, height: shorter, width: shorter },
            interpolation: Interpolation::Bicubic,
            ..Self::identity(side, side)
        }
    }

    /// The action vector, raw: `[top, left, height, width | brightness, contrast, saturation, hue | sigma]`.
    ///
    /// Without colour jitter its four are (1, 1, 1, 0); without blur sigma is 0. Flip, greyscale and
    /// solarisation are not recorded. [`ActionSpace`](crate::ActionSpace) describes the layout.
    #[must_use]
    pub fn action(&self) -> [f32; 9] {
        let Crop { top, left, height, width } = self.crop;
        let jitter = self.jitter;
        [
            top as f32,
            left as f32,
            height as f32,
            width as f32,
            jitter.and_then(|jitter| jitter.brightness).unwrap_or(1.0),
            jitter.and_then(|jitter| jitter.contrast).unwrap_or(1.0),
            jitter.and_then(|jitter| jitter.saturation).unwrap_or(1.0),
            jitter.and_then(|jitter| jitter.hue).unwrap_or(0.0),
            self.blur.map_or(0.0, |blur| blur.sigma),
        ]
    }

    /// Checks the parameters against a source image of this size.
    ///
    /// # Errors
    /// [`AugmentError::ZeroSize`], [`AugmentError::TooLarge`] (sides above 16 384), [`AugmentError::CropOutside`], [`AugmentError::JitterOrder`],
    /// [`AugmentError::Factor`], [`AugmentError::KernelSize`] or [`AugmentError::KernelTooLarge`].
    pub fn validate(&self, source_height: usize, source_width: usize) -> Result<(), AugmentError> {
        let Crop { top, left, height, width } = self.crop;
        check::size("crop", height, width)?;
        check::size("view", self.output_height, self.output_width)?;
        let fits =
            |start: usize, length: usize, end: usize| start.checked_add(length).is_some_and(|e| e <= end);
        if !(fits(top, height, source_height) && fits(left, width, source_width)) {
            return Err(AugmentError::CropOutside {
                top,
                left,
                height,
                width,
                image_height: source_height,
                image_width: source_width,
            });
        }
        if let Some(jitter) = &self.jitter {
            if JitterStep::ALL.iter().any(|step| !jitter.order.contains(step)) {
                return Err(AugmentError::JitterOrder);
            }
            check::factor("the brightness factor", jitter.brightness)?;
            check::factor("the contrast factor", jitter.contrast)?;
            check::factor("the saturation factor", jitter.saturation)?;
            check::hue(jitter.hue)?;
        }
        if let Some(blur) = &self.blur {
            check::sigma(blur.sigma)?;
            check::kernel(blur.kernel_size, self.output_height, self.output_width)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn action_records_the_identity_of_skipped_steps() {
        let mut params = AugmentParams::identity(32, 30);
        assert_eq!(params.action(), [0.0, 0.0, 32.0, 30.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
        params.crop = Crop { top: 1, left: 2, height: 3, width: 4 };
        params.jitter = Some(ColorJitter {
            order: JitterStep::ALL,
            brightness: Some(0.7),
            contrast: None,
            saturation: Some(1.1),
            hue: Some(-0.05),
        });
        params.blur = Some(GaussianBlur { sigma: 1.5, kernel_size: 3 });
        assert_eq!(params.action(), [1.0, 2.0, 3.0, 4.0, 0.7, 1.0, 1.1, -0.05, 1.5]);
        params.validate(32, 30).unwrap();
    }

    #[test]
    fn bad_parameters_are_typed_errors() {
        let jitter = ColorJitter {
            order: JitterStep::ALL,
            brightness: Some(1.0),
            contrast: Some(1.0),
            saturation: Some(1.0),
            hue: Some(0.0),
        };
        let good = AugmentParams { jitter: Some(jitter), ..AugmentParams::identity(8, 8) };
        let with = |change: fn(&mut ColorJitter)| {
            let mut jitter = jitter;
            change(&mut jitter);
            AugmentParams { jitter: Some(jitter), ..good.clone() }
        };
        let blurred = |sigma, kernel_size| AugmentParams {
            blur: Some(GaussianBlur { sigma, kernel_size }),
            ..good.clone()
        };
        let crop = |top, left, height, width| AugmentParams {
            crop: Crop { top, left, height, width },
            ..good.clone()
        };
        good.validate(8, 8).unwrap();
        blurred(1.0, 15).validate(8, 8).unwrap();
        for (params, variant) in [
            (crop(1, 0, 8, 8), "CropOutside"),
            (crop(usize::MAX, 0, 8, 8), "CropOutside"),
            (crop(0, 0, 0, 8), "ZeroSize"),
            (crop(0, 0, 8, 0), "ZeroSize"),
            (crop(0, 0, 9, 8), "CropOutside"),
            (crop(0, 1, 8, 8), "CropOutside"),
            (crop(0, 0, usize::MAX, 8), "TooLarge"),
            (AugmentParams { output_height: 0, ..good.clone() }, "ZeroSize"),
            (AugmentParams { output_width: 0, ..good.clone() }, "ZeroSize"),
            (AugmentParams { output_width: 16_385, ..good.clone() }, "TooLarge"),
            (AugmentParams { output_height: usize::MAX, ..good.clone() }, "TooLarge"),
            (with(|j| j.brightness = Some(f32::NAN)), "Factor"),
            (with(|j| j.brightness = Some(f32::INFINITY)), "Factor"),
            (with(|j| j.contrast = Some(f32::NAN)), "Factor"),
            (with(|j| j.saturation = Some(-f32::MIN_POSITIVE)), "Factor"),
            (with(|j| j.hue = Some(f32::NAN)), "Factor"),
            (with(|j| j.hue = Some(-0.500_001)), "Factor"),
            (blurred(f32::NAN, 3), "Factor"),
            (blurred(-1.0, 3), "Factor"),
            (blurred(f32::INFINITY, 3), "Factor"),
            (blurred(1.0, usize::MAX), "KernelTooLarge"),
            (with(|j| j.contrast = Some(-0.1)), "Factor"),
            (with(|j| j.saturation = Some(f32::INFINITY)), "Factor"),
            (with(|j| j.hue = Some(0.6)), "Factor"),
            (with(|j| j.order[0] = JitterStep::Hue), "JitterOrder"),
            (blurred(0.0, 3), "Factor"),
            (blurred(1.0, 2), "KernelSize"),
            (blurred(1.0, 0), "KernelSize"),
            (blurred(1.0, 17), "KernelTooLarge"),
        ] {
            let error = params.validate(8, 8).unwrap_err();
            assert!(format!("{error:?}").starts_with(variant), "{error:?}");
        }
    }
}

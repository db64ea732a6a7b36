use crate::image::{ImageView, PixelFormat};

use super::params::{AugmentParams, JitterStep};
use super::{AugmentError, Normalization, Scratch, blend, blur, grayscale, hue, planes, resize, solarize};

impl AugmentParams {
    /// Makes the view in bytes, `[height, width, 3]` interleaved. A grey source gives three equal channels.
    ///
    /// # Errors
    /// As [`AugmentParams::validate`]; [`AugmentError::OutputLength`] if `out` has the wrong length.
    pub fn apply(
        &self,
        image: ImageView<'_>,
        scratch: &mut Scratch,
        out: &mut [u8],
    ) -> Result<(), AugmentError> {
        self.check_output(image, out.len())?;
        self.make_planes(image, scratch);
        planes::store(&scratch.planes, out);
        Ok(())
    }

    /// Makes the view in normalised f32, `[3, height, width]`: `(byte / 255 - mean) / std` by channel.
    ///
    /// # Errors
    /// As [`AugmentParams::apply`].
    pub fn apply_normalized(
        &self,
        image: ImageView<'_>,
        normalization: &Normalization,
        scratch: &mut Scratch,
        out: &mut [f32],
    ) -> Result<(), AugmentError> {
        self.check_output(image, out.len())?;
        self.make_planes(image, scratch);
        normalization.apply_planes(&scratch.planes, out);
        Ok(())
    }

    /// Number of elements of the view, `3 * output_height * output_width`.
    pub fn output_len(&self) -> usize {
        3 * self.output_height * self.output_width
    }

    fn check_output(&self, image: ImageView<'_>, found: usize) -> Result<(), AugmentError> {
        self.validate(image.height(), image.width())?;
        let expected = self.output_len();
        if found != expected {
            return Err(AugmentError::OutputLength { expected, found });
        }
        Ok(())
    }

    /// All steps but the last, into `scratch.planes`.
    fn make_planes(&self, image: ImageView<'_>, scratch: &mut Scratch) {
        let (height, width) = (self.output_height, self.output_width);
        let area = height * width;
        scratch.planes.resize(3 * area, 0);
        planes::load(image, self.crop, &mut scratch.source);
        resize::resize(self, image.format().channels(), scratch);
        if image.format() == PixelFormat::Gray {
            let (first, others) = scratch.planes.split_at_mut(area);
            others.chunks_exact_mut(area).for_each(|plane| plane.copy_from_slice(first));
        }

        let view = scratch.planes.as_mut_slice();
        if let Some(jitter) = self.jitter {
            for step in jitter.order {
                match step {
                    JitterStep::Brightness => with(jitter.brightness, |f| blend::brightness(view, f)),
                    JitterStep::Contrast => with(jitter.contrast, |f| blend::contrast(view, f)),
                    JitterStep::Saturation => with(jitter.saturation, |f| blend::saturation(view, f)),
                    JitterStep::Hue => with(jitter.hue, |f| hue::shift(view, f)),
                }
            }
        }
        if self.grayscale {
            grayscale::to_gray(view);
        }
        if let Some(parameters) = self.blur {
            blur::blur(view, height, width, parameters, &mut scratch.kernel, &mut scratch.padded);
        }
        if let Some(threshold) = self.solarize {
            solarize::solarize(view, threshold);
        }
    }
}

fn with(factor: Option<f32>, step: impl FnOnce(f32)) {
    if let Some(factor) = factor {
        step(factor);
    }
}

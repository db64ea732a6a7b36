use crate::image::{ImageView, PixelFormat};

use super::instructions::Instructions;
use super::params::{AugmentParams, JitterStep};
use super::{AugmentError, Normalization, Scratch, blend, blur, grayscale, hue, planes, resize, solarize};

/// Where the view goes.
enum Output<'a> {
    /// `[height, width, 3]`.
    Bytes(&'a mut [u8]),
    /// `[3, height, width]`.
    Normalized(&'a Normalization, &'a mut [f32]),
}

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
        run(self, image, scratch, Output::Bytes(out));
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
        run(self, image, scratch, Output::Normalized(normalization, out));
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
}

/// Chooses the instructions.
fn run(params: &AugmentParams, image: ImageView<'_>, scratch: &mut Scratch, output: Output<'_>) {
    match scratch.instructions {
        Instructions::Portable => steps::<false>(params, image, scratch, output),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Instructions::detect` returns `Avx2` only on a processor with AVX2 and FMA.
        Instructions::Avx2 => unsafe { run_avx2(params, image, scratch, output) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2(params: &AugmentParams, image: ImageView<'_>, scratch: &mut Scratch, output: Output<'_>) {
    steps::<true>(params, image, scratch, output);
}

/// The whole pipeline. `AVX2` may be true only where the caller enables AVX2 and FMA.
#[inline(always)]
fn steps<const AVX2: bool>(
    params: &AugmentParams,
    image: ImageView<'_>,
    scratch: &mut Scratch,
    output: Output<'_>,
) {
    let (height, width) = (params.output_height, params.output_width);
    let area = height * width;
    scratch.planes.resize(3 * area, 0);
    planes::load(image, params.crop, resize::PADDING, &mut scratch.source);
    resize::resize::<AVX2>(params, image.format().channels(), scratch);
    if image.format() == PixelFormat::Gray {
        let (first, others) = scratch.planes.split_at_mut(area);
        others.chunks_exact_mut(area).for_each(|plane| plane.copy_from_slice(first));
    }

    let view = scratch.planes.as_mut_slice();
    if let Some(jitter) = params.jitter {
        for step in jitter.order {
            // No closures here: they would be compiled without the caller's instructions.
            match (step, jitter.factor(step)) {
                (_, None) => {}
                (JitterStep::Brightness, Some(factor)) => blend::brightness(view, factor),
                (JitterStep::Contrast, Some(factor)) => blend::contrast(view, factor),
                (JitterStep::Saturation, Some(factor)) => blend::saturation(view, factor),
                (JitterStep::Hue, Some(factor)) => hue::shift::<AVX2>(view, factor),
            }
        }
    }
    if params.grayscale {
        grayscale::to_gray(view);
    }
    if let Some(parameters) = params.blur {
        blur::blur::<AVX2>(view, height, width, parameters, &mut scratch.blur);
    }
    if let Some(threshold) = params.solarize {
        solarize::solarize(view, threshold);
    }
    match output {
        Output::Bytes(out) => planes::store(view, out),
        Output::Normalized(normalization, out) => normalization.apply_planes::<AVX2>(view, out),
    }
}

use crate::augment::{ImageView, PixelFormat};

#[cfg(target_arch = "aarch64")]
use super::level::Neon;
#[cfg(target_arch = "x86_64")]
use super::level::{Avx2, Avx512};
use super::level::{Level, Portable};
use super::params::{AugmentParams, JitterStep};
use super::{
    AugmentError, InstructionSet, Normalization, Scratch, blend, blur, grayscale, hue, planes, resize,
    solarize,
};

/// Where the view goes.
enum Output<'a> {
    /// `[height, width, 3]`.
    Bytes(&'a mut [u8]),
    /// `[3, height, width]`.
    Planes(&'a mut [u8]),
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

    /// Makes the view in bytes, `[3, height, width]`: what [`apply_normalized`](Self::apply_normalized) normalises.
    ///
    /// # Errors
    /// As [`AugmentParams::apply`].
    pub fn apply_planes(
        &self,
        image: ImageView<'_>,
        scratch: &mut Scratch,
        out: &mut [u8],
    ) -> Result<(), AugmentError> {
        self.check_output(image, out.len())?;
        run(self, image, scratch, Output::Planes(out));
        Ok(())
    }

    /// Makes the view in normalised f32, `[3, height, width]`: `(byte / 255 - mean) / std` by channel.
    ///
    /// # Errors
    /// As [`AugmentParams::apply`] and [`Normalization::validate`].
    pub fn apply_normalized(
        &self,
        image: ImageView<'_>,
        normalization: &Normalization,
        scratch: &mut Scratch,
        out: &mut [f32],
    ) -> Result<(), AugmentError> {
        normalization.validate()?;
        self.check_output(image, out.len())?;
        run(self, image, scratch, Output::Normalized(normalization, out));
        Ok(())
    }

    /// Number of elements of the view, `3 * output_height * output_width`.
    #[must_use]
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
    match scratch.instructions.set() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Instructions` exist only of sets that the processor has.
        InstructionSet::Avx512Vbmi => unsafe { run_avx512(params, image, scratch, output) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above, and either set includes these instructions.
        InstructionSet::Avx2 | InstructionSet::Avx512 => unsafe { run_avx2(params, image, scratch, output) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: as above.
        InstructionSet::Neon => unsafe { run_neon(params, image, scratch, output) },
        _ => steps::<Portable>(params, image, scratch, output),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2(params: &AugmentParams, image: ImageView<'_>, scratch: &mut Scratch, output: Output<'_>) {
    steps::<Avx2>(params, image, scratch, output);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
fn run_avx512(params: &AugmentParams, image: ImageView<'_>, scratch: &mut Scratch, output: Output<'_>) {
    steps::<Avx512>(params, image, scratch, output);
}

#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon")]
fn run_neon(params: &AugmentParams, image: ImageView<'_>, scratch: &mut Scratch, output: Output<'_>) {
    steps::<Neon>(params, image, scratch, output);
}

/// The whole pipeline, for a caller that enables the instructions of `L`.
#[inline(always)]
fn steps<L: Level>(params: &AugmentParams, image: ImageView<'_>, scratch: &mut Scratch, output: Output<'_>) {
    let (height, width) = (params.output_height, params.output_width);
    let area = height * width;
    scratch.planes.resize(3 * area, 0);
    planes::load::<L>(image, params.crop, resize::PADDING, &mut scratch.source);
    resize::resize::<L>(params, image.format().channels(), scratch);
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
                (JitterStep::Brightness, Some(factor)) => blend::brightness::<L>(view, factor),
                (JitterStep::Contrast, Some(factor)) => blend::contrast::<L>(view, factor),
                (JitterStep::Saturation, Some(factor)) => blend::saturation::<L>(view, factor),
                (JitterStep::Hue, Some(factor)) => hue::shift::<L>(view, factor),
            }
        }
    }
    if params.grayscale {
        grayscale::to_gray::<L>(view);
    }
    if let Some(parameters) = params.blur {
        blur::blur::<L>(view, height, width, parameters, &mut scratch.blur);
    }
    if let Some(threshold) = params.solarize {
        solarize::solarize(view, threshold);
    }
    match output {
        Output::Bytes(out) => planes::store(view, out),
        Output::Planes(out) => out.copy_from_slice(view),
        Output::Normalized(normalization, out) => scratch.quotients.apply::<L>(normalization, view, out),
    }
}

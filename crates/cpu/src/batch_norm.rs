//! Batch normalisation of images in training, and its gradients.
//!
//! One task per channel; sums run over images in order, lanes first, and are kept in f64 between planes: the bits do not
//! depend on the number of threads.

#![expect(clippy::cast_possible_truncation, reason = "sums are kept in f64 and rounded to f32 once")]

use rayon::prelude::*;

use crate::Instructions;
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, Avx512};
use crate::simd::{Portable, Vector};

/// Sizes of a batch of images, `[batch, channels, pixels]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NormShape {
    /// Images, at least 1.
    pub batch: usize,
    /// Channels, which are normalised one by one, at least 1.
    pub channels: usize,
    /// Values of a channel of an image, at least 1.
    pub pixels: usize,
}

impl NormShape {
    /// Number of values of the batch.
    #[must_use]
    pub fn len(&self) -> usize {
        self.batch * self.channels * self.pixels
    }

    /// Whether there is nothing to normalise.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn check(&self, lengths: &[usize], per_channel: &[usize]) {
        assert!(!self.is_empty(), "no values to normalise in {self:?}");
        assert!(lengths.iter().all(|len| *len == self.len()), "values of {self:?}, found {lengths:?}");
        let whole = per_channel.iter().all(|len| *len == self.channels);
        assert!(whole, "a value for each of {} channels, found {per_channel:?}", self.channels);
    }

    /// The planes of a channel.
    fn planes<'a>(&self, values: &'a [f32], channel: usize) -> impl Iterator<Item = &'a [f32]> + use<'a> {
        let (pixels, stride) = (self.pixels, self.channels * self.pixels);
        values.chunks_exact(stride).map(move |image| &image[channel * pixels..(channel + 1) * pixels])
    }
}

/// Mean and biased variance of each channel of `input`.
///
/// # Panics
///
/// If a slice's length is not what `shape` says, or there are no values.
pub fn batch_statistics(shape: &NormShape, input: &[f32], mean: &mut [f32], variance: &mut [f32]) {
    shape.check(&[input.len()], &[mean.len(), variance.len()]);
    let sums = sums_for(Instructions::detect());
    let count = (shape.batch * shape.pixels) as f64;
    let channels = mean.par_iter_mut().zip(variance.par_iter_mut()).enumerate();
    channels.with_min_len(channels_per_task(shape)).for_each(|(channel, (mean, variance))| {
        let total: f64 = shape.planes(input, channel).map(|plane| f64::from(sums.plain(plane))).sum();
        *mean = (total / count) as f32;
        let squares = shape.planes(input, channel).map(|plane| f64::from(sums.squares(plane, *mean)));
        *variance = (squares.sum::<f64>() / count) as f32;
    });
}

/// `(input - mean) / sqrt(variance + epsilon) * gain + shift`, channel by channel.
///
/// # Panics
///
/// As [`batch_statistics`].
pub fn normalize(
    shape: &NormShape,
    input: &[f32],
    [mean, variance, gain, shift]: [&[f32]; 4],
    epsilon: f64,
    output: &mut [f32],
) {
    let per_channel = [mean.len(), variance.len(), gain.len(), shift.len()];
    shape.check(&[input.len(), output.len()], &per_channel);
    let planes = output.par_chunks_exact_mut(shape.pixels).zip(input.par_chunks_exact(shape.pixels));
    planes.with_min_len(planes_per_task(shape)).enumerate().for_each(|(plane, (output, input))| {
        let channel = plane % shape.channels;
        let scale = gain[channel] * inverse_deviation(variance[channel], epsilon);
        let (mean, shift) = (mean[channel], shift[channel]);
        for (output, input) in output.iter_mut().zip(input) {
            *output = (input - mean) * scale + shift;
        }
    });
}

/// The gradients of [`normalize`] with the batch's own statistics, which depend on the input themselves: of the input
/// (written to `input_gradient`), of the gain and of the shift.
///
/// # Panics
///
/// As [`batch_statistics`].
pub fn batch_norm_gradient(
    shape: &NormShape,
    input: &[f32],
    [mean, variance, gain]: [&[f32]; 3],
    epsilon: f64,
    output_gradient: &[f32],
    input_gradient: &mut [f32],
) -> (Vec<f32>, Vec<f32>) {
    let per_channel = [mean.len(), variance.len(), gain.len()];
    shape.check(&[input.len(), output_gradient.len(), input_gradient.len()], &per_channel);
    let sums = sums_for(Instructions::detect());
    let count = (shape.batch * shape.pixels) as f64;
    // Of each channel: the sums of the gradient, and of the gradient times the normalised input.
    let totals: Vec<[f64; 2]> = (0..shape.channels)
        .into_par_iter()
        .with_min_len(channels_per_task(shape))
        .map(|channel| {
            let planes = shape.planes(input, channel).zip(shape.planes(output_gradient, channel));
            let mut totals = [0.0; 2];
            for (input, gradient) in planes {
                totals[0] += f64::from(sums.plain(gradient));
                totals[1] += f64::from(sums.products(input, mean[channel], gradient));
            }
            totals[1] *= f64::from(inverse_deviation(variance[channel], epsilon));
            totals
        })
        .collect();
    let planes = input_gradient
        .par_chunks_exact_mut(shape.pixels)
        .zip(input.par_chunks_exact(shape.pixels))
        .zip(output_gradient.par_chunks_exact(shape.pixels));
    planes.with_min_len(planes_per_task(shape)).enumerate().for_each(
        |(plane, ((target, input), gradient))| {
            let channel = plane % shape.channels;
            let inverse = inverse_deviation(variance[channel], epsilon);
            let [constant, slope] = totals[channel].map(|total| (total / count) as f32);
            let (mean, scale, slope) = (mean[channel], gain[channel] * inverse, slope * inverse);
            for ((target, input), gradient) in target.iter_mut().zip(input).zip(gradient) {
                *target = scale * (gradient - constant - (input - mean) * slope);
            }
        },
    );
    (
        totals.iter().map(|[_, gain]| *gain as f32).collect(),
        totals.iter().map(|[shift, _]| *shift as f32).collect(),
    )
}

fn inverse_deviation(variance: f32, epsilon: f64) -> f32 {
    1.0 / (variance + epsilon as f32).sqrt()
}

/// The fewest values that are worth handing to another thread.
const TASK_VALUES: usize = 16 * 1024;

fn channels_per_task(shape: &NormShape) -> usize {
    TASK_VALUES.div_ceil(shape.batch * shape.pixels)
}

fn planes_per_task(shape: &NormShape) -> usize {
    TASK_VALUES.div_ceil(shape.pixels)
}

/// Sums over a plane, with one instruction set.
#[derive(Clone, Copy)]
pub(crate) struct Sums {
    /// Σ (input - mean) * factor, where absent factors are 1 or the difference itself.
    sum: unsafe fn(&[f32], f32, Factor<'_>) -> f32,
}

#[derive(Clone, Copy)]
enum Factor<'a> {
    One,
    Itself,
    Values(&'a [f32]),
}

impl Sums {
    fn plain(self, values: &[f32]) -> f32 {
        // SAFETY: `sums_for` is given a set that this processor has.
        unsafe { (self.sum)(values, 0.0, Factor::One) }
    }

    pub(crate) fn squares(self, values: &[f32], mean: f32) -> f32 {
        // SAFETY: as above.
        unsafe { (self.sum)(values, mean, Factor::Itself) }
    }

    fn products(self, values: &[f32], mean: f32, factors: &[f32]) -> f32 {
        assert_eq!(values.len(), factors.len());
        // SAFETY: as above.
        unsafe { (self.sum)(values, mean, Factor::Values(factors)) }
    }
}

pub(crate) fn sums_for(instructions: Instructions) -> Sums {
    Sums {
        sum: match instructions {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => sum_avx512,
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => sum_avx2,
            _ => sum::<Portable>,
        },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn sum_avx512(values: &[f32], mean: f32, factor: Factor<'_>) -> f32 {
    // SAFETY: the caller upholds what this function asks.
    unsafe { sum::<Avx512>(values, mean, factor) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn sum_avx2(values: &[f32], mean: f32, factor: Factor<'_>) -> f32 {
    // SAFETY: the caller upholds what this function asks.
    unsafe { sum::<Avx2>(values, mean, factor) }
}

#[inline(always)]
unsafe fn sum<V: Vector>(values: &[f32], mean: f32, factor: Factor<'_>) -> f32 {
    const CHAINS: usize = 4;
    let step = CHAINS * V::LANES;
    let whole = values.len() / step * step;
    let mut total = 0.0;
    if whole > 0 {
        // SAFETY: the caller vouches for the instructions; every vector lies within the first `whole` values.
        unsafe {
            let (one, minus_mean) = (V::splat(1.0), V::splat(-mean));
            let mut chains = [V::splat(0.0); CHAINS];
            for start in (0..whole).step_by(step) {
                for (index, chain) in chains.iter_mut().enumerate() {
                    let at = start + index * V::LANES;
                    let difference = V::load(values.as_ptr().add(at)).multiply_add(one, minus_mean);
                    let factor = match factor {
                        Factor::One => one,
                        Factor::Itself => difference,
                        Factor::Values(factors) => V::load(factors.as_ptr().add(at)),
                    };
                    *chain = difference.multiply_add(factor, *chain);
                }
            }
            let mut lanes = [0.0; CHAINS * 16];
            for (index, chain) in chains.iter().enumerate() {
                chain.store(lanes.as_mut_ptr().add(index * V::LANES));
            }
            total = lanes.iter().sum();
        }
    }
    for (index, value) in values.iter().enumerate().skip(whole) {
        let difference = value - mean;
        total += match factor {
            Factor::One => difference,
            Factor::Itself => difference * difference,
            Factor::Values(factors) => difference * factors[index],
        };
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_values::values;

    /// Statistics, output and gradients against the formulas in f64. Values are of the order of 1, so an absolute
    /// difference of 1e-5 is some tens of units in the last place.
    #[test]
    fn every_size_gives_the_formulas() {
        for (batch, channels, pixels) in [(3, 5, 1), (2, 3, 4), (4, 2, 65), (2, 3, 1024), (7, 1, 200)] {
            let shape = NormShape { batch, channels, pixels };
            let (input, gradient) = (values(shape.len(), 1), values(shape.len(), 2));
            let (gain, shift) = (values(channels, 3), values(channels, 4));
            let (mut mean, mut variance) = (vec![f32::NAN; channels], vec![f32::NAN; channels]);
            batch_statistics(&shape, &input, &mut mean, &mut variance);
            let mut output = vec![f32::NAN; shape.len()];
            normalize(&shape, &input, [&mean, &variance, &gain, &shift], 1e-5, &mut output);
            let mut found = vec![f32::NAN; shape.len()];
            let (gain_gradient, shift_gradient) =
                batch_norm_gradient(&shape, &input, [&mean, &variance, &gain], 1e-5, &gradient, &mut found);

            let close = |found: f32, expected: f64, what: &str| {
                assert!(
                    (f64::from(found) - expected).abs() < 1e-5 * expected.abs().max(1.0),
                    "{what} of {shape:?}"
                );
            };
            for channel in 0..channels {
                let indices: Vec<usize> =
                    (0..shape.len()).filter(|index| index / pixels % channels == channel).collect();
                let n = indices.len() as f64;
                let average = |of: &dyn Fn(usize) -> f64| indices.iter().map(|i| of(*i)).sum::<f64>() / n;
                let x = |index: usize| f64::from(input[index]);
                let g = |index: usize| f64::from(gradient[index]);
                let m = average(&x);
                let v = average(&|i| (x(i) - m).powi(2));
                close(mean[channel], m, "mean");
                close(variance[channel], v, "variance");
                let deviation = (v + 1e-5).sqrt();
                let normalized = |index: usize| (x(index) - m) / deviation;
                let (c, s) = (average(&g), average(&|i| g(i) * normalized(i)));
                close(shift_gradient[channel], c * n, "gradient of the shift");
                close(gain_gradient[channel], s * n, "gradient of the gain");
                let gain = f64::from(gain[channel]);
                for &index in &indices {
                    close(output[index], normalized(index) * gain + f64::from(shift[channel]), "output");
                    let expected = gain / deviation * (g(index) - c - normalized(index) * s);
                    close(found[index], expected, "gradient of the input");
                }
            }
        }
    }

    #[test]
    fn all_instruction_sets_agree() {
        let (values, factors) = (values(1003, 1), values(1003, 2));
        let expected = sums_for(Instructions::Portable);
        for set in Instructions::available() {
            let sums = sums_for(set);
            // Sums of a thousand values of the order of 1: a few units in the last place of the running total.
            let close = |a: f32, b: f32| assert!((a - b).abs() < 1e-3, "{set:?}: {a} {b}");
            close(sums.plain(&values), expected.plain(&values));
            close(sums.squares(&values, 0.3), expected.squares(&values, 0.3));
            close(sums.products(&values, 0.3, &factors), expected.products(&values, 0.3, &factors));
        }
    }
}

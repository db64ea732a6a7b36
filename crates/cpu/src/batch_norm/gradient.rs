//! The gradients of batch norm in training.

use rayon::prelude::*;

use super::{NormShape, inverse_deviation};
use crate::Instructions;
use crate::compiled::compiled_for_each_set;
use crate::lane_sums::lane_sums_of_pairs;

/// The gradients of [`normalize`](crate::normalize) with the batch's own statistics (mean and variance here), which depend on
/// the input themselves. `gradient` is that of the output, and becomes that of the input; `rectified` is the output where it was
/// rectified. What is written to `residual_gradient` is the gradient of the residual: `gradient` where the output is above 0.
/// Returns the gradients of the gain and of the shift.
///
/// # Panics
///
/// If a slice's length is not what `shape` says, or there are no values.
#[expect(clippy::cast_possible_truncation, reason = "sums are kept in f64 and rounded to f32 once")]
pub fn batch_norm_gradient(
    shape: &NormShape,
    input: &[f32],
    [mean, variance, gain]: [&[f32]; 3],
    epsilon: f64,
    rectified: Option<&[f32]>,
    gradient: &mut [f32],
    mut residual_gradient: Option<&mut [f32]>,
) -> (Vec<f32>, Vec<f32>) {
    let residual_len = residual_gradient.as_deref().map_or(shape.len(), <[f32]>::len);
    let rectified_len = rectified.map_or(shape.len(), <[f32]>::len);
    let per_channel = [mean.len(), variance.len(), gain.len()];
    shape.check(&[input.len(), gradient.len(), rectified_len, residual_len], &per_channel);
    let instructions = Instructions::best();

    // Of each plane: the sums of the gradient, and of the gradient times the input's difference from the mean.
    let plane = |index: usize, gradient: &mut [f32]| {
        let range = index * shape.pixels..(index + 1) * shape.pixels;
        let rectified = rectified.map(|rectified| &rectified[range.clone()]);
        sums(instructions, &input[range], mean[index % shape.channels], rectified, gradient)
    };
    let gradients = gradient.par_chunks_exact_mut(shape.pixels).with_min_len(shape.planes_per_task());
    let planes: Vec<[f64; 2]> = match &mut residual_gradient {
        Some(residual) => gradients
            .zip(residual.par_chunks_exact_mut(shape.pixels))
            .enumerate()
            .map(|(index, (gradient, residual))| {
                let sums = plane(index, gradient);
                residual.copy_from_slice(gradient);
                sums
            })
            .collect(),
        None => gradients.enumerate().map(|(index, gradient)| plane(index, gradient)).collect(),
    };
    let mut totals = shape.by_channel(&planes);
    for (totals, variance) in totals.iter_mut().zip(variance) {
        totals[1] *= f64::from(inverse_deviation(*variance, epsilon));
    }

    let gradients = gradient.par_chunks_exact_mut(shape.pixels).zip(input.par_chunks_exact(shape.pixels));
    gradients.with_min_len(shape.planes_per_task()).enumerate().for_each(|(plane, (gradient, input))| {
        let channel = plane % shape.channels;
        let inverse = inverse_deviation(variance[channel], epsilon);
        let [constant, slope] = totals[channel].map(|total| (total / shape.count()) as f32);
        let map = [mean[channel], gain[channel] * inverse, constant, slope * inverse];
        input_gradient(instructions, input, map, gradient);
    });
    (
        totals.iter().map(|[_, gain]| *gain as f32).collect(),
        totals.iter().map(|[shift, _]| *shift as f32).collect(),
    )
}

compiled_for_each_set! {
    /// Masks the gradient, and sums it alone and times the input's difference from the mean.
    fn sums(input: &[f32], mean: f32, rectified: Option<&[f32]>, gradient: &mut [f32]) -> [f64; 2] {
        if let Some(rectified) = rectified {
            for (gradient, output) in gradient.iter_mut().zip(rectified) {
                // NaN lets the gradient through.
                *gradient = if *output <= 0.0 { 0.0 } else { *gradient };
            }
        }
        let terms = |input: f32, gradient: f32| [gradient, (input - mean) * gradient];
        let sums = match input.len() {
            ..64 => lane_sums_of_pairs::<16>(input, gradient, terms),
            _ => lane_sums_of_pairs::<64>(input, gradient, terms),
        };
        sums.map(f64::from)
    }
}

compiled_for_each_set! {
    fn input_gradient(input: &[f32], map: [f32; 4], gradient: &mut [f32]) {
        let [mean, scale, constant, slope] = map;
        for (gradient, input) in gradient.iter_mut().zip(input) {
            *gradient = scale * (*gradient - constant - (input - mean) * slope);
        }
    }
}

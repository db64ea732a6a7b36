//! The normalisation itself.

use rayon::prelude::*;

use super::{NormShape, inverse_deviation};
use crate::Instructions;
use crate::compiled::compiled_for_each_set;

/// `(input - mean) / sqrt(variance + epsilon) * gain + shift`, channel by channel, of the `statistics` mean, variance, gain and
/// shift; plus `residual` where there is one; and what is below 0 becomes 0 if `rectified` (NaN stays NaN): the end of a
/// layer or of a residual block in one pass over memory.
///
/// # Panics
///
/// If a slice's length is not what `shape` says, or there are no values.
pub fn normalize(
    shape: &NormShape,
    input: &[f32],
    [mean, variance, gain, shift]: [&[f32]; 4],
    epsilon: f64,
    residual: Option<&[f32]>,
    rectified: bool,
    output: &mut [f32],
) {
    let per_channel = [mean.len(), variance.len(), gain.len(), shift.len()];
    shape.check(&[input.len(), output.len(), residual.map_or(input.len(), <[f32]>::len)], &per_channel);
    let instructions = Instructions::best();
    let planes = output.par_chunks_exact_mut(shape.pixels).zip(input.par_chunks_exact(shape.pixels));
    planes.with_min_len(shape.planes_per_task()).enumerate().for_each(|(plane, (output, input))| {
        let channel = plane % shape.channels;
        let scale = gain[channel] * inverse_deviation(variance[channel], epsilon);
        let map = [mean[channel], scale, shift[channel]];
        let residual = residual.map(|residual| &residual[plane * shape.pixels..(plane + 1) * shape.pixels]);
        normalize_plane(instructions, input, map, residual, rectified, output);
    });
}

compiled_for_each_set! {
    fn normalize_plane(
        input: &[f32],
        map: [f32; 3],
        residual: Option<&[f32]>,
        rectified: bool,
        output: &mut [f32],
    ) {
        let [mean, scale, shift] = map;
        let rectify = |value: f32| if rectified && value < 0.0 { 0.0 } else { value };
        match residual {
            Some(residual) => {
                for ((output, input), residual) in output.iter_mut().zip(input).zip(residual) {
                    *output = rectify((input - mean) * scale + shift + residual);
                }
            }
            None => {
                for (output, input) in output.iter_mut().zip(input) {
                    *output = rectify((input - mean) * scale + shift);
                }
            }
        }
    }
}

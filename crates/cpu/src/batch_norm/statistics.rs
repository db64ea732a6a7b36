//! Mean and variance of each channel.

use rayon::prelude::*;

use super::NormShape;
use crate::Instructions;
use crate::compiled::compiled_for_each_set;
use crate::lane_sums::lane_sum;

/// Mean and biased variance of each channel of `input`.
///
/// One pass over memory: each plane's own mean and its squared differences from that are put together as Chan, Golub and LeVeque
/// (1979) do, in f64.
///
/// # Panics
///
/// If a slice's length is not what `shape` says, or there are no values.
#[expect(clippy::cast_possible_truncation, reason = "sums are kept in f64 and rounded to f32 once")]
pub fn batch_statistics(shape: &NormShape, input: &[f32], mean: &mut [f32], variance: &mut [f32]) {
    shape.check(&[input.len()], &[mean.len(), variance.len()]);
    let instructions = Instructions::best();
    // Of each plane: sum, mean as rounded, and squares of the differences from that.
    let planes: Vec<[f64; 3]> = input
        .par_chunks_exact(shape.pixels)
        .with_min_len(shape.planes_per_task())
        .map(|plane| moments(instructions, plane))
        .collect();
    let totals = shape.by_channel(&planes);
    let means: Vec<f64> = totals.iter().map(|[sum, ..]| sum / shape.count()).collect();
    let pixels = shape.pixels as f64;
    let mut squares = vec![0.0; shape.channels];
    for image in planes.chunks_exact(shape.channels) {
        for ((total, mean), [sum, around, plane]) in squares.iter_mut().zip(&means).zip(image) {
            let shift = around - mean;
            *total += plane + 2.0 * shift * (sum - pixels * around) + pixels * shift * shift;
        }
    }
    for (channel, (mean, variance)) in mean.iter_mut().zip(variance).enumerate() {
        *mean = means[channel] as f32;
        // Rounding may leave a channel of equal values a little below 0; NaN stays.
        *variance = (squares[channel] / shape.count()) as f32;
        if *variance < 0.0 {
            *variance = 0.0;
        }
    }
}

compiled_for_each_set! {
    /// The sum of a plane, its mean, and the squares of the differences from that mean.
    pub(super) fn moments(plane: &[f32]) -> [f64; 3] {
        #[inline(always)]
        fn with_lanes<const LANES: usize>(plane: &[f32]) -> [f64; 3] {
            let sum = lane_sum::<LANES>(plane, |value| value);
            let mean = sum / plane.len() as f32;
            let squares = lane_sum::<LANES>(plane, |value| (value - mean) * (value - mean));
            [f64::from(sum), f64::from(mean), f64::from(squares)]
        }
        if plane.len() < 64 { with_lanes::<16>(plane) } else { with_lanes::<64>(plane) }
    }
}

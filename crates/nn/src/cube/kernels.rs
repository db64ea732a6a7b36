//! Kernels of batch norm, of batches in any type of float `E`; statistics and all that is computed are f32.
//!
//! Sums over a channel are made in two stages, without atomic operations, so that they come out the same every time: the cubes of a
//! channel each write what they found, and one unit adds that up. What is summed is taken less a rough mean of the channel,
//! so that a mean far from 0 costs no digits.

use burn_cubecl::cubecl::{self, prelude::*};

use super::launch::UNITS;
use super::layout::Layout;

/// Of a cube's units, those that read channels side by side.
pub(super) const LANES: usize = 32;

/// Values that a unit reads before it adds them up, so that it waits for memory once.
const AT_A_TIME: usize = 4;

/// Values of which the rough mean of a channel is made.
const SAMPLES: usize = 8;

/// Where a value lies.
#[cube]
fn address(channel: usize, position: usize, #[comptime] layout: Layout) -> usize {
    if comptime!(layout.channels_last) {
        position * comptime!(layout.channels) + channel
    } else {
        let image = position / comptime!(layout.pixels);
        let pixel = position % comptime!(layout.pixels);
        (image * comptime!(layout.channels) + channel) * comptime!(layout.pixels) + pixel
    }
}

/// The channel that a value belongs to.
#[cube]
fn channel_at(address: usize, #[comptime] layout: Layout) -> usize {
    if comptime!(layout.channels_last) {
        address % comptime!(layout.channels)
    } else {
        address / comptime!(layout.pixels) % comptime!(layout.channels)
    }
}

/// The channel of this unit's sums.
#[cube]
fn own_channel(#[comptime] layout: Layout) -> usize {
    if comptime!(layout.channels_last) {
        CUBE_POS_X as usize * LANES + UNIT_POS as usize % LANES
    } else {
        CUBE_POS_X as usize
    }
}

/// The first position of this unit's sums, from the first of its part.
#[cube]
fn own_offset(#[comptime] layout: Layout) -> usize {
    if comptime!(layout.channels_last) { UNIT_POS as usize / LANES } else { UNIT_POS as usize }
}

/// Near the mean of a channel: the mean of a few of its values, spread over the batch. Sums of squares less this lose no digits.
#[cube]
fn origin<E: Float>(input: &Tensor<E>, channel: usize, positions: usize, #[comptime] layout: Layout) -> f32 {
    let mut sum = 0.0f32;
    for sample in 0..SAMPLES {
        sum += f32::cast_from(input[address(channel, sample * positions / SAMPLES, layout)]);
    }
    sum * comptime!(1.0 / SAMPLES as f32)
}

/// Adds up what the units of this cube have found of a channel, and writes it into its part of `[2, parts, channels]`.
#[cube]
fn write_part(first: f32, second: f32, sums: &mut Tensor<f32>, #[comptime] layout: Layout) {
    let mut firsts = Shared::new_slice(UNITS);
    let mut seconds = Shared::new_slice(UNITS);
    let unit = UNIT_POS as usize;
    firsts[unit] = first;
    seconds[unit] = second;
    sync_cube();
    // Those of one channel lie as many units apart as there are channels in the cube.
    let side_by_side = comptime!(if layout.channels_last { LANES } else { 1 });
    let mut reach = comptime!(UNITS / 2).runtime();
    while reach >= side_by_side {
        if unit < reach {
            let more = firsts[unit + reach];
            firsts[unit] += more;
            let more = seconds[unit + reach];
            seconds[unit] += more;
        }
        sync_cube();
        reach /= 2;
    }
    let channels = comptime!(layout.channels);
    let channel = own_channel(layout);
    if unit < side_by_side && channel < channels {
        let part = CUBE_POS_Y as usize;
        let parts = CUBE_COUNT_Y as usize;
        sums[part * channels + channel] = firsts[unit];
        sums[(parts + part) * channels + channel] = seconds[unit];
    }
}

/// The sum of the parts of a channel from the part `start` on.
#[cube]
fn sum_of_parts(
    sums: &Tensor<f32>,
    channel: usize,
    start: usize,
    parts: usize,
    #[comptime] layout: Layout,
) -> f32 {
    let mut sum = 0.0f32;
    for part in 0..parts {
        sum += sums[(start + part) * comptime!(layout.channels) + channel];
    }
    sum
}

/// Parts of the sums of values and of squares, less the channel's [`origin`].
#[cube(launch)]
pub(super) fn sum_moments<E: Float>(
    input: &Tensor<E>,
    sums: &mut Tensor<f32>,
    positions: usize,
    positions_of_part: usize,
    #[comptime] layout: Layout,
    #[define(E)] _dtype: ElemType,
) {
    let channel = own_channel(layout);
    let mut first = 0.0f32;
    let mut second = 0.0f32;
    if channel < comptime!(layout.channels) {
        let origin = origin(input, channel, positions, layout);
        let start = CUBE_POS_Y as usize * positions_of_part;
        let end = min(start + positions_of_part, positions);
        let step = comptime!(if layout.channels_last { UNITS / LANES } else { UNITS });
        let mut position = start + own_offset(layout);
        // Several under way at a time; added up in the same order.
        let mut values = Array::<f32>::new(AT_A_TIME);
        while position + (AT_A_TIME - 1) * step < end {
            #[unroll]
            for at in 0..AT_A_TIME {
                values[at] = f32::cast_from(input[address(channel, position + at * step, layout)]);
            }
            #[unroll]
            for at in 0..AT_A_TIME {
                let value = values[at] - origin;
                first += value;
                second += value * value;
            }
            position += AT_A_TIME * step;
        }
        while position < end {
            let value = f32::cast_from(input[address(channel, position, layout)]) - origin;
            first += value;
            second += value * value;
            position += step;
        }
    }
    write_part(first, second, sums, layout);
}

/// Mean and biased variance of each channel, `[2, channels]`.
#[cube(launch)]
pub(super) fn finish_moments<E: Float>(
    input: &Tensor<E>,
    sums: &Tensor<f32>,
    statistics: &mut Tensor<f32>,
    positions: usize,
    parts: usize,
    reciprocal_count: f32,
    #[comptime] layout: Layout,
    #[define(E)] _dtype: ElemType,
) {
    let channel = ABSOLUTE_POS;
    let channels = comptime!(layout.channels);
    if channel >= channels {
        terminate!();
    }
    let first = sum_of_parts(sums, channel, 0, parts, layout);
    let second = sum_of_parts(sums, channel, parts, parts, layout);
    let mean = first * reciprocal_count;
    statistics[channel] = origin(input, channel, positions, layout) + mean;
    let variance = second * reciprocal_count - mean * mean;
    statistics[channels + channel] = select(variance < 0.0f32, 0.0f32, variance);
}

/// The normalised input, with the residual added and rectified where asked for.
#[cube(launch)]
pub(super) fn normalize<E: Float>(
    input: &Tensor<E>,
    residual: &Tensor<E>,
    gain: &Tensor<f32>,
    shift: &Tensor<f32>,
    statistics: &Tensor<f32>,
    output: &mut Tensor<E>,
    epsilon: f32,
    #[comptime] with_residual: bool,
    #[comptime] rectify: bool,
    #[comptime] layout: Layout,
    #[define(E)] _dtype: ElemType,
) {
    let address = ABSOLUTE_POS;
    if address >= output.len() {
        terminate!();
    }
    let channel = channel_at(address, layout);
    let variance = statistics[comptime!(layout.channels) + channel];
    let scale = gain[channel] / (variance + epsilon).sqrt();
    let mut value = (f32::cast_from(input[address]) - statistics[channel]) * scale + shift[channel];
    if comptime!(with_residual) {
        value += f32::cast_from(residual[address]);
    }
    if comptime!(rectify) {
        // What is no number stays so, as in `torch.relu`.
        value = select(value < 0.0f32, 0.0f32, value);
    }
    output[address] = E::cast_from(value);
}

/// The gradient that passes.
#[cube]
fn passing(gradient: f32, output: f32, #[comptime] rectified: bool) -> f32 {
    if comptime!(rectified) { select(output <= 0.0f32, 0.0f32, gradient) } else { gradient }
}

/// Parts of the sums of the gradient, and of the gradient times the input less its mean.
#[cube(launch)]
pub(super) fn sum_gradients<E: Float>(
    input: &Tensor<E>,
    gradient: &Tensor<E>,
    output: &Tensor<E>,
    statistics: &Tensor<f32>,
    sums: &mut Tensor<f32>,
    positions: usize,
    positions_of_part: usize,
    #[comptime] rectified: bool,
    #[comptime] layout: Layout,
    #[define(E)] _dtype: ElemType,
) {
    let channel = own_channel(layout);
    let mut first = 0.0f32;
    let mut second = 0.0f32;
    if channel < comptime!(layout.channels) {
        let mean = statistics[channel];
        let start = CUBE_POS_Y as usize * positions_of_part;
        let end = min(start + positions_of_part, positions);
        let step = comptime!(if layout.channels_last { UNITS / LANES } else { UNITS });
        let mut position = start + own_offset(layout);
        while position < end {
            let address = address(channel, position, layout);
            let passed =
                passing(f32::cast_from(gradient[address]), f32::cast_from(output[address]), rectified);
            first += passed;
            second += passed * (f32::cast_from(input[address]) - mean);
            position += step;
        }
    }
    write_part(first, second, sums, layout);
}

/// The gradients of gain and shift, and what the gradient of the input is made of, `[4, channels]`: factors of the gradient and of the input
/// less its mean, that mean, and a summand.
#[cube(launch)]
pub(super) fn finish_gradients(
    sums: &Tensor<f32>,
    gain: &Tensor<f32>,
    statistics: &Tensor<f32>,
    gain_gradient: &mut Tensor<f32>,
    shift_gradient: &mut Tensor<f32>,
    coefficients: &mut Tensor<f32>,
    parts: usize,
    reciprocal_count: f32,
    epsilon: f32,
    #[comptime] layout: Layout,
) {
    let channel = ABSOLUTE_POS;
    let channels = comptime!(layout.channels);
    if channel >= channels {
        terminate!();
    }
    let first = sum_of_parts(sums, channel, 0, parts, layout);
    let second = sum_of_parts(sums, channel, parts, parts, layout);
    let deviation = (statistics[channels + channel] + epsilon).sqrt();
    let scale = gain[channel] / deviation;
    let of_gain = second / deviation;
    gain_gradient[channel] = of_gain;
    shift_gradient[channel] = first;
    coefficients[channel] = scale;
    coefficients[channels + channel] = -scale * of_gain / deviation * reciprocal_count;
    coefficients[2 * channels + channel] = statistics[channel];
    coefficients[3 * channels + channel] = -scale * first * reciprocal_count;
}

/// The gradient of the input, and that of the residual where asked for.
#[cube(launch)]
pub(super) fn input_gradient<E: Float>(
    input: &Tensor<E>,
    gradient: &Tensor<E>,
    output: &Tensor<E>,
    coefficients: &Tensor<f32>,
    of_input: &mut Tensor<E>,
    of_residual: &mut Tensor<E>,
    #[comptime] rectified: bool,
    #[comptime] with_residual: bool,
    #[comptime] layout: Layout,
    #[define(E)] _dtype: ElemType,
) {
    let address = ABSOLUTE_POS;
    if address >= of_input.len() {
        terminate!();
    }
    let channel = channel_at(address, layout);
    let channels = comptime!(layout.channels);
    let passed = passing(f32::cast_from(gradient[address]), f32::cast_from(output[address]), rectified);
    let centred = f32::cast_from(input[address]) - coefficients[2 * channels + channel];
    let of_one = passed * coefficients[channel]
        + centred * coefficients[channels + channel]
        + coefficients[3 * channels + channel];
    of_input[address] = E::cast_from(of_one);
    if comptime!(with_residual) {
        of_residual[address] = E::cast_from(passed);
    }
}

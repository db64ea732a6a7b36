//! Kernels of batch norm, of batches in any type of float `E`; statistics and all that is computed are f32.
//!
//! Units read vectors of `N` values that lie side by side. Where the channels lie last, those are of `N` channels, and what is known of channels
//! is read in vectors of `C` = `N` as well; else they are positions of one channel, and `C` is 1.
//!
//! Sums over a channel are made in two stages, without atomic operations, so that they come out the same every time: the cubes of a
//! channel each write what they found, and one cube adds that up. What is summed is taken less a rough mean of the channel,
//! so that a mean far from 0 costs no digits.

use burn_cubecl::cubecl::{self, prelude::*};

use super::launch::UNITS;
use super::layout::Layout;

/// Vectors that a unit reads before it adds them up, so that it waits for memory once.
const AT_A_TIME: usize = 4;

/// Vectors of which the rough mean of a channel is made.
const SAMPLES: usize = 8;

/// Where a vector lies.
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

/// The channel that a vector belongs to.
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
    CUBE_POS_X as usize * comptime!(layout.lanes()) + UNIT_POS as usize % comptime!(layout.lanes())
}

/// The place of this unit among those of its channel in the cube.
#[cube]
fn own_row(#[comptime] layout: Layout) -> usize {
    UNIT_POS as usize / comptime!(layout.lanes())
}

/// What a sum over vectors says of their channels.
#[cube]
fn of_channels<N: Size, C: Size>(vector: Vector<f32, N>, #[comptime] layout: Layout) -> Vector<f32, C> {
    if comptime!(layout.channels_last) {
        Vector::<f32, C>::cast_from(vector)
    } else {
        Vector::<f32, C>::new(vector.vector_sum())
    }
}

/// What is known of channels for each value of a vector.
#[cube]
fn of_values<N: Size, C: Size>(known: Vector<f32, C>) -> Vector<f32, N> {
    Vector::<f32, N>::cast_from(known)
}

/// The values in f32.
#[cube]
fn read<E: Float, N: Size>(batch: &[Vector<E, N>], address: usize) -> Vector<f32, N> {
    Vector::<f32, N>::cast_from(batch[address])
}

/// Near the mean of a channel: the mean of a few of its values, spread over the batch. Sums of squares less this lose no digits.
#[cube]
fn origin<E: Float, N: Size, C: Size>(
    input: &[Vector<E, N>],
    channel: usize,
    positions: usize,
    #[comptime] layout: Layout,
) -> Vector<f32, C> {
    let mut sum = Vector::<f32, N>::new(0.0f32);
    for sample in 0..SAMPLES {
        sum += read::<E, N>(input, address(channel, sample * positions / SAMPLES, layout));
    }
    let share = comptime!(1.0 / (SAMPLES * layout.values_of_channel()) as f32);
    of_channels::<N, C>(sum, layout) * Vector::<f32, C>::new(share)
}

/// What the units of this cube have found of a channel, added up; the first of its units has it.
#[cube]
fn added_up<C: Size>(
    first: Vector<f32, C>,
    second: Vector<f32, C>,
    #[comptime] layout: Layout,
) -> (Vector<f32, C>, Vector<f32, C>) {
    let mut firsts = Shared::<[Vector<f32, C>]>::new_slice(UNITS);
    let mut seconds = Shared::<[Vector<f32, C>]>::new_slice(UNITS);
    let unit = UNIT_POS as usize;
    firsts[unit] = first;
    seconds[unit] = second;
    sync_cube();
    // Those of one channel lie as many units apart as there are channels in the cube.
    let mut reach = comptime!(UNITS / 2).runtime();
    while reach >= comptime!(layout.lanes()) {
        if unit < reach {
            let more = firsts[unit + reach];
            firsts[unit] += more;
            let more = seconds[unit + reach];
            seconds[unit] += more;
        }
        sync_cube();
        reach /= 2;
    }
    (firsts[unit], seconds[unit])
}

/// Whether this unit writes what its cube has found of a channel.
#[cube]
fn writes(#[comptime] layout: Layout) -> bool {
    (UNIT_POS as usize) < comptime!(layout.lanes()) && own_channel(layout) < comptime!(layout.channels)
}

/// Adds up what the units of this cube have found of a channel, and writes it into its part of `[2, parts, channels]`.
#[cube]
fn write_part<C: Size>(
    first: Vector<f32, C>,
    second: Vector<f32, C>,
    sums: &mut [Vector<f32, C>],
    #[comptime] layout: Layout,
) {
    let (first, second) = added_up::<C>(first, second, layout);
    if writes(layout) {
        let channels = comptime!(layout.channels);
        let channel = own_channel(layout);
        let part = CUBE_POS_Y as usize;
        let parts = CUBE_COUNT_Y as usize;
        sums[part * channels + channel] = first;
        sums[(parts + part) * channels + channel] = second;
    }
}

/// The two sums of a channel over all parts; the first of its units has them.
#[cube]
fn sums_of_parts<C: Size>(
    sums: &[Vector<f32, C>],
    parts: usize,
    #[comptime] layout: Layout,
) -> (Vector<f32, C>, Vector<f32, C>) {
    let channels = comptime!(layout.channels);
    let channel = own_channel(layout);
    let mut first = Vector::<f32, C>::new(0.0f32);
    let mut second = Vector::<f32, C>::new(0.0f32);
    if channel < channels {
        let mut part = own_row(layout);
        while part < parts {
            first += sums[part * channels + channel];
            second += sums[(parts + part) * channels + channel];
            part += comptime!(UNITS / layout.lanes());
        }
    }
    added_up::<C>(first, second, layout)
}

/// Parts of the sums of values and of squares, less the channel's [`origin`].
#[cube(launch)]
pub(super) fn sum_moments<E: Float, N: Size, C: Size>(
    input: &[Vector<E, N>],
    sums: &mut [Vector<f32, C>],
    positions: usize,
    positions_of_part: usize,
    #[comptime] layout: Layout,
    #[define(E)] _dtype: ElemType,
) {
    let channel = own_channel(layout);
    let mut first = Vector::<f32, N>::new(0.0f32);
    let mut second = Vector::<f32, N>::new(0.0f32);
    if channel < comptime!(layout.channels) {
        let origin = of_values::<N, C>(origin::<E, N, C>(input, channel, positions, layout));
        let start = CUBE_POS_Y as usize * positions_of_part;
        let end = min(start + positions_of_part, positions);
        let step = comptime!(UNITS / layout.lanes());
        let mut position = start + own_row(layout);
        // Several under way at a time; added up in the same order.
        let mut values = Array::<Vector<f32, N>>::new(AT_A_TIME);
        while position + (AT_A_TIME - 1) * step < end {
            #[unroll]
            for at in 0..AT_A_TIME {
                values[at] = read::<E, N>(input, address(channel, position + at * step, layout));
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
            let value = read::<E, N>(input, address(channel, position, layout)) - origin;
            first += value;
            second += value * value;
            position += step;
        }
    }
    write_part::<C>(of_channels::<N, C>(first, layout), of_channels::<N, C>(second, layout), sums, layout);
}

/// Mean and biased variance of each channel, `[2, channels]`.
#[cube(launch)]
pub(super) fn finish_moments<E: Float, N: Size, C: Size>(
    input: &[Vector<E, N>],
    sums: &[Vector<f32, C>],
    statistics: &mut [Vector<f32, C>],
    positions: usize,
    parts: usize,
    reciprocal_count: f32,
    #[comptime] layout: Layout,
    #[define(E)] _dtype: ElemType,
) {
    let (first, second) = sums_of_parts::<C>(sums, parts, layout);
    if writes(layout) {
        let channel = own_channel(layout);
        let share = Vector::<f32, C>::new(reciprocal_count);
        let mean = first * share;
        statistics[channel] = origin::<E, N, C>(input, channel, positions, layout) + mean;
        let variance = second * share - mean * mean;
        let zero = Vector::<f32, C>::new(0.0f32);
        statistics[comptime!(layout.channels) + channel] =
            select_many(variance.less_than(&zero), zero, variance);
    }
}

/// The normalised input, with the residual added and rectified where asked for.
#[cube(launch)]
pub(super) fn normalize<E: Float, N: Size, C: Size>(
    input: &[Vector<E, N>],
    residual: &[Vector<E, N>],
    gain: &[Vector<f32, C>],
    shift: &[Vector<f32, C>],
    statistics: &[Vector<f32, C>],
    output: &mut [Vector<E, N>],
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
    let scale = gain[channel] / (variance + Vector::<f32, C>::new(epsilon)).sqrt();
    let mut value = (read::<E, N>(input, address) - of_values::<N, C>(statistics[channel]))
        * of_values::<N, C>(scale)
        + of_values::<N, C>(shift[channel]);
    if comptime!(with_residual) {
        value += read::<E, N>(residual, address);
    }
    if comptime!(rectify) {
        // What is no number stays so, as in `torch.relu`.
        let zero = Vector::<f32, N>::new(0.0f32);
        value = select_many(value.less_than(&zero), zero, value);
    }
    output[address] = Vector::<E, N>::cast_from(value);
}

/// The gradient that passes.
#[cube]
fn passing<E: Float, N: Size>(
    gradient: &[Vector<E, N>],
    output: &[Vector<E, N>],
    address: usize,
    #[comptime] rectified: bool,
) -> Vector<f32, N> {
    let gradient = read::<E, N>(gradient, address);
    if comptime!(rectified) {
        let zero = Vector::<f32, N>::new(0.0f32);
        select_many(read::<E, N>(output, address).less_equal(&zero), zero, gradient)
    } else {
        gradient
    }
}

/// Parts of the sums of the gradient, and of the gradient times the input less its mean.
#[cube(launch)]
pub(super) fn sum_gradients<E: Float, N: Size, C: Size>(
    input: &[Vector<E, N>],
    gradient: &[Vector<E, N>],
    output: &[Vector<E, N>],
    statistics: &[Vector<f32, C>],
    sums: &mut [Vector<f32, C>],
    positions: usize,
    positions_of_part: usize,
    #[comptime] rectified: bool,
    #[comptime] layout: Layout,
    #[define(E)] _dtype: ElemType,
) {
    let channel = own_channel(layout);
    let mut first = Vector::<f32, N>::new(0.0f32);
    let mut second = Vector::<f32, N>::new(0.0f32);
    if channel < comptime!(layout.channels) {
        let mean = of_values::<N, C>(statistics[channel]);
        let start = CUBE_POS_Y as usize * positions_of_part;
        let end = min(start + positions_of_part, positions);
        let mut position = start + own_row(layout);
        while position < end {
            let address = address(channel, position, layout);
            let passed = passing::<E, N>(gradient, output, address, rectified);
            first += passed;
            second += passed * (read::<E, N>(input, address) - mean);
            position += comptime!(UNITS / layout.lanes());
        }
    }
    write_part::<C>(of_channels::<N, C>(first, layout), of_channels::<N, C>(second, layout), sums, layout);
}

/// The gradients of gain and shift, and what the gradient of the input is made of, `[4, channels]`: factors of the gradient and of the input
/// less its mean, that mean, and a summand.
#[cube(launch)]
pub(super) fn finish_gradients<C: Size>(
    sums: &[Vector<f32, C>],
    gain: &[Vector<f32, C>],
    statistics: &[Vector<f32, C>],
    gain_gradient: &mut [Vector<f32, C>],
    shift_gradient: &mut [Vector<f32, C>],
    coefficients: &mut [Vector<f32, C>],
    parts: usize,
    reciprocal_count: f32,
    epsilon: f32,
    #[comptime] layout: Layout,
) {
    let (first, second) = sums_of_parts::<C>(sums, parts, layout);
    if writes(layout) {
        let channel = own_channel(layout);
        let channels = comptime!(layout.channels);
        let share = Vector::<f32, C>::new(reciprocal_count);
        let deviation = (statistics[channels + channel] + Vector::<f32, C>::new(epsilon)).sqrt();
        let scale = gain[channel] / deviation;
        let of_gain = second / deviation;
        gain_gradient[channel] = of_gain;
        shift_gradient[channel] = first;
        coefficients[channel] = scale;
        coefficients[channels + channel] = -scale * of_gain / deviation * share;
        coefficients[2 * channels + channel] = statistics[channel];
        coefficients[3 * channels + channel] = -scale * first * share;
    }
}

/// The gradient of the input, and that of the residual where asked for.
#[cube(launch)]
pub(super) fn input_gradient<E: Float, N: Size, C: Size>(
    input: &[Vector<E, N>],
    gradient: &[Vector<E, N>],
    output: &[Vector<E, N>],
    coefficients: &[Vector<f32, C>],
    of_input: &mut [Vector<E, N>],
    of_residual: &mut [Vector<E, N>],
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
    let passed = passing::<E, N>(gradient, output, address, rectified);
    let centred = read::<E, N>(input, address) - of_values::<N, C>(coefficients[2 * channels + channel]);
    let of_one = passed * of_values::<N, C>(coefficients[channel])
        + centred * of_values::<N, C>(coefficients[channels + channel])
        + of_values::<N, C>(coefficients[3 * channels + channel]);
    of_input[address] = Vector::<E, N>::cast_from(of_one);
    if comptime!(with_residual) {
        of_residual[address] = Vector::<E, N>::cast_from(passed);
    }
}

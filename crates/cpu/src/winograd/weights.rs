//! Filters at the points, and the gradient of filters from there.

use std::ops::Range;

use super::interleave::{Pixels, Planes, interleave, separate};
use super::transforms::{ELEMENTS, POINTS, TAPS, Transform, Weight, weight_gradient};
use crate::buffer::Buffer;
use crate::simd::Vector;

/// Taps of a filter of both axes.
const FILTER: usize = TAPS * TAPS;

/// The filters of a correlation.
#[derive(Clone, Copy)]
pub(super) struct Filters<'a> {
    /// `[outputs, inputs, 3, 3]`, or `[inputs, outputs, 3, 3]` if mirrored.
    pub(super) values: &'a [f32],
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// Whether each filter is rotated by half a turn, with inputs and outputs exchanged.
    pub(super) mirrored: bool,
}

/// Values of a row and of a point of transformed filters.
pub(super) fn filters_size(inputs: usize, outputs: usize, lanes: usize) -> (usize, usize) {
    let row = outputs.next_multiple_of(lanes);
    (row, inputs * row)
}

/// Transforms the filters between some inputs and some outputs: `out` is `[points, inputs, outputs]`, outputs rounded up
/// to vectors.
///
/// # Safety
///
/// As [`Vector`].
#[inline(always)]
pub(super) unsafe fn transform_filters<V: Vector>(
    filters: &Filters<'_>,
    inputs: Range<usize>,
    outputs: Range<usize>,
    interleaved: &mut Buffer,
    out: &mut [f32],
) {
    let Filters { values, mirrored, .. } = *filters;
    let (row, point_stride) = filters_size(inputs.len(), outputs.len(), V::LANES);
    assert!(out.len() >= ELEMENTS * point_stride);
    let len = inputs.len() * FILTER;
    // Room for a square from every vector on.
    let taps = interleaved.values((len + V::LANES) * V::LANES);
    for vector in (0..outputs.len()).step_by(V::LANES) {
        let count = V::LANES.min(outputs.len() - vector);
        let output = outputs.start + vector;
        if mirrored {
            let planes = Planes { count, stride: FILTER, len: FILTER };
            for (index, input) in inputs.clone().enumerate() {
                let from = &values[(input * filters.outputs + output) * FILTER..];
                // SAFETY: as the caller vouches.
                unsafe { interleave::<V>(planes, from, &mut taps[index * FILTER * V::LANES..]) };
            }
        } else {
            let planes = Planes { count, stride: filters.inputs * FILTER, len };
            let from = &values[(output * filters.inputs + inputs.start) * FILTER..];
            // SAFETY: as the caller vouches.
            unsafe { interleave::<V>(planes, from, taps) };
        }
        for (input, taps) in taps.chunks_exact(FILTER * V::LANES).enumerate().take(inputs.len()) {
            // SAFETY: the taps of one input, and its vector of the output at every point.
            unsafe {
                let out = out.as_mut_ptr().add(input * row + vector);
                transform_filter::<V>(taps.as_ptr(), mirrored, out, point_stride);
            }
        }
    }
}

#[inline(always)]
unsafe fn transform_filter<V: Vector>(taps: *const f32, mirrored: bool, out: *mut f32, point_stride: usize) {
    // SAFETY: the caller vouches for the taps and for the output at all points.
    unsafe {
        let mut half = [[V::splat(0.0); TAPS]; POINTS];
        for column in 0..TAPS {
            let mut values = [V::splat(0.0); TAPS];
            for (row, value) in values.iter_mut().enumerate() {
                let tap = row * TAPS + column;
                let tap = if mirrored { FILTER - 1 - tap } else { tap };
                *value = V::load(taps.add(tap * V::LANES));
            }
            for (half, value) in half.iter_mut().zip(Weight::transform(values)) {
                half[column] = value;
            }
        }
        for (row, half) in half.into_iter().enumerate() {
            for (column, value) in Weight::transform(half).into_iter().enumerate() {
                value.store(out.add((row * POINTS + column) * point_stride));
            }
        }
    }
}

/// Transforms products at the points, `[points, inputs, outputs rounded up to vectors]`, back to the gradient of the
/// filters, `[outputs, inputs, 3, 3]`.
///
/// # Safety
///
/// As [`Vector`].
#[inline(always)]
pub(super) unsafe fn write_gradient<V: Vector>(
    products: &[f32],
    inputs: usize,
    outputs: usize,
    interleaved: &mut Buffer,
    gradient: &mut [f32],
) {
    let row = outputs.next_multiple_of(V::LANES);
    assert!(products.len() >= ELEMENTS * inputs * row && gradient.len() == outputs * inputs * FILTER);
    let taps = interleaved.values(inputs * FILTER * V::LANES);
    for output in (0..outputs).step_by(V::LANES) {
        for input in 0..inputs {
            // SAFETY: a vector of every point of the products, and the taps of one input.
            unsafe {
                let products = products.as_ptr().add(input * row + output);
                let taps = taps.as_mut_ptr().add(input * FILTER * V::LANES);
                write_filter::<V>(products, inputs * row, taps);
            }
        }
        let len = inputs * FILTER;
        let planes = Planes { count: V::LANES.min(outputs - output), stride: len, len };
        // SAFETY: as the caller vouches; the gradient is borrowed here alone.
        unsafe { separate::<V>(planes, taps, Pixels::new(&mut gradient[output * len..])) };
    }
}

#[inline(always)]
unsafe fn write_filter<V: Vector>(products: *const f32, point_stride: usize, taps: *mut f32) {
    // SAFETY: the caller vouches for the products at all points and for the taps.
    unsafe {
        let mut half = [[V::splat(0.0); POINTS]; TAPS];
        for column in 0..POINTS {
            let mut values = [V::splat(0.0); POINTS];
            for (row, value) in values.iter_mut().enumerate() {
                *value = V::load(products.add((row * POINTS + column) * point_stride));
            }
            for (half, value) in half.iter_mut().zip(weight_gradient(values)) {
                half[column] = value;
            }
        }
        for (row, half) in half.into_iter().enumerate() {
            for (column, value) in weight_gradient(half).into_iter().enumerate() {
                value.store(taps.add((row * TAPS + column) * V::LANES));
            }
        }
    }
}

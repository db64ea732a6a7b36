//! The transforms of F(4, 3) along one axis, and of its transpose.
//!
//! Four outputs of a filter of three taps are the product of two polynomials, computed from the values at six points:
//! 0, ±1/√2, ±√2 and infinity. With these points the squares are 1/2 and 2, whose product is 1: the constants are close
//! to 1, and the error is a fifth of that of the usual points 0, ±1, ±2 (Lavin and Gray, "Fast algorithms for
//! convolutional neural networks", 2016, give those; Barabasz et al., "Error analysis and improving the accuracy of
//! Winograd convolution for deep neural networks", 2020, on the choice of points).
//!
//! In matrices: outputs = Aᵀ [(G weight) ⊙ (Bᵀ input)]. The gradient of the weight is the transpose of that map,
//! Gᵀ [(A output gradient) ⊙ (Bᵀ input)].

use std::f32::consts::{FRAC_1_SQRT_2 as NEAR, SQRT_2 as FAR};

use crate::simd::Vector;

/// Points along one axis.
pub(super) const POINTS: usize = 6;

/// Outputs of a tile along one axis.
pub(super) const OUTPUTS: usize = 4;

/// Taps of the filter along one axis.
pub(super) const TAPS: usize = 3;

/// Values at the points of both axes.
pub(super) const ELEMENTS: usize = POINTS * POINTS;

/// A transform to the points, of `SIZE` neighbouring values.
pub(super) trait Transform<const SIZE: usize> {
    /// The values at the points.
    ///
    /// # Safety
    ///
    /// As [`Vector`].
    unsafe fn transform<V: Vector>(values: [V; SIZE]) -> [V; POINTS];
}

/// Bᵀ: the input of a tile.
pub(super) struct Input;

/// A: the gradient of a tile's output.
pub(super) struct OutputGradient;

/// G: the taps of a filter.
pub(super) struct Weight;

#[inline(always)]
unsafe fn scaled<V: Vector>(value: V, factor: f32, addend: V) -> V {
    // SAFETY: as the caller vouches.
    unsafe { value.multiply_add(V::splat(factor), addend) }
}

/// `even + factor * odd` and `even - factor * odd`: the values at two opposite points.
#[inline(always)]
unsafe fn opposite<V: Vector>(even: V, odd: V, factor: f32) -> [V; 2] {
    // SAFETY: as the caller vouches.
    unsafe { [scaled(odd, factor, even), scaled(odd, -factor, even)] }
}

impl Transform<POINTS> for Input {
    #[inline(always)]
    unsafe fn transform<V: Vector>(values: [V; POINTS]) -> [V; POINTS] {
        let [v0, v1, v2, v3, v4, v5] = values;
        // SAFETY: as the caller vouches.
        unsafe {
            let [near, minus_near] = opposite(scaled(v2, -2.0, v4), scaled(v1, -2.0, v3), NEAR);
            let [far, minus_far] = opposite(scaled(v2, -0.5, v4), scaled(v1, -0.5, v3), FAR);
            [scaled(v2, -2.5, v0.add(v4)), near, minus_near, far, minus_far, scaled(v3, -2.5, v1.add(v5))]
        }
    }
}

impl Transform<OUTPUTS> for OutputGradient {
    #[inline(always)]
    unsafe fn transform<V: Vector>(values: [V; OUTPUTS]) -> [V; POINTS] {
        let [v0, v1, v2, v3] = values;
        // SAFETY: as the caller vouches.
        unsafe {
            let [near, minus_near] = opposite(scaled(v2, 0.5, v0), scaled(v3, 0.5, v1), NEAR);
            let [far, minus_far] = opposite(scaled(v2, 2.0, v0), scaled(v3, 2.0, v1), FAR);
            [v0, near, minus_near, far, minus_far, v3]
        }
    }
}

impl Transform<TAPS> for Weight {
    #[inline(always)]
    unsafe fn transform<V: Vector>(values: [V; TAPS]) -> [V; POINTS] {
        let [v0, v1, v2] = values;
        // SAFETY: as the caller vouches.
        unsafe {
            let zero = V::splat(0.0);
            let even = scaled(v0, -2.0 / 3.0, scaled(v2, -1.0 / 3.0, zero));
            let [near, minus_near] = opposite(even, v1, -2.0 / 3.0 * NEAR);
            let even = scaled(v0, 1.0 / 6.0, scaled(v2, 1.0 / 3.0, zero));
            let [far, minus_far] = opposite(even, v1, FAR / 6.0);
            [v0, near, minus_near, far, minus_far, v2]
        }
    }
}

/// Aᵀ: the outputs of a tile from the products at the points.
///
/// # Safety
///
/// As [`Vector`].
#[inline(always)]
pub(super) unsafe fn output<V: Vector>(products: [V; POINTS]) -> [V; OUTPUTS] {
    let [p0, near, minus_near, far, minus_far, p5] = products;
    // SAFETY: as the caller vouches.
    unsafe {
        let (near_even, near_odd) = (near.add(minus_near), near.subtract(minus_near));
        let (far_even, far_odd) = (far.add(minus_far), far.subtract(minus_far));
        let zero = V::splat(0.0);
        [
            p0.add(near_even).add(far_even),
            scaled(far_odd, FAR, scaled(near_odd, NEAR, zero)),
            scaled(far_even, 2.0, scaled(near_even, 0.5, zero)),
            scaled(far_odd, 2.0 * FAR, scaled(near_odd, 0.5 * NEAR, p5)),
        ]
    }
}

/// Gᵀ: the gradient of the taps from the products at the points.
///
/// # Safety
///
/// As [`Vector`].
#[inline(always)]
pub(super) unsafe fn weight_gradient<V: Vector>(products: [V; POINTS]) -> [V; TAPS] {
    let [p0, near, minus_near, far, minus_far, p5] = products;
    // SAFETY: as the caller vouches.
    unsafe {
        let (near_even, near_odd) = (near.add(minus_near), near.subtract(minus_near));
        let (far_even, far_odd) = (far.add(minus_far), far.subtract(minus_far));
        let zero = V::splat(0.0);
        [
            scaled(near_even, -2.0 / 3.0, scaled(far_even, 1.0 / 6.0, p0)),
            scaled(near_odd, -2.0 / 3.0 * NEAR, scaled(far_odd, FAR / 6.0, zero)),
            scaled(near_even, -1.0 / 3.0, scaled(far_even, 1.0 / 3.0, p5)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Portable;
    use crate::test_values::values;

    fn vectors<const SIZE: usize>(values: &[f32]) -> [Portable; SIZE] {
        // SAFETY: portable instructions.
        std::array::from_fn(|index| unsafe { Portable::splat(values[index]) })
    }

    fn first(vector: Portable) -> f32 {
        let mut lanes = [0.0; Portable::LANES];
        // SAFETY: portable instructions, and room for the lanes.
        unsafe { vector.store(lanes.as_mut_ptr()) };
        lanes[0]
    }

    fn products(left: [Portable; POINTS], right: [Portable; POINTS]) -> [Portable; POINTS] {
        // SAFETY: portable instructions.
        std::array::from_fn(|index| unsafe { left[index].multiply_add(right[index], Portable::splat(0.0)) })
    }

    /// Sums of a few products below 2: off by a few units in the last place of 2.
    const TOLERANCE: f32 = 4e-6;

    #[test]
    fn a_tile_of_outputs_is_that_of_the_filter() {
        let (input, weight) = (values(POINTS, 1), values(TAPS, 2));
        // SAFETY: portable instructions.
        let outputs = unsafe {
            output(products(Input::transform(vectors(&input)), Weight::transform(vectors(&weight))))
        };
        for (index, output) in outputs.into_iter().enumerate() {
            let expected: f32 = (0..TAPS).map(|tap| input[index + tap] * weight[tap]).sum();
            assert!((first(output) - expected).abs() < TOLERANCE, "{index}");
        }
    }

    #[test]
    fn the_gradient_of_the_taps_is_the_sum_over_outputs() {
        let (input, gradient) = (values(POINTS, 1), values(OUTPUTS, 2));
        // SAFETY: portable instructions.
        let taps = unsafe {
            weight_gradient(products(
                Input::transform(vectors(&input)),
                OutputGradient::transform(vectors(&gradient)),
            ))
        };
        for (tap, found) in taps.into_iter().enumerate() {
            let expected: f32 = (0..OUTPUTS).map(|index| input[index + tap] * gradient[index]).sum();
            assert!((first(found) - expected).abs() < TOLERANCE, "{tap}");
        }
    }
}

//! Rectification, in place.

use rayon::prelude::*;

/// Values that one task rectifies: enough for a thread to be worth it.
const TASK: usize = 1 << 16;

/// `max(value, 0)` of each value, in place; NaN stays NaN, as in PyTorch.
pub fn relu(values: &mut [f32]) {
    values.par_chunks_mut(TASK).for_each(|values| {
        for value in values {
            *value = rectified(*value);
        }
    });
}

/// The gradient of [`relu`], in place: that of the output where the output is above 0, else 0.
///
/// # Panics
///
/// If the slices differ in length.
pub fn relu_gradient(output: &[f32], gradient: &mut [f32]) {
    assert_eq!(output.len(), gradient.len(), "as many outputs as gradients");
    gradient.par_chunks_mut(TASK).zip(output.par_chunks(TASK)).for_each(|(gradient, output)| {
        for (gradient, output) in gradient.iter_mut().zip(output) {
            *gradient = if *output <= 0.0 { 0.0 } else { *gradient };
        }
    });
}

#[inline(always)]
fn rectified(value: f32) -> f32 {
    if value < 0.0 { 0.0 } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_values_become_zero_and_nan_stays() {
        let mut values = [-1.0, 0.0, 2.5, f32::NAN, f32::NEG_INFINITY, f32::INFINITY];
        relu(&mut values);
        assert_eq!(values[..3], [0.0, 0.0, 2.5]);
        assert!(values[3].is_nan() && values[4] == 0.0 && values[5] == f32::INFINITY);
        let mut gradient = [7.0; 6];
        relu_gradient(&values, &mut gradient);
        assert_eq!(gradient, [0.0, 0.0, 7.0, 7.0, 0.0, 7.0]);
    }

    #[test]
    fn long_slices_are_whole() {
        let values: Vec<f32> = (0..3 * TASK + 5).map(|index| index as f32 - TASK as f32).collect();
        let mut found = values.clone();
        relu(&mut found);
        assert!(found.iter().zip(&values).all(|(found, value)| *found == value.max(0.0)));
        let mut gradient = vec![1.0; values.len()];
        relu_gradient(&found, &mut gradient);
        assert_eq!(gradient.iter().sum::<f32>(), (values.len() - TASK - 1) as f32);
    }
}

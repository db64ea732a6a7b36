use super::*;
use crate::Instructions;
use crate::test_values::values;

/// Statistics, output and gradients against the formulas in f64. Values are of the order of 1, so an absolute difference of
/// 1e-5 is some tens of units in the last place.
fn check(shape: NormShape, with_residual: bool, rectify: bool) {
    let NormShape { channels, pixels, .. } = shape;
    let (input, start, residual) = (values(shape.len(), 1), values(shape.len(), 2), values(shape.len(), 5));
    let (gain, shift) = (values(channels, 3), values(channels, 4));
    let (mut mean, mut variance) = (vec![f32::NAN; channels], vec![f32::NAN; channels]);
    batch_statistics(&shape, &input, &mut mean, &mut variance);
    let mut output = vec![f32::NAN; shape.len()];
    let residual = with_residual.then_some(residual.as_slice());
    normalize(&shape, &input, [&mean, &variance, &gain, &shift], 1e-5, residual, rectify, &mut output);
    let mut found = start.clone();
    let mut residual_gradient = vec![f32::NAN; shape.len()];
    let (gain_gradient, shift_gradient) = batch_norm_gradient(
        &shape,
        &input,
        [&mean, &variance, &gain],
        1e-5,
        rectify.then_some(output.as_slice()),
        &mut found,
        with_residual.then_some(residual_gradient.as_mut_slice()),
    );

    let within = |tolerance: f64, found: f32, expected: f64, what: &str| {
        let tolerance = tolerance * expected.abs().max(1.0);
        assert!((f64::from(found) - expected).abs() < tolerance, "{what} of {shape:?}: {found}, {expected}");
    };
    let close = |found, expected, what: &str| within(1e-5, found, expected, what);
    for channel in 0..channels {
        let indices: Vec<usize> =
            (0..shape.len()).filter(|index| index / pixels % channels == channel).collect();
        let n = indices.len() as f64;
        let average = |of: &dyn Fn(usize) -> f64| indices.iter().map(|i| of(*i)).sum::<f64>() / n;
        let x = |index: usize| f64::from(input[index]);
        // The rectification's edge is where the output found is 0.
        let open = |index: usize| !rectify || output[index] > 0.0;
        let g = |index: usize| if open(index) { f64::from(start[index]) } else { 0.0 };
        let m = average(&x);
        let v = average(&|i| (x(i) - m).powi(2));
        close(mean[channel], m, "mean");
        close(variance[channel], v, "variance");
        let deviation = (v + 1e-5).sqrt();
        let normalized = |index: usize| (x(index) - m) / deviation;
        let (c, s) = (average(&g), average(&|i| g(i) * normalized(i)));
        // Sums of n terms, and of the rounding of the mean n times.
        within(1e-5 * n.sqrt(), shift_gradient[channel], c * n, "gradient of the shift");
        within(1e-5 * n.sqrt(), gain_gradient[channel], s * n, "gradient of the gain");
        let gain = f64::from(gain[channel]);
        for &index in &indices {
            let sum = normalized(index) * gain + f64::from(shift[channel]);
            let sum = sum + residual.map_or(0.0, |residual| f64::from(residual[index]));
            close(output[index], if rectify { sum.max(0.0) } else { sum }, "output");
            let expected = gain / deviation * (g(index) - c - normalized(index) * s);
            close(found[index], expected, "gradient of the input");
            if with_residual {
                close(residual_gradient[index], g(index), "gradient of the residual");
            }
        }
    }
}

#[test]
fn every_size_gives_the_formulas() {
    for (batch, channels, pixels) in
        [(3, 5, 1), (2, 3, 4), (5, 2, 16), (4, 2, 65), (2, 3, 1024), (7, 1, 200), (19, 3, 1024)]
    {
        for (residual, rectify) in [(false, false), (false, true), (true, false), (true, true)] {
            check(NormShape { batch, channels, pixels }, residual, rectify);
        }
    }
}

/// Far from zero, where the squares of a sum would leave nothing of the variance.
#[test]
fn a_small_variance_about_a_large_mean_is_kept() {
    let shape = NormShape { batch: 4, channels: 1, pixels: 100 };
    let input: Vec<f32> = (0..400).map(|index| 1000.0 + (index % 2) as f32 + (index / 100) as f32).collect();
    let (mut mean, mut variance) = ([0.0], [0.0]);
    batch_statistics(&shape, &input, &mut mean, &mut variance);
    assert_eq!(mean, [1002.0]);
    // Halves of 0 and 1 (1/4), images of 0 to 3 (5/4); what is left is the rounding of each plane's sum.
    assert!((variance[0] - 1.5).abs() < 1e-4, "{variance:?}");
    batch_statistics(&shape, &[7.25; 400], &mut mean, &mut variance);
    assert_eq!((mean, variance), ([7.25], [0.0]));
}

#[test]
fn what_is_not_finite_is_not_hidden() {
    let shape = NormShape { batch: 2, channels: 1, pixels: 40 };
    for bad in [f32::NAN, f32::INFINITY] {
        let mut input = vec![1.0; 80];
        input[70] = bad;
        let (mut mean, mut variance) = ([0.0], [0.0]);
        batch_statistics(&shape, &input, &mut mean, &mut variance);
        assert!(!mean[0].is_finite() && variance[0].is_nan());
        let mut output = [0.0; 80];
        normalize(&shape, &input, [&mean, &variance, &[1.0], &[0.0]], 1e-5, None, true, &mut output);
        assert!(output[70].is_nan());
    }
}

#[test]
fn bits_depend_neither_on_threads_nor_on_instructions() {
    let shape = NormShape { batch: 37, channels: 5, pixels: 1024 };
    let input = values(shape.len(), 1);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let (mut mean, mut variance) = ([0.0; 5], [0.0; 5]);
            batch_statistics(&shape, &input, &mut mean, &mut variance);
            let mut gradient = values(shape.len(), 2);
            let gain = [0.5; 5];
            let sums = batch_norm_gradient(
                &shape,
                &input,
                [&mean, &variance, &gain],
                1e-5,
                None,
                &mut gradient,
                None,
            );
            (mean, variance, gradient, sums)
        })
    };
    let one = run(1);
    assert!(run(2) == one && run(5) == one);
    for set in Instructions::available() {
        let plane = &input[..1000];
        assert_eq!(statistics::moments(set, plane), statistics::moments(Instructions::PORTABLE, plane));
    }
}

//! Every kernel against the definition of a convolution, summed in f64.
//!
//! Tolerance: a sum of n products of values in [-1, 1] in f32, in any order, is off by at most n² half units in the last
//! place of 1; over the sizes here (n up to a few thousand, errors that mostly cancel) 1e-5 per square root of n leaves
//! room without hiding a wrong or missing term, which is of the order of 0.1.

use proptest::prelude::*;
use seqjepa_cpu::{ConvShape, Instructions, convolve_with, input_gradient_with, weight_gradient_with};

/// Values in [-1, 1] that repeat nowhere near.
fn values(count: usize, seed: u32) -> Vec<f32> {
    (0..)
        .take(count)
        .map(|index: u32| {
            let bits = index.wrapping_add(seed).wrapping_mul(0x9e37_79b9) ^ seed;
            (bits.wrapping_mul(0x85eb_ca6b) >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

/// Calls `visit(input index, weight index, output index)` for every product of the convolution.
fn products(shape: &ConvShape, mut visit: impl FnMut(usize, usize, usize)) {
    let (rows, columns) = (shape.output_height(), shape.output_width());
    for image in 0..shape.batch {
        for output in 0..shape.outputs {
            for (y, x) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
                for channel in 0..shape.inputs {
                    for (ky, kx) in (0..shape.kernel).flat_map(|y| (0..shape.kernel).map(move |x| (y, x))) {
                        let row = (y * shape.stride + ky).checked_sub(shape.padding);
                        let column = (x * shape.stride + kx).checked_sub(shape.padding);
                        let (Some(row), Some(column)) = (row, column) else { continue };
                        if row < shape.height && column < shape.width {
                            visit(
                                ((image * shape.inputs + channel) * shape.height + row) * shape.width
                                    + column,
                                ((output * shape.inputs + channel) * shape.kernel + ky) * shape.kernel + kx,
                                ((image * shape.outputs + output) * rows + y) * columns + x,
                            );
                        }
                    }
                }
            }
        }
    }
}

fn compare(what: &str, shape: &ConvShape, set: Instructions, found: &[f32], expected: &[f64], terms: usize) {
    let tolerance = 1e-5 * (terms.max(1) as f64).sqrt();
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let difference = (f64::from(*found) - expected).abs();
        assert!(
            difference <= tolerance,
            "{what} of {shape:?} with {set:?}: value {index} is {found}, expected {expected}"
        );
    }
}

fn check(shape: &ConvShape) {
    let input = values(shape.input_len(), 1);
    let weight = values(shape.weight_len(), 2);
    let gradient = values(shape.output_len(), 3);
    let mut output = vec![0.0; shape.output_len()];
    let mut input_gradient = vec![0.0; shape.input_len()];
    let mut weight_gradient = vec![0.0; shape.weight_len()];
    products(shape, |i, w, o| {
        output[o] += f64::from(input[i]) * f64::from(weight[w]);
        input_gradient[i] += f64::from(gradient[o]) * f64::from(weight[w]);
        weight_gradient[w] += f64::from(gradient[o]) * f64::from(input[i]);
    });
    let taps = shape.kernel * shape.kernel;
    for set in Instructions::available() {
        // Stale values must be overwritten.
        let mut found = vec![f32::NAN; shape.output_len()];
        convolve_with(set, shape, &input, &weight, &mut found);
        compare("output", shape, set, &found, &output, shape.inputs * taps);
        let mut found = vec![f32::NAN; shape.input_len()];
        input_gradient_with(set, shape, &weight, &gradient, &mut found);
        compare("input gradient", shape, set, &found, &input_gradient, shape.outputs * taps);
        let mut found = vec![f32::NAN; shape.weight_len()];
        weight_gradient_with(set, shape, &input, &gradient, &mut found);
        let pixels = shape.batch * shape.output_height() * shape.output_width();
        compare("weight gradient", shape, set, &found, &weight_gradient, pixels);
    }
}

/// The convolutions of residual networks, at a tenth of the channels: every path by size of image.
#[test]
fn the_layers_of_residual_networks() {
    for side in [32, 16, 8, 4, 2, 1] {
        for (kernel, stride, padding) in [(3, 1, 1), (3, 2, 1), (1, 1, 0), (1, 2, 0), (7, 2, 3), (4, 4, 0)] {
            let shape = ConvShape {
                batch: 5,
                inputs: 6,
                outputs: 13,
                height: side,
                width: side,
                kernel,
                stride,
                padding,
            };
            check(&shape);
        }
    }
}

/// Rows that take vectors, halves of vectors and single columns when they are split by the stride and put together again.
#[test]
fn strides_over_images_of_every_width() {
    for width in 1..70 {
        for (kernel, stride, padding) in [(3, 2, 1), (1, 2, 0), (5, 2, 2), (3, 3, 0)] {
            check(&ConvShape { batch: 2, inputs: 3, outputs: 4, height: 5, width, kernel, stride, padding });
        }
    }
}

/// Sums longer than a block of terms, and batches longer than a group of images.
#[test]
fn sums_over_several_blocks() {
    let shape = ConvShape {
        batch: 9,
        inputs: 40,
        outputs: 9,
        height: 16,
        width: 16,
        kernel: 3,
        stride: 1,
        padding: 1,
    };
    check(&shape);
    check(&ConvShape { batch: 70, inputs: 33, height: 4, width: 8, ..shape });
}

#[test]
fn the_bits_do_not_depend_on_the_threads() {
    for (kernel, stride) in [(3, 1), (3, 2), (1, 1), (1, 2), (5, 3)] {
        bits_do_not_depend_on_threads(&ConvShape {
            batch: 7,
            inputs: 10,
            outputs: 12,
            height: 16,
            width: 16,
            kernel,
            stride,
            padding: kernel / 2,
        });
    }
}

fn bits_do_not_depend_on_threads(shape: &ConvShape) {
    let (input, weight) = (values(shape.input_len(), 1), values(shape.weight_len(), 2));
    let gradient = values(shape.output_len(), 3);
    let run = |threads: usize, set: Instructions| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| {
            let mut output = vec![0.0; shape.output_len()];
            convolve_with(set, shape, &input, &weight, &mut output);
            let mut input_gradient = vec![0.0; shape.input_len()];
            input_gradient_with(set, shape, &weight, &gradient, &mut input_gradient);
            let mut weight_gradient = vec![0.0; shape.weight_len()];
            weight_gradient_with(set, shape, &input, &gradient, &mut weight_gradient);
            [output, input_gradient, weight_gradient].concat().iter().map(|v| v.to_bits()).collect::<Vec<_>>()
        })
    };
    for set in Instructions::available() {
        let one = run(1, set);
        assert!(run(2, set) == one && run(5, set) == one, "{shape:?} {set:?}");
    }
}

#[test]
fn empty_convolutions_give_zeros() {
    let shape =
        ConvShape { batch: 2, inputs: 3, outputs: 4, height: 2, width: 2, kernel: 3, stride: 1, padding: 0 };
    assert_eq!(shape.output_len(), 0, "the kernel does not fit");
    check(&shape);
    check(&ConvShape { batch: 0, padding: 1, ..shape });
    check(&ConvShape { inputs: 0, padding: 1, ..shape });
    check(&ConvShape { outputs: 0, padding: 1, ..shape });
}

#[test]
#[should_panic(expected = "values of the weight")]
fn a_slice_of_another_length_is_refused() {
    let shape =
        ConvShape { batch: 1, inputs: 1, outputs: 1, height: 3, width: 3, kernel: 3, stride: 1, padding: 1 };
    convolve_with(Instructions::PORTABLE, &shape, &[0.0; 9], &[0.0; 8], &mut [0.0; 9]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_shape_gives_the_definition(
        (batch, inputs, outputs) in (1..4_usize, 1..7_usize, 1..11_usize),
        (height, width) in (1..20_usize, 1..36_usize),
        (kernel, stride, padding) in (1..6_usize, 1..4_usize, 0..4_usize),
    ) {
        check(&ConvShape { batch, inputs, outputs, height, width, kernel, stride, padding });
    }
}

//! Winograd's algorithm, on every shape that it takes, against the definition summed in f64.
//!
//! Tolerance: the values are in [-1, 1], so that sums of n products are of the order of sqrt(n) / 3. The error measured
//! for random values is 1e-6 of that in the mean up to 64 channels, a few times as much at worst: 1e-5 sqrt(n) leaves room,
//! and a wrong or missing product is of the order of 0.1.

use proptest::prelude::*;

use super::{convolve, input_gradient, weight_gradient};
use crate::test_values::values;
use crate::{ConvShape, Instructions};

/// Calls `visit(input index, weight index, output index)` for every product of the convolution.
fn products(shape: &ConvShape, mut visit: impl FnMut(usize, usize, usize)) {
    let (rows, columns) = (shape.output_height(), shape.output_width());
    for (image, output) in
        (0..shape.batch).flat_map(|image| (0..shape.outputs).map(move |output| (image, output)))
    {
        for (channel, tap) in (0..shape.inputs).flat_map(|channel| (0..9).map(move |tap| (channel, tap))) {
            for (y, x) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
                let (row, column) =
                    ((y + tap / 3).wrapping_sub(shape.padding), (x + tap % 3).wrapping_sub(shape.padding));
                if row < shape.height && column < shape.width {
                    visit(
                        ((image * shape.inputs + channel) * shape.height + row) * shape.width + column,
                        (output * shape.inputs + channel) * 9 + tap,
                        ((image * shape.outputs + output) * rows + y) * columns + x,
                    );
                }
            }
        }
    }
}

fn compare(what: &str, shape: &ConvShape, set: Instructions, found: &[f32], expected: &[f64], terms: usize) {
    let tolerance = 1e-5 * (terms as f64).sqrt();
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (f64::from(*found) - expected).abs() <= tolerance,
            "{what} of {shape:?} with {set:?}: value {index} is {found}, expected {expected}"
        );
    }
}

fn check(shape: &ConvShape) {
    let (input, weight) = (values(shape.input_len(), 1), values(shape.weight_len(), 2));
    let gradient = values(shape.output_len(), 3);
    let mut expected = [vec![0.0; shape.output_len()], vec![0.0; input.len()], vec![0.0; weight.len()]];
    products(shape, |i, w, o| {
        let (x, weight, gradient) = (f64::from(input[i]), f64::from(weight[w]), f64::from(gradient[o]));
        expected[0][o] += x * weight;
        expected[1][i] += gradient * weight;
        expected[2][w] += gradient * x;
    });
    for set in Instructions::available() {
        // Stale values must be overwritten.
        let mut found = vec![f32::NAN; shape.output_len()];
        convolve(set, shape, &input, &weight, &mut found);
        compare("output", shape, set, &found, &expected[0], shape.inputs * 9);
        let mut found = vec![f32::NAN; input.len()];
        input_gradient(set, shape, &weight, &gradient, &mut found);
        compare("input gradient", shape, set, &found, &expected[1], shape.outputs * 9);
        let mut found = vec![f32::NAN; weight.len()];
        weight_gradient(set, shape, &input, &gradient, &mut found);
        compare("weight gradient", shape, set, &found, &expected[2], shape.batch * shape.output_pixels());
    }
}

fn shape(
    batch: usize,
    [inputs, outputs]: [usize; 2],
    [height, width]: [usize; 2],
    padding: usize,
) -> ConvShape {
    ConvShape { batch, inputs, outputs, height, width, kernel: 3, stride: 1, padding }
}

/// Shared filters and shared tiles, several chunks of outputs and blocks of inputs, several parts of the weight's sum, one image
/// for several tasks, and several blocks of shared tiles.
const LARGE: [(usize, [usize; 2], [usize; 2]); 6] = [
    (3, [70, 133], [9, 10]),
    (5, [130, 150], [4, 4]),
    (9, [16, 24], [20, 17]),
    (40, [17, 3], [8, 8]),
    (1, [16, 20], [64, 70]),
    (50, [4, 260], [8, 8]),
];

#[test]
fn sums_over_several_blocks() {
    for (batch, channels, size) in LARGE {
        check(&shape(batch, channels, size, 1));
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    for (batch, channels, size) in LARGE {
        let shape = shape(batch, channels, size, 1);
        let (input, weight) = (values(shape.input_len(), 1), values(shape.weight_len(), 2));
        let gradient = values(shape.output_len(), 3);
        let run = |threads: usize, set: Instructions| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut found = [vec![0.0; gradient.len()], vec![0.0; input.len()], vec![0.0; weight.len()]];
                convolve(set, &shape, &input, &weight, &mut found[0]);
                input_gradient(set, &shape, &weight, &gradient, &mut found[1]);
                weight_gradient(set, &shape, &input, &gradient, &mut found[2]);
                found.concat().iter().map(|value| value.to_bits()).collect::<Vec<_>>()
            })
        };
        for set in Instructions::available() {
            let one = run(1, set);
            assert!(run(2, set) == one && run(5, set) == one, "{shape:?} {set:?}");
        }
    }
}

/// A value that is not finite spoils the tiles that read it, and no others.
#[test]
fn what_is_not_finite_stays_in_its_tiles() {
    let shape = shape(2, [3, 5], [12, 12], 1);
    let weight = values(shape.weight_len(), 2);
    for bad in [f32::NAN, f32::INFINITY] {
        let mut input = values(shape.input_len(), 1);
        // Pixel (6, 6) of the first image: read by the tile of outputs 4 to 7 alone.
        input[6 * 12 + 6] = bad;
        for set in Instructions::available() {
            let mut output = vec![0.0; shape.output_len()];
            convolve(set, &shape, &input, &weight, &mut output);
            for (index, value) in output.iter().enumerate() {
                let (image, y, x) = (index / (5 * 144), index / 12 % 12, index % 12);
                let reads_it = image == 0 && (5..8).contains(&y) && (5..8).contains(&x);
                let same_tile = image == 0 && (4..8).contains(&y) && (4..8).contains(&x);
                assert!(!reads_it || !value.is_finite(), "{index}");
                assert!(same_tile || value.is_finite(), "{index}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn any_shape_gives_the_definition(
        (batch, inputs, outputs) in (1..4_usize, 1..41_usize, 1..41_usize),
        (height, width) in (1..18_usize, 1..18_usize),
        padding in 0..3_usize,
    ) {
        let shape = shape(batch, [inputs, outputs], [height, width], padding);
        prop_assume!(shape.output_len() > 0);
        check(&shape);
    }
}

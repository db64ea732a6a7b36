//! Batch norm with all that may follow it, against its formula in f64, over random shapes.
//!
//! Tolerance: 1e-5 of the largest value of a tensor or, for sums over thousands of positions, of a hundredth of their number; means up to
//! 100 deviations from 0 cost two digits more. A wrong kernel is off by a tenth and more.

use burn::tensor::{Device, Tensor};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use seqjepa_nn::{BatchNorm, Mode};

use crate::values::{rounded, tensor, values, waves};

/// How the input lies in memory.
#[derive(Debug, Clone, Copy)]
enum Order {
    AsItsShape,
    ChannelsLast,
    /// Neither.
    Transposed,
    /// Within a larger tensor, not at its start.
    Inside,
}

/// Batch, channels, height, width; the mean; a residual; a rectification; the order.
type Case = ([usize; 4], f64, bool, bool, Order);

fn cases() -> impl Strategy<Value = Case> {
    let dims = prop_oneof![
        (2..6usize, 1..70usize, 1..10usize, 1..10usize),
        // More positions than one cube sums.
        (2..4usize, 1..4usize, 60..80usize, 60..80usize),
        // More parts than the units of a channel that add them up, where the channels lie last.
        (2..4usize, (17..35usize).prop_map(|vectors| 4 * vectors), 20..28usize, 20..28usize),
        (2..40usize, 1..300usize, Just(1), Just(1)),
    ];
    let dims = dims.prop_map(|(batch, channels, height, width)| [batch, channels, height, width]);
    let mean = prop_oneof![Just(0.0), -3.0..3.0f64, Just(100.0)];
    let order = prop_oneof![
        Just(Order::AsItsShape),
        Just(Order::ChannelsLast),
        Just(Order::Transposed),
        Just(Order::Inside)
    ];
    (dims, mean, any::<bool>(), any::<bool>(), order)
}

/// Output, gradients of input, residual, gain and shift, and the statistics.
struct Found {
    named: [(&'static str, Vec<f64>); 7],
}

/// What all values of a case are: input, residual, weights of the output, gain, shift.
struct Values {
    dims: [usize; 4],
    all: [Vec<f64>; 5],
}

impl Values {
    fn new(dims: [usize; 4], mean: f64) -> Self {
        let (count, channels) = (dims.iter().product::<usize>(), dims[1]);
        let of_channels = |frequency, mean| waves(channels, frequency, mean);
        // Images differ, so that no channel's variance is next to nothing.
        let image = count / dims[0];
        let input = waves(count, 0.37, mean).into_iter().enumerate();
        let input = input.map(|(at, value)| rounded(value + (at / image % 2 * 3) as f64)).collect();
        let all = [
            input,
            waves(count, 0.53, 0.0),
            waves(count, 0.91, 0.1),
            of_channels(0.7, 1.5),
            of_channels(1.3, 0.2),
        ];
        Self { dims, all }
    }

    /// Rows where the images are single positions, sequences where they are one high.
    fn run(&self, device: &Device, with: (bool, bool, Order)) -> Found {
        let [batch, channels, height, width] = self.dims;
        match (height, width) {
            (1, 1) => self.run_as([batch, channels], device, with),
            (1, _) => self.run_as([batch, channels, width], device, with),
            _ => self.run_as(self.dims, device, with),
        }
    }

    fn run_as<const D: usize>(
        &self,
        dims: [usize; D],
        device: &Device,
        (with_residual, rectify, order): (bool, bool, Order),
    ) -> Found {
        let device = device.clone().autodiff();
        let [input, residual, weights, gain, shift] = &self.all;
        let channels = self.dims[1];
        let mut norm = BatchNorm::new(channels, &device);
        norm.weight = norm.weight.map(|old| old.map(|_| tensor(gain, [channels], &device).require_grad()));
        norm.bias = norm.bias.map(|old| old.map(|_| tensor(shift, [channels], &device).require_grad()));
        let [input, residual] = [input, residual].map(|each| tensor(each, dims, &device).require_grad());
        // A concatenation has its values in the order of its shape.
        let copied = |tensor: Tensor<D>| {
            let zeros = tensor.zeros_like();
            let first = tensor.dims()[0];
            Tensor::cat(vec![tensor, zeros], 0).narrow(0, 0, first)
        };
        let laid_input = match order {
            Order::AsItsShape => input.clone(),
            Order::ChannelsLast => copied(input.clone().movedim(1, D - 1)).movedim(D - 1, 1),
            Order::Inside => {
                let (before, count) = (input.zeros_like(), dims[0]);
                Tensor::cat(vec![before, input.clone()], 0).narrow(0, count, count)
            }
            Order::Transposed => copied(input.clone().swap_dims(0, D - 1)).swap_dims(0, D - 1),
        };
        let output = match (with_residual, rectify) {
            (true, _) => norm.forward_add_relu(laid_input, residual.clone(), Mode::Train),
            (false, true) => norm.forward_relu(laid_input, Mode::Train),
            (false, false) => norm.forward(laid_input, Mode::Train),
        };
        let gradients = (output.clone() * tensor(weights, dims, &device)).sum().backward();
        let of = |tensor: &Tensor<D>| tensor.grad(&gradients).map(values).unwrap_or_default();
        let of_channels = |tensor: Tensor<1>| values(tensor.grad(&gradients).unwrap());
        let [gain, shift] = [&norm.weight, &norm.bias].map(|each| of_channels(each.as_ref().unwrap().val()));
        Found {
            named: [
                ("output", values(output)),
                ("gradient of the input", of(&input)),
                ("gradient of the residual", of(&residual)),
                ("gradient of the gain", gain),
                ("gradient of the shift", shift),
                ("running mean", values(norm.running_mean.value())),
                ("running variance", values(norm.running_var.value())),
            ],
        }
    }

    /// The formulas, channel by channel. Of what lies so close to 0 that rounding decides whether it passes, nothing is asked.
    fn expected(&mut self, with_residual: bool, rectify: bool, margin: f64) -> Found {
        let [batch, channels, height, width] = self.dims;
        let [input, residual, weights, gain, shift] = &mut self.all;
        let (pixels, count) = (height * width, (batch * height * width) as f64);
        let mut output = vec![0.0; input.len()];
        let (mut of_input, mut of_residual) = (output.clone(), output.clone());
        let [mut of_gain, mut of_shift, mut means, mut variances] = [(); 4].map(|()| vec![0.0; channels]);
        for channel in 0..channels {
            let places: Vec<usize> = (0..batch)
                .flat_map(|image| {
                    let first = (image * channels + channel) * pixels;
                    first..first + pixels
                })
                .collect();
            let mean = places.iter().map(|&at| input[at]).sum::<f64>() / count;
            let variance = places.iter().map(|&at| (input[at] - mean).powi(2)).sum::<f64>() / count;
            let deviation = (variance + 1e-5).sqrt();
            let normalized = |at: usize| (input[at] - mean) / deviation;
            for &at in &places {
                let sum = normalized(at) * gain[channel]
                    + shift[channel]
                    + if with_residual { residual[at] } else { 0.0 };
                let rectified = rectify || with_residual;
                output[at] = if rectified { sum.max(0.0) } else { sum };
                if sum.abs() < margin {
                    weights[at] = 0.0;
                }
                of_residual[at] = if rectified && sum <= 0.0 { 0.0 } else { weights[at] };
            }
            of_shift[channel] = places.iter().map(|&at| of_residual[at]).sum();
            of_gain[channel] = places.iter().map(|&at| of_residual[at] * normalized(at)).sum();
            for &at in &places {
                let centred =
                    of_residual[at] - (of_shift[channel] + normalized(at) * of_gain[channel]) / count;
                of_input[at] = gain[channel] / deviation * centred;
            }
            means[channel] = 0.1 * mean;
            variances[channel] = 0.9 + 0.1 * variance * count / (count - 1.0);
        }
        let of_residual = if with_residual { of_residual } else { Vec::new() };
        Found {
            named: [
                ("output", output),
                ("gradient of the input", of_input),
                ("gradient of the residual", of_residual),
                ("gradient of the gain", of_gain),
                ("gradient of the shift", of_shift),
                ("running mean", means),
                ("running variance", variances),
            ],
        }
    }
}

/// Holds a device's batch norm against the formulas.
pub(super) fn property(device: &Device) {
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() });
    let checked = runner.run(&cases(), |(dims, mean, with_residual, rectify, order)| {
        // In f32 a mean of 100 leaves 1e-5 of a value.
        let bound = 1e-5 * mean.abs().max(1.0);
        let mut values = Values::new(dims, mean);
        let expected = values.expected(with_residual, rectify, bound).named;
        let found = values.run(device, (with_residual, rectify, order)).named;
        let positions = (dims[0] * dims[2] * dims[3]) as f64;
        for ((name, found), (_, expected)) in found.iter().zip(&expected) {
            prop_assert_eq!(found.len(), expected.len(), "{}", name);
            let terms = if found.len() == dims[1] { positions / 100.0 } else { 0.0 };
            let largest = expected.iter().fold(terms.max(1.0), |most, value| most.max(value.abs()));
            for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
                prop_assert!(
                    (found - expected).abs() <= bound * largest,
                    "{}[{}]: expected {}, found {}",
                    name,
                    at,
                    expected,
                    found
                );
            }
        }
        Ok(())
    });
    checked.unwrap();
    what_is_no_number_stays_so(device);
    a_residual_may_be_expanded(device);
}

/// A NaN spoils its channel, rectified or not, and nothing else.
fn what_is_no_number_stays_so(device: &Device) {
    let mut input = waves(2 * 3 * 4, 0.37, 0.0);
    input[5] = f64::NAN;
    let (input, norm) = (tensor(&input, [2, 3, 2, 2], device), BatchNorm::new(3, device));
    for output in [norm.forward_relu(input.clone(), Mode::Train), norm.forward(input, Mode::Train)] {
        for (at, value) in values(output).into_iter().enumerate() {
            assert_eq!(value.is_nan(), at / 4 % 3 == 1, "{at}: {value}");
        }
    }
    assert!(values(norm.running_var.value())[1].is_nan());
}

/// One image for the whole batch.
fn a_residual_may_be_expanded(device: &Device) {
    let norm = BatchNorm::new(2, device);
    let input = tensor(&waves(4 * 2 * 9, 0.37, 0.0), [4, 2, 3, 3], device);
    let one = tensor(&waves(2 * 9, 0.53, 0.0), [1, 2, 3, 3], device);
    let whole = one.clone().repeat_dim(0, 4);
    let [expanded, whole] = [one.expand([4, 2, 3, 3]), whole]
        .map(|residual| norm.forward_add_relu(input.clone(), residual, Mode::Train));
    assert_eq!(values(expanded), values(whole));
}

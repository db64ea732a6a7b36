//! A layer trained by hand: convolution, batch norm and rectification learn a filter from what it makes of random images.
//!
//! ```text
//! cargo run --release -p seqjepa-cpu --example layer
//! ```

use seqjepa_cpu::{
    AdamStep, ConvShape, NormShape, adam, batch_norm_gradient, batch_statistics, convolve, keep_freed_memory,
    normalize, weight_gradient,
};

const EPSILON: f64 = 1e-5;

/// Numbers in [-1, 1) that only `seed` decides.
fn noise(len: usize, mut seed: u32) -> Vec<f32> {
    let mut next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from((seed >> 16) as u16) / 32_768.0 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn main() {
    keep_freed_memory();
    let [batch, inputs, outputs, side] = [16, 3, 8, 32];
    let shape =
        ConvShape { batch, inputs, outputs, height: side, width: side, kernel: 3, stride: 1, padding: 1 };
    let norm = NormShape { batch, channels: outputs, pixels: side * side };
    let (mut mean, mut variance) = (vec![0.0; outputs], vec![0.0; outputs]);

    // What the layer is to give: a known filter's responses, normalised and rectified.
    let images = noise(shape.input_len(), 1);
    let (mut sums, mut target) = (vec![0.0; shape.output_len()], vec![0.0; shape.output_len()]);
    convolve(&shape, &images, &noise(shape.weight_len(), 2), &mut sums);
    batch_statistics(&norm, &sums, &mut mean, &mut variance);
    let (ones, zeros) = (vec![1.0; outputs], vec![0.0; outputs]);
    normalize(&norm, &sums, [&mean, &variance, &ones, &zeros], EPSILON, None, true, &mut target);

    let (mut weight, mut gain, mut shift) = (noise(shape.weight_len(), 3), ones, zeros);
    let mut moments = [weight.len(), outputs, outputs].map(|len| [vec![0.0; len], vec![0.0; len]]);
    let (mut output, mut gradient) = (vec![0.0; target.len()], vec![0.0; target.len()]);
    let mut weight_gradients = vec![0.0; weight.len()];
    for step in 1..=150 {
        // Forward.
        convolve(&shape, &images, &weight, &mut sums);
        batch_statistics(&norm, &sums, &mut mean, &mut variance);
        normalize(&norm, &sums, [&mean, &variance, &gain, &shift], EPSILON, None, true, &mut output);
        // The mean squared difference and its gradient.
        let mut loss = 0.0;
        for ((gradient, output), target) in gradient.iter_mut().zip(&output).zip(&target) {
            loss += (output - target).powi(2) / shape.output_len() as f32;
            *gradient = 2.0 * (output - target) / shape.output_len() as f32;
        }
        if step % 25 == 1 {
            println!("step {step:3}: loss {loss:.6}");
        }
        // Backward: the gradient of the output becomes that of the sums. A layer before this one would call `input_gradient`.
        let statistics = [&*mean, &*variance, &*gain];
        let (of_gain, of_shift) =
            batch_norm_gradient(&norm, &sums, statistics, EPSILON, Some(&output), &mut gradient, None);
        weight_gradient(&shape, &images, &gradient, &mut weight_gradients);
        // Adam with a learning rate of 0.02, and 0.9 and 0.999 as its betas.
        let update = AdamStep {
            mean_weight: 0.1,
            beta2: 0.999,
            correction_root: (1.0 - 0.999_f64.powi(step)).sqrt(),
            eps: 1e-8,
            step_size: 0.02 / (1.0 - 0.9_f64.powi(step)),
            penalty: 0.0,
            shrinkage: 1.0,
        };
        let values = [&mut weight, &mut gain, &mut shift];
        let gradients = [&weight_gradients, &of_gain, &of_shift];
        for ((values, gradients), [mean, square]) in values.into_iter().zip(gradients).zip(&mut moments) {
            adam(&update, values, mean, square, gradients);
        }
    }
}

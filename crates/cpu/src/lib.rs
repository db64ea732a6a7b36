//! Convolution, batch normalisation and rectification of f32 images on the CPU, with their gradients, and the update of Adam.
//!
//! The layout is that of PyTorch: images `[batch, channels, height, width]`, weights `[outputs, inputs, kernel, kernel]`.
//! [`convolve`], [`input_gradient`] and [`weight_gradient`] compute `torch.nn.functional.conv2d` and what its backward
//! pass gives; [`batch_statistics`], [`normalize`] and [`batch_norm_gradient`] do batch norm in training, with the sum and the
//! rectification that end a residual layer; [`relu`] rectifies; [`adam`] is an optimizer's whole update in one pass,
//! [`moving_average`] that of an averaged model, and [`sum_of_squares`] what norms are made of.
//!
//! All run on the threads of the current rayon pool, with AVX-512, AVX2, NEON or portable kernels, whichever the processor has.
//! A result is the same, to the bit, at any number of threads; it differs in rounding between instruction sets.
//!
//! Convolutions with 3 by 3 kernels and stride 1 use Winograd's algorithm where it is faster, with a quarter of the
//! multiplications. Its rounding error is about twice that of a plain sum (of outputs; up to five times for weight
//! gradients): for normally distributed values and 16 to 512 channels at most 5e-6 of the largest result. A value that is
//! not finite then spoils all outputs of the tiles of 4 by 4 that read it, not only those that depend on it.
//!
//! ```
//! use seqjepa_cpu::{ConvShape, convolve};
//!
//! let shape = ConvShape {
//!     batch: 1, inputs: 1, outputs: 1, height: 3, width: 3, kernel: 3, stride: 1, padding: 1,
//! };
//! let mut sums = [0.0; 9];
//! convolve(&shape, &[1.0; 9], &[1.0; 9], &mut sums);
//! assert_eq!(sums, [4.0, 6.0, 4.0, 6.0, 9.0, 6.0, 4.0, 6.0, 4.0]);
//! ```

/// The README's program runs as it stands.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod adam;
mod batch_norm;
mod buffer;
mod compiled;
mod correlate;
mod forward;
mod input_gradient;
mod instructions;
mod lane_sums;
mod memory;
mod moving_average;
mod padded;
mod positions;
mod relu;
mod shape;
mod simd;
mod squares;
#[cfg(test)]
mod test_values;
mod weight_gradient;
mod winograd;

pub use adam::{AdamStep, adam, adam_with};
pub use batch_norm::{NormShape, batch_norm_gradient, batch_statistics, normalize};
pub use forward::{convolve, convolve_with};
pub use input_gradient::{input_gradient, input_gradient_with};
pub use instructions::{InstructionSet, Instructions};
pub use memory::keep_freed_memory;
pub use moving_average::moving_average;
pub use relu::{relu, relu_gradient};
pub use shape::ConvShape;
pub use squares::sum_of_squares;
pub use weight_gradient::{weight_gradient, weight_gradient_with};

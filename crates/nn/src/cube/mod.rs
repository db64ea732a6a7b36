//! Operators of the GPU backends by kernels of this crate, written in CubeCL, beside Burn's own.
//!
//! Burn computes batch norm on a GPU as a chain of some ten operations forward and more backward, each of which reads and writes the whole
//! batch or ends what can be fused.

mod adam;
mod batch_norm;
mod convolution;
mod convolution_in_bf16;
mod convolution_in_f32;
mod convolution_tuned;
mod dropout;
mod kernels;
mod launch;
mod layout;
mod moving_average;
mod pixels;
mod product;
mod split_weight_gradient;
mod together;
mod total;

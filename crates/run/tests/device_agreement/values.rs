//! Values that go to a device and come back, in f64 as f32 holds them.
#![expect(clippy::cast_possible_truncation, reason = "devices compute in f32")]

use burn::tensor::{Device, Tensor, TensorData};
use seqjepa_nn::host;

/// The nearest value of f32.
pub(super) fn rounded(value: f64) -> f64 {
    f64::from(value as f32)
}

/// Values of a wave around `mean`.
pub(super) fn waves(count: usize, frequency: f64, mean: f64) -> Vec<f64> {
    (0..count).map(|index| rounded((index as f64 * frequency).sin() + mean)).collect()
}

pub(super) fn tensor<const D: usize>(values: &[f64], dims: [usize; D], device: &Device) -> Tensor<D> {
    let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
    Tensor::from_data(TensorData::new(values, dims), device)
}

pub(super) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    host::read(tensor).into_iter().map(f64::from).collect()
}

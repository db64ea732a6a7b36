//! The update of Adam and AdamW: one launch a parameter.

use burn::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::kernel::into_contiguous;

use super::launch::{per_value, single, units};
use super::layout::room;
use crate::optimizer::fused_adam::{AdamStep, AdamUpdate};

impl AdamUpdate for CubeBackend {
    fn adam_update(
        values: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        square: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [values, mean, square, gradient] = [values, mean, square, gradient].map(into_contiguous);
        let [new_values, new_mean, new_square] = [(); 3].map(|()| room(&values, values.meta.shape().clone()));
        update::launch(
            &values.client.clone(),
            per_value(&values),
            units(),
            values.into_tensor_arg(),
            mean.into_tensor_arg(),
            square.into_tensor_arg(),
            gradient.into_tensor_arg(),
            new_values.clone().into_tensor_arg(),
            new_mean.clone().into_tensor_arg(),
            new_square.clone().into_tensor_arg(),
            single(step.mean_weight),
            single(1.0 - step.mean_weight),
            single(step.beta2),
            single(1.0 - step.beta2),
            single(step.correction_root),
            single(step.eps),
            single(step.step_size),
            single(step.penalty),
            single(step.shrinkage),
            step.mean_weight < 0.5,
        );
        (new_values, new_mean, new_square)
    }
}

/// The order of operations is that of `torch.optim`'s single-tensor code. `from_mean`: whether the first moment is moved from its own end,
/// as `torch.lerp` does for weights below 1/2.
#[cube(launch)]
fn update(
    values: &Tensor<f32>,
    mean: &Tensor<f32>,
    square: &Tensor<f32>,
    gradient: &Tensor<f32>,
    new_values: &mut Tensor<f32>,
    new_mean: &mut Tensor<f32>,
    new_square: &mut Tensor<f32>,
    mean_weight: f32,
    beta1: f32,
    beta2: f32,
    square_weight: f32,
    correction_root: f32,
    eps: f32,
    step_size: f32,
    penalty: f32,
    shrinkage: f32,
    #[comptime] from_mean: bool,
) {
    let at = ABSOLUTE_POS;
    if at >= new_values.len() {
        terminate!();
    }
    let value = values[at];
    let slope = gradient[at] + penalty * value;
    let old = mean[at];
    let moved =
        if comptime!(from_mean) { old + mean_weight * (slope - old) } else { slope - beta1 * (slope - old) };
    let spread = beta2 * square[at] + square_weight * slope * slope;
    let denominator = spread.sqrt() / correction_root + eps;
    new_mean[at] = moved;
    new_square[at] = spread;
    new_values[at] = shrinkage * value - step_size * moved / denominator;
}

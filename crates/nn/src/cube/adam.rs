//! The update of Adam and AdamW.

use burn_cubecl::CubeBackend;
use burn_cubecl::cubecl::{self, prelude::*};

use super::launch::{single, units};
use super::together::{Buffers, buffers, groups, room_for_each, row_for_each, units_of_row, without_gaps};
use crate::floats::Floats;
use crate::optimizer::{AdamStep, AdamUpdate};

impl AdamUpdate for CubeBackend {
    fn adam_update(
        values: Floats<Self>,
        means: Floats<Self>,
        squares: Floats<Self>,
        gradients: Floats<Self>,
        step: AdamStep,
    ) -> (Floats<Self>, Floats<Self>, Floats<Self>) {
        let [values, means, squares, gradients] =
            [values, means, squares, gradients].map(|tensors| without_gaps(tensors.0));
        let [new_values, new_means, new_squares] = [(); 3].map(|()| room_for_each(&values));
        for group in groups(&values, 7) {
            update::launch(
                &values[group.start].client,
                row_for_each(&values[group.clone()]),
                units(),
                buffers(&values[group.clone()]),
                buffers(&means[group.clone()]),
                buffers(&squares[group.clone()]),
                buffers(&gradients[group.clone()]),
                buffers(&new_values[group.clone()]),
                buffers(&new_means[group.clone()]),
                buffers(&new_squares[group]),
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
        }
        (Floats(new_values), Floats(new_means), Floats(new_squares))
    }
}

/// The order of operations is that of `torch.optim`'s single-tensor code. `from_mean`: whether the first moment is moved from its own end,
/// as `torch.lerp` does for weights below 1/2.
#[cube(launch)]
fn update(
    values: &Buffers,
    means: &Buffers,
    squares: &Buffers,
    gradients: &Buffers,
    new_values: &mut Buffers,
    new_means: &mut Buffers,
    new_squares: &mut Buffers,
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
    #[unroll]
    for tensor in 0..values.len() {
        if CUBE_POS_Y as usize == tensor {
            let mut at = ABSOLUTE_POS_X as usize;
            while at < new_values[tensor].len() {
                let value = values[tensor][at];
                let slope = gradients[tensor][at] + penalty * value;
                let old = means[tensor][at];
                let moved = if comptime!(from_mean) {
                    old + mean_weight * (slope - old)
                } else {
                    slope - beta1 * (slope - old)
                };
                let spread = beta2 * squares[tensor][at] + square_weight * slope * slope;
                let denominator = spread.sqrt() / correction_root + eps;
                new_means.index_mut(tensor)[at] = moved;
                new_squares.index_mut(tensor)[at] = spread;
                new_values.index_mut(tensor)[at] = shrinkage * value - step_size * moved / denominator;
                at += units_of_row();
            }
        }
    }
}

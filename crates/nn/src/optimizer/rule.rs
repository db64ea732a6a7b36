//! The update of one flattened parameter.
//!
//! Every expression keeps the order of operations of `torch.optim`'s single-tensor code, so that
//! results differ from it by the rounding of its fused multiply-adds alone. Scalars are computed
//! in f64. Nothing is read from the device: LARS's trust ratio is a tensor.

use burn::tensor::Tensor;

use super::adam_step::AdamStep;
use super::config::OptimizerConfig;
use super::groups::{ParameterGroups, is_one_dimensional};
use crate::total::{Term, sum};

/// What a rule remembers of one parameter between steps.
#[derive(Clone, Debug)]
pub(super) struct ParameterState {
    /// Updates that the parameter has had.
    pub(super) steps: u64,
    /// Shape of the parameter.
    pub(super) shape: Vec<usize>,
    /// The rule's buffers in the order of [`OptimizerConfig::buffer_names`], flattened, outside
    /// autodiff; empty before the first step.
    pub(super) buffers: Vec<Tensor<1>>,
}

impl ParameterState {
    pub(super) fn new(shape: Vec<usize>) -> Self {
        Self { steps: 0, shape, buffers: Vec::new() }
    }

    /// The first and the second moment of Adam's rules, which leaves none here: zeros before the first step.
    pub(super) fn moments(&mut self, gradient: &Tensor<1>) -> [Tensor<1>; 2] {
        match (self.buffers.pop(), self.buffers.pop()) {
            (Some(square), Some(mean)) => [mean, square],
            _ => [gradient.zeros_like(), gradient.zeros_like()],
        }
    }

    /// Moves the buffers to the device of `values`.
    pub(super) fn follow(&mut self, values: &Tensor<1>) {
        let device = values.device();
        for buffer in &mut self.buffers {
            if buffer.device() != device {
                buffer.inplace(|buffer| buffer.to_device(&device));
            }
        }
    }
}

/// One step of `config`'s rule on a flattened parameter outside autodiff.
pub(super) fn update(
    config: &OptimizerConfig,
    groups: ParameterGroups,
    lr: f64,
    values: Tensor<1>,
    gradient: Tensor<1>,
    state: &mut ParameterState,
) -> Tensor<1> {
    state.follow(&values);
    state.steps += 1;
    let config = groups.rule(config, &state.shape);
    if let Some(step) = AdamStep::new(&config, lr, state.steps) {
        return adam(step, values, gradient, state);
    }
    match config {
        OptimizerConfig::Adam { .. } | OptimizerConfig::AdamW { .. } => unreachable!("they have a step"),
        OptimizerConfig::Sgd { momentum, dampening, nesterov, weight_decay } => {
            let gradient = add_decay(gradient, &values, weight_decay);
            let direction = if momentum == 0.0 {
                gradient
            } else {
                let buffer = match state.buffers.pop() {
                    Some(buffer) => {
                        buffer.mul_scalar(momentum) + gradient.clone().mul_scalar(1.0 - dampening)
                    }
                    None => gradient.clone(),
                };
                state.buffers.push(buffer.clone());
                if nesterov { gradient + buffer.mul_scalar(momentum) } else { buffer }
            };
            values + direction.mul_scalar(-lr)
        }
        OptimizerConfig::Lars { momentum, weight_decay, trust_coefficient, exclude_one_dimensional } => {
            let direction = if exclude_one_dimensional && is_one_dimensional(&state.shape) {
                gradient
            } else {
                let gradient = add_decay(gradient, &values, weight_decay);
                let ratio = trust_ratio(&values, &gradient, trust_coefficient);
                gradient * ratio
            };
            let direction = if momentum == 0.0 {
                direction
            } else {
                let buffer = match state.buffers.pop() {
                    Some(buffer) => buffer.mul_scalar(momentum) + direction,
                    None => direction,
                };
                state.buffers.push(buffer.clone());
                buffer
            };
            values + direction.mul_scalar(-lr)
        }
    }
}

/// `coefficient * |values| / |direction|`, `[1]`; 1 where either norm is 0.
fn trust_ratio(values: &Tensor<1>, direction: &Tensor<1>, coefficient: f64) -> Tensor<1> {
    let [values, direction] = [values, direction].map(|vector| sum(Term::Square, vector).sqrt());
    let undefined = values.clone().equal_elem(0.0).bool_or(direction.clone().equal_elem(0.0));
    (values.mul_scalar(coefficient) / direction).mask_fill(undefined, 1.0)
}

/// The L2 penalty's gradient, added to the loss's.
fn add_decay(gradient: Tensor<1>, values: &Tensor<1>, weight_decay: f64) -> Tensor<1> {
    if weight_decay == 0.0 { gradient } else { gradient + values.clone().mul_scalar(weight_decay) }
}

fn adam(step: AdamStep, values: Tensor<1>, gradient: Tensor<1>, state: &mut ParameterState) -> Tensor<1> {
    let [mean, square] = state.moments(&gradient);

    // One pass, on the processor with the same roundings.
    #[cfg(any(feature = "flex", feature = "cube"))]
    if [&values, &mean, &square, &gradient].into_iter().all(crate::own_kernels::serve) {
        let [values, mean, square, gradient] = [values, mean, square, gradient].map(|tensor| vec![tensor]);
        let [values, mean, square] =
            super::fused_adam::adam(step, values, [mean, square], gradient).map(|mut found| found.remove(0));
        state.buffers = vec![mean, square];
        return values;
    }

    let gradient = add_decay(gradient, &values, step.penalty);
    let values = if step.shrinkage == 1.0 { values } else { values.mul_scalar(step.shrinkage) };
    let mean = lerp(mean, &gradient, step.mean_weight);
    let square = square.mul_scalar(step.beta2) + gradient.clone().mul_scalar(1.0 - step.beta2) * gradient;
    let denominator = square.clone().sqrt().div_scalar(step.correction_root).add_scalar(step.eps);
    let update = mean.clone().mul_scalar(-step.step_size) / denominator;
    state.buffers = vec![mean, square];
    values + update
}

/// `start + weight * (end - start)`, from whichever end is nearer, as `torch.lerp`.
fn lerp(start: Tensor<1>, end: &Tensor<1>, weight: f64) -> Tensor<1> {
    let difference = end.clone() - start.clone();
    if weight < 0.5 {
        start + difference.mul_scalar(weight)
    } else {
        end.clone() - difference.mul_scalar(1.0 - weight)
    }
}

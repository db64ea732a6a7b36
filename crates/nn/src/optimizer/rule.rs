//! The update of one flattened parameter.
//!
//! Every expression keeps the order of operations of `torch.optim`'s single-tensor code, so that
//! results differ from it by the rounding of its fused multiply-adds alone. Scalars are computed
//! in f64. Nothing is read from the device: LARS's trust ratio is a tensor.

use burn::tensor::Tensor;

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

    /// Moves the buffers to the device of `values`.
    fn follow(&mut self, values: &Tensor<1>) {
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
    let decays = groups.decays(&state.shape);
    let config = if decays { *config } else { config.with_weight_decay(0.0) };
    match config {
        OptimizerConfig::Adam { beta1, beta2, eps, weight_decay } => {
            let decay = Decay { penalty: weight_decay, shrinkage: 1.0 };
            adam(lr, [beta1, beta2], eps, decay, values, gradient, state)
        }
        OptimizerConfig::AdamW { beta1, beta2, eps, weight_decay } => {
            let decay = Decay { penalty: 0.0, shrinkage: 1.0 - lr * weight_decay };
            adam(lr, [beta1, beta2], eps, decay, values, gradient, state)
        }
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

/// Weight decay as Adam and as AdamW has it.
struct Decay {
    /// Times the values, added to the gradient; 0 for none.
    penalty: f64,
    /// What the values are multiplied by; 1 for none.
    shrinkage: f64,
}

fn adam(
    lr: f64,
    betas: [f64; 2],
    eps: f64,
    decay: Decay,
    values: Tensor<1>,
    gradient: Tensor<1>,
    state: &mut ParameterState,
) -> Tensor<1> {
    let [beta1, beta2] = betas;
    let steps = state.steps as f64;
    let (mean, square) = match (state.buffers.pop(), state.buffers.pop()) {
        (Some(square), Some(mean)) => (mean, square),
        _ => (gradient.zeros_like(), gradient.zeros_like()),
    };
    let [correction1, correction2] = betas.map(|beta| 1.0 - beta.powf(steps));
    let (step_size, correction_root) = (lr / correction1, correction2.sqrt());
    let Decay { penalty, shrinkage } = decay;

    // One pass, on the processor with the same roundings.
    #[cfg(any(feature = "flex", feature = "cube"))]
    if [&values, &mean, &square, &gradient].into_iter().all(crate::own_kernels::serve) {
        let step = super::fused_adam::AdamStep {
            mean_weight: 1.0 - beta1,
            beta2,
            correction_root,
            eps,
            step_size,
            penalty,
            shrinkage,
        };
        let [values, mean, square] = super::fused_adam::adam(step, values, [mean, square], gradient);
        state.buffers = vec![mean, square];
        return values;
    }

    let gradient = add_decay(gradient, &values, penalty);
    let values = if shrinkage == 1.0 { values } else { values.mul_scalar(shrinkage) };
    let mean = lerp(mean, &gradient, 1.0 - beta1);
    let square = square.mul_scalar(beta2) + gradient.clone().mul_scalar(1.0 - beta2) * gradient;
    let denominator = square.clone().sqrt().div_scalar(correction_root).add_scalar(eps);
    let update = mean.clone().mul_scalar(-step_size) / denominator;
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

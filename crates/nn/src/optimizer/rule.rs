//! The update of one flattened parameter.
//!
//! Every expression keeps the order of operations of `torch.optim`'s single-tensor code, so that
//! results differ from it by the rounding of its fused multiply-adds alone. Scalars are computed
//! in f64.

use burn::tensor::Tensor;

use super::OptimizerConfig;

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
    lr: f64,
    values: Tensor<1>,
    gradient: Tensor<1>,
    state: &mut ParameterState,
) -> Tensor<1> {
    state.follow(&values);
    state.steps += 1;
    match *config {
        OptimizerConfig::Adam { beta1, beta2, eps, weight_decay } => {
            let gradient = add_decay(gradient, &values, weight_decay);
            adam(lr, [beta1, beta2], eps, values, gradient, state)
        }
        OptimizerConfig::AdamW { beta1, beta2, eps, weight_decay } => {
            let values =
                if weight_decay == 0.0 { values } else { values.mul_scalar(1.0 - lr * weight_decay) };
            adam(lr, [beta1, beta2], eps, values, gradient, state)
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
    }
}

/// The L2 penalty's gradient, added to the loss's.
fn add_decay(gradient: Tensor<1>, values: &Tensor<1>, weight_decay: f64) -> Tensor<1> {
    if weight_decay == 0.0 { gradient } else { gradient + values.clone().mul_scalar(weight_decay) }
}

fn adam(
    lr: f64,
    betas: [f64; 2],
    eps: f64,
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

    let mean = lerp(mean, &gradient, 1.0 - beta1);
    let square = square.mul_scalar(beta2) + gradient.clone().mul_scalar(1.0 - beta2) * gradient;
    let correction1 = 1.0 - beta1.powf(steps);
    let correction2_root = (1.0 - beta2.powf(steps)).sqrt();

    let denominator = square.clone().sqrt().div_scalar(correction2_root).add_scalar(eps);
    let update = mean.clone().mul_scalar(-(lr / correction1)) / denominator;
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

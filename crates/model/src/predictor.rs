//! The predictor of the target view's representation.

use burn::nn::Relu;
use burn::tensor::{Device, Tensor};
use seqjepa_nn::{BatchNorm, InitRng, Linear, Mode, relu};
use serde::{Deserialize, Serialize};

use crate::counts::{linear, norm};
use crate::layer_memory::{LayerMemory, perceptron};

/// The map from aggregate and action to the predicted representation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PredictorConfig {
    /// Linear without bias, then batch norm.
    Linear,
    /// Linear without bias, batch norm, ReLU, linear.
    Mlp {
        /// Features between the two linear maps.
        hidden: usize,
    },
}

impl PredictorConfig {
    /// Trained parameters of a predictor from `inputs` to `outputs` features.
    #[must_use]
    pub fn parameter_count(self, [inputs, outputs]: [usize; 2]) -> u64 {
        let [inputs, outputs] = [inputs, outputs].map(|n| n as u64);
        match self {
            Self::Linear => inputs * outputs + norm(outputs),
            Self::Mlp { hidden } => {
                let hidden = hidden as u64;
                inputs * hidden + norm(hidden) + linear(hidden, outputs)
            }
        }
    }

    /// What a predictor from `inputs` to `outputs` features takes of memory in training.
    pub(crate) fn layer_memory(self, [inputs, outputs]: [usize; 2]) -> LayerMemory {
        let parameters = self.parameter_count([inputs, outputs]);
        match self {
            Self::Linear => perceptron("predictor", parameters, inputs, &[outputs]),
            Self::Mlp { hidden } => perceptron("predictor", parameters, inputs, &[hidden, outputs]),
        }
    }
}

/// Predicts a representation from the aggregate and the action: linear without bias and batch norm, then for the MLP
/// ReLU and linear.
///
/// Its tensors are named `0.weight`, `1.weight`, `3.weight` and so on, as in a PyTorch `Sequential`.
#[derive(Clone, Debug)]
pub struct Predictor {
    // The ReLU holds the position 2 of the sequence, so that the last layer has the name `3`.
    layers: (Linear, BatchNorm, Relu, Option<Linear>),
}

seqjepa_nn::transparent_module!(struct Predictor { layers });

impl Predictor {
    /// A predictor from `inputs` to `outputs` features.
    pub fn new(
        config: PredictorConfig,
        [inputs, outputs]: [usize; 2],
        rng: &mut InitRng,
        device: &Device,
    ) -> Self {
        let hidden = match config {
            PredictorConfig::Linear => outputs,
            PredictorConfig::Mlp { hidden } => hidden,
        };
        let first = Linear::without_bias(inputs, hidden, rng, device);
        let last = match config {
            PredictorConfig::Linear => None,
            PredictorConfig::Mlp { hidden } => Some(Linear::new(hidden, outputs, rng, device)),
        };
        Self { layers: (first, BatchNorm::new(hidden, device), Relu::new(), last) }
    }

    /// Maps `[batch, inputs]` to `[batch, outputs]`.
    pub fn forward(&self, input: Tensor<2>, mode: Mode) -> Tensor<2> {
        let (first, norm, _, last) = &self.layers;
        let hidden = norm.forward(first.forward(input), mode);
        match last {
            Some(last) => last.forward(relu(hidden)),
            None => hidden,
        }
    }
}

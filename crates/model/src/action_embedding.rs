//! The learned embedding of actions.

use burn::tensor::{Device, Tensor};
use seqjepa_nn::{BatchNorm, InitRng, Linear, Mode};

/// Embeds relative actions: linear without bias, then batch norm without affine parameters.
///
/// Its tensors are named `0.weight` and `1.running_mean` and so on, as in a PyTorch `Sequential`.
#[derive(Clone, Debug)]
pub struct ActionEmbedding {
    layers: (Linear, BatchNorm),
}

seqjepa_nn::transparent_module!(struct ActionEmbedding { layers });

impl ActionEmbedding {
    /// An embedding of `action_dim` parameters into `width` features.
    pub fn new(action_dim: usize, width: usize, rng: &mut InitRng, device: &Device) -> Self {
        Self {
            layers: (
                Linear::without_bias(action_dim, width, rng, device),
                BatchNorm::without_affine(width, device),
            ),
        }
    }

    /// Embeds actions `[rows, action_dim]` to `[rows, width]`.
    pub fn forward(&self, actions: Tensor<2>, mode: Mode) -> Tensor<2> {
        let (linear, norm) = &self.layers;
        norm.forward(linear.forward(actions), mode)
    }
}

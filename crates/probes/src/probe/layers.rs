//! The network.

use burn::module::Module;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use seqjepa_nn::{InitRng, Linear};

use super::config::{Network, ProbeConfig};

/// The layers from input to output; named `layers.0.weight` and so on.
#[derive(Module, Debug)]
pub(super) struct Layers {
    layers: Vec<Linear>,
}

impl Layers {
    pub(super) fn new(config: &ProbeConfig, device: &Device) -> Self {
        let mut rng = InitRng::new(config.seed);
        let outputs = config.task.outputs();
        let widths = match config.network {
            Network::Linear => vec![config.inputs, outputs],
            Network::Mlp { hidden } => vec![config.inputs, hidden, hidden, outputs],
        };
        let layers = widths.windows(2).map(|pair| Linear::new(pair[0], pair[1], &mut rng, device)).collect();
        Self { layers }
    }

    pub(super) fn forward(&self, features: Tensor<2>) -> Tensor<2> {
        let mut values = features;
        for (index, layer) in self.layers.iter().enumerate() {
            if index > 0 {
                values = relu(values);
            }
            values = layer.forward(values);
        }
        values
    }

    pub(super) fn device(&self) -> Device {
        self.layers[0].weight.val().device()
    }

    pub(super) fn parameter_count(&self) -> usize {
        let count = |layer: &Linear| {
            layer.weight.shape().num_elements()
                + layer.bias.as_ref().map_or(0, |bias| bias.shape().num_elements())
        };
        self.layers.iter().map(count).sum()
    }
}

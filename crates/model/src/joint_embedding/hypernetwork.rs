//! The predictor whose weights an action makes.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use seqjepa_nn::{InitRng, Linear, matmul};

use crate::layer_memory::LayerMemory;

/// A linear map of embeddings whose matrix is a linear function of the action (Garrido, Najman & LeCun 2023, arXiv 2302.10283,
/// section 3): `p(y, a) = W(a) y`, `W(a)` the output of one linear layer without bias, `[width · width]` as `[outputs, inputs]`.
///
/// Its tensor is named `hypernet.net.0.weight`, as in the published implementation.
#[derive(Module, Debug)]
pub struct ActionPredictor {
    hypernet: HyperNetwork,
}

#[derive(Module, Debug)]
struct HyperNetwork {
    net: Vec<Linear>,
}

impl ActionPredictor {
    /// A predictor of embeddings of `width` features for actions of `action_dim` numbers.
    pub fn new(action_dim: usize, width: usize, rng: &mut InitRng, device: &Device) -> Self {
        let net = vec![Linear::without_bias(action_dim, width * width, rng, device)];
        Self { hypernet: HyperNetwork { net } }
    }

    /// Maps embeddings `[batch, width]`, each by the matrix of its action, `[batch, action_dim]`.
    #[must_use]
    pub fn forward(&self, embeddings: Tensor<2>, actions: Tensor<2>) -> Tensor<2> {
        let [batch, width] = embeddings.dims();
        let [_, action_dim] = actions.dims();
        // W(a) y is summed over the numbers of the action last, so that no matrix of each sample is ever made: at the published
        // sizes those of a batch would fill two gigabytes.
        let weight = self.hypernet.net[0].weight.val().reshape([width, width, action_dim]);
        let by_input = weight.swap_dims(0, 1).reshape([width, width * action_dim]);
        let products = matmul(embeddings, by_input).reshape([batch, width, action_dim]);
        (products * actions.reshape([batch, 1, action_dim])).sum_dim(2).squeeze_dim(2)
    }

    /// What such a predictor takes of memory in training: inputs, and a product for each number of the action.
    pub(super) fn layer_memory(action_dim: usize, width: usize) -> LayerMemory {
        let kept = (width * (1 + action_dim) + action_dim) as u64;
        let parameters = Self::parameter_count(action_dim, width);
        // The matrix by inputs is a copy.
        LayerMemory {
            name: "predictor",
            parameters,
            kept,
            fixed: parameters,
            passing: 2 * kept,
            ..LayerMemory::default()
        }
    }

    /// Trained parameters of such a predictor.
    #[must_use]
    pub fn parameter_count(action_dim: usize, width: usize) -> u64 {
        action_dim as u64 * (width as u64).pow(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::module;
    use seqjepa_nn::host::read;

    #[test]
    fn it_applies_the_matrix_of_each_action() {
        let device = Device::flex();
        let rng = &mut InitRng::new(3);
        let predictor = ActionPredictor::new(2, 3, rng, &device);
        let embeddings = rng.normal([4, 3], 1.0, &device);
        let actions = rng.normal([4, 2], 1.0, &device);
        let found = predictor.forward(embeddings.clone(), actions.clone());

        let weights = predictor.hypernet.net[0].forward(actions).reshape([4, 3, 3]);
        for sample in 0..4 {
            let matrix = weights.clone().narrow(0, sample, 1).reshape([3, 3]);
            let row = embeddings.clone().narrow(0, sample, 1);
            let expected = read(module::linear(row, matrix.transpose(), None));
            let found = read(found.clone().narrow(0, sample, 1));
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-6, "{found} {expected}");
            }
        }
    }
}

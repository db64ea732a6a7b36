//! The projectors on top of an encoder.

use burn::nn::Relu;
use burn::tensor::{Device, Tensor};
use seqjepa_nn::{BatchNorm, InitRng, Linear, Mode, relu};

use crate::counts::norm;
use crate::error::ModelError;
use crate::layer_memory::{LayerMemory, perceptron};
use crate::limits::{size, within};

/// The most layers of a projector.
const MAX_LAYERS: usize = 64;

/// How a [`Projector`] ends, and with it whether its linear maps have biases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProjectorEnd {
    /// With a batch norm without affine parameters; no linear map has a bias.
    Normalized,
    /// With a linear map without bias; the others have biases.
    Linear,
}

/// Linear maps with batch norm and ReLU between them, from a representation to the space where a loss is taken.
///
/// Its tensors are named `0.weight`, `1.weight`, `3.weight` and so on, as in a PyTorch `Sequential`.
#[derive(Clone, Debug)]
pub struct Projector {
    layers: Vec<Layer>,
}

seqjepa_nn::transparent_module!(struct Projector { layers });

/// One position of the sequence.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a model holds a handful of them; a box would only be in the way"
)]
enum Layer {
    Linear(Linear),
    BatchNorm(BatchNorm),
    Relu(Relu),
}

seqjepa_nn::transparent_module!(
    enum Layer {
        Linear,
        BatchNorm,
        Relu,
    }
);

impl Projector {
    /// A projector from `inputs` features to those of the last of `widths`, the outputs of its linear maps.
    pub fn new(
        inputs: usize,
        widths: &[usize],
        end: ProjectorEnd,
        rng: &mut InitRng,
        device: &Device,
    ) -> Self {
        let mut layers = Vec::with_capacity(3 * widths.len());
        let mut inputs = inputs;
        for (index, &width) in widths.iter().enumerate() {
            let last = index + 1 == widths.len();
            let linear = match end {
                ProjectorEnd::Linear if !last => Linear::new(inputs, width, rng, device),
                ProjectorEnd::Linear | ProjectorEnd::Normalized => {
                    Linear::without_bias(inputs, width, rng, device)
                }
            };
            layers.push(Layer::Linear(linear));
            if !last {
                layers.push(Layer::BatchNorm(BatchNorm::new(width, device)));
                layers.push(Layer::Relu(Relu::new()));
            } else if end == ProjectorEnd::Normalized {
                layers.push(Layer::BatchNorm(BatchNorm::without_affine(width, device)));
            }
            inputs = width;
        }
        Self { layers }
    }

    /// Maps `[batch, inputs]` to `[batch, last width]`.
    #[must_use]
    pub fn forward(&self, input: Tensor<2>, mode: Mode) -> Tensor<2> {
        self.layers.iter().fold(input, |features, layer| match layer {
            Layer::Linear(linear) => linear.forward(features),
            Layer::BatchNorm(norm) => norm.forward(features, mode),
            Layer::Relu(_) => relu(features),
        })
    }

    /// Trained parameters of such a projector.
    #[must_use]
    pub fn parameter_count(inputs: usize, widths: &[usize], end: ProjectorEnd) -> u64 {
        let inner = widths.len().saturating_sub(1);
        let inputs = std::iter::once(inputs).chain(widths.iter().copied());
        let weights: u64 = inputs.zip(widths).map(|(inputs, &width)| inputs as u64 * width as u64).sum();
        let biases = if end == ProjectorEnd::Linear { 1 } else { 0 };
        let rest: u64 = widths[..inner].iter().map(|&width| norm(width as u64) + biases * width as u64).sum();
        weights + rest
    }

    /// What such a projector takes of memory in training.
    pub(super) fn layer_memory(
        name: &'static str,
        inputs: usize,
        widths: &[usize],
        end: ProjectorEnd,
    ) -> LayerMemory {
        perceptron(name, Self::parameter_count(inputs, widths, end), inputs, widths)
    }

    /// Checks the widths of a configuration's `field`.
    ///
    /// # Errors
    /// [`ModelError::Config`] for no or too many layers, or a width out of range.
    pub fn validate(field: &'static str, widths: &[usize]) -> Result<(), ModelError> {
        within(field, widths.len(), MAX_LAYERS)?;
        widths.iter().try_for_each(|&width| size(field, width))
    }
}

/// Width of what a projector of these widths puts out.
pub(super) fn last(widths: &[usize]) -> usize {
    widths.last().copied().unwrap_or_default()
}

//! Symmetric embedding networks (Park et al. 2022, arXiv 2204.11371) with a contrastive loss.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use seqjepa_nn::{InitRng, Mode};
use serde::{Deserialize, Serialize};

use super::input::InputConfig;
use super::nt_xent::nt_xent;
use super::projector::{Projector, ProjectorEnd, last};
use super::traits::{Embedded, JointEmbedding, view};
use crate::action_embedding::ActionEmbedding;
use crate::any_encoder::{AnyEncoder, EncoderConfig};
use crate::encoder::Encoder;
use crate::error::ModelError;
use crate::layer_memory::LayerMemory;
use crate::limits::{parameters, size, temperature};
use crate::method::{MethodConfig, SequenceInput};

/// Configuration of [`Sen`]; the default is that of the seq-JEPA paper's tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SenConfig {
    /// Outputs of the projector's linear maps. Default: 2048, 2048, 2048.
    pub projector: Vec<usize>,
    /// Width of the action embedding. Default: 128.
    pub action_embedding: usize,
    /// The temperature T. Default: 0.5.
    pub temperature: f64,
    /// What it is built for.
    #[serde(skip)]
    pub input: InputConfig,
}

impl Default for SenConfig {
    fn default() -> Self {
        Self {
            projector: vec![2048; 3],
            action_embedding: 128,
            temperature: 0.5,
            input: InputConfig::default(),
        }
    }
}

const END: ProjectorEnd = ProjectorEnd::Normalized;

impl MethodConfig for SenConfig {
    type Method = Sen;

    const NAME: &'static str = "sen";

    fn with_input(self, encoder: EncoderConfig, action_dim: usize) -> Self {
        Self { input: InputConfig { encoder, action_dim }, ..self }
    }

    fn validate(&self) -> Result<(), ModelError> {
        self.input.validate()?;
        Projector::validate("projector", &self.projector)?;
        size("action_embedding", self.action_embedding)?;
        temperature(self.temperature)?;
        parameters(self.parameter_count())
    }

    fn parameter_count(&self) -> u64 {
        let InputConfig { encoder, action_dim } = self.input;
        let width = last(&self.projector);
        encoder.parameter_count()
            + Projector::parameter_count(encoder.width(), &self.projector, END)
            + action_dim as u64 * self.action_embedding as u64
            + Projector::parameter_count(self.action_embedding + width, &[width], END)
    }

    fn layer_memory(&self, _: usize, side: usize) -> Option<Vec<LayerMemory>> {
        let width = last(&self.projector);
        let projector = Projector::layer_memory("projector", self.input.width(), &self.projector, END);
        let action = self.input.action_memory(self.action_embedding);
        let predictor = Projector::layer_memory("predictor", self.action_embedding + width, &[width], END);
        self.input.layer_memory(side, 2, false, vec![projector.times(2), action, predictor])
    }

    fn init(&self, seed: u64, device: &Device) -> Result<Sen, ModelError> {
        self.validate()?;
        let rng = &mut InitRng::new(seed);
        let InputConfig { encoder, action_dim } = self.input;
        let encoder = encoder.init(rng, device)?;
        let width = last(&self.projector);
        let projector_equi = Projector::new(encoder.width(), &self.projector, END, rng, device);
        let action_proj = ActionEmbedding::new(action_dim, self.action_embedding, rng, device);
        let predictor = Projector::new(self.action_embedding + width, &[width], END, rng, device);
        Ok(Sen { encoder, projector_equi, action_proj, predictor, config: self.clone() })
    }
}

/// SEN: the embedding of the second view is predicted from the first view's and the action between them, and told from all else in
/// the batch.
///
/// With embeddings q and the embedded action e the loss is [`nt_xent`] of (p(e ++ q_1), q_2), term `contrast`. The predictor p is
/// linear with a batch norm. Each view passes each network as a batch of its own.
#[derive(Module, Debug)]
pub struct Sen {
    /// The encoder.
    pub encoder: AnyEncoder,
    /// The projector.
    pub projector_equi: Projector,
    /// The action embedding.
    pub action_proj: ActionEmbedding,
    /// The predictor, from action and embedding to embedding.
    pub predictor: Projector,
    #[module(skip)]
    config: SenConfig,
}

impl JointEmbedding for Sen {
    type Config = SenConfig;

    fn settings(&self) -> &SenConfig {
        &self.config
    }

    fn input(&self) -> &InputConfig {
        &self.config.input
    }

    fn encoder(&self) -> &AnyEncoder {
        &self.encoder
    }

    fn embed(&self, input: SequenceInput, mode: Mode) -> Embedded {
        let [first, second] = [0, 1].map(|index| self.encoder.encode(view(&input.observed, index), mode));
        let [left, right] = [&first, &second].map(|rows| self.projector_equi.forward(rows.clone(), mode));
        let action = self.action_proj.forward(input.actions.relative_from(0), mode);
        let prediction = self.predictor.forward(Tensor::cat(vec![action, left], 1), mode);
        let contrast = nt_xent(prediction, right, self.config.temperature);
        Embedded { terms: vec![("contrast", contrast)], first, second }
    }
}

//! EquiMod on SimCLR (Devillers & Lefort 2023, arXiv 2211.01244).

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
use crate::limits::{parameters, size, temperature, weight};
use crate::method::{MethodConfig, SequenceInput};

/// Configuration of [`EquiMod`]; the default is that of the seq-JEPA paper's tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EquiModConfig {
    /// Outputs of the linear maps of each of the two projectors. Default: 1024, 1024, 128.
    pub projector: Vec<usize>,
    /// Width of the action embedding. Default: 128.
    pub action_embedding: usize,
    /// The temperature T of both contrasts. Default: 0.5.
    pub temperature: f64,
    /// Weight of the equivariant contrast. Default: 1.
    pub equivariance_weight: f64,
    /// What it is built for.
    #[serde(skip)]
    pub input: InputConfig,
}

impl Default for EquiModConfig {
    fn default() -> Self {
        Self {
            projector: vec![1024, 1024, 128],
            action_embedding: 128,
            temperature: 0.5,
            equivariance_weight: 1.0,
            input: InputConfig::default(),
        }
    }
}

const END: ProjectorEnd = ProjectorEnd::Normalized;

impl MethodConfig for EquiModConfig {
    type Method = EquiMod;

    const NAME: &'static str = "simclr_equimod";

    fn with_input(self, encoder: EncoderConfig, action_dim: usize) -> Self {
        Self { input: InputConfig { encoder, action_dim }, ..self }
    }

    fn validate(&self) -> Result<(), ModelError> {
        self.input.validate()?;
        Projector::validate("projector", &self.projector)?;
        size("action_embedding", self.action_embedding)?;
        temperature(self.temperature)?;
        weight("equivariance_weight", self.equivariance_weight)?;
        parameters(self.parameter_count())
    }

    fn parameter_count(&self) -> u64 {
        let InputConfig { encoder, action_dim } = self.input;
        let width = last(&self.projector);
        encoder.parameter_count()
            + 2 * Projector::parameter_count(encoder.width(), &self.projector, END)
            + action_dim as u64 * self.action_embedding as u64
            + Projector::parameter_count(self.action_embedding + width, &[width], END)
    }

    fn layer_memory(&self, _: usize, side: usize) -> Option<Vec<LayerMemory>> {
        let width = last(&self.projector);
        let names = ["invariant projector", "equivariant projector"];
        let [invariant, equivariant] = names
            .map(|name| Projector::layer_memory(name, self.input.width(), &self.projector, END).times(2));
        let action = self.input.action_memory(self.action_embedding);
        let predictor = Projector::layer_memory("predictor", self.action_embedding + width, &[width], END);
        self.input.layer_memory(side, 2, false, vec![invariant, equivariant, action, predictor])
    }

    fn init(&self, seed: u64, device: &Device) -> Result<EquiMod, ModelError> {
        self.validate()?;
        let rng = &mut InitRng::new(seed);
        let InputConfig { encoder, action_dim } = self.input;
        let encoder = encoder.init(rng, device)?;
        let width = last(&self.projector);
        let inputs = encoder.width();
        let [projector_inv, projector_equi] =
            [(); 2].map(|()| Projector::new(inputs, &self.projector, END, rng, device));
        let action_proj = ActionEmbedding::new(action_dim, self.action_embedding, rng, device);
        let predictor = Projector::new(self.action_embedding + width, &[width], END, rng, device);
        Ok(EquiMod { encoder, projector_inv, projector_equi, action_proj, predictor, config: self.clone() })
    }
}

/// SimCLR-EquiMod: beside the contrast of SimCLR one in another embedding, where the second view's is predicted from the first view's
/// and the action between them.
///
/// With invariant embeddings y, equivariant ones q and the embedded action e, the terms are `invariance`, [`nt_xent`] of (y_1, y_2), and
/// `equivariance`, its weight times [`nt_xent`] of (p(e ++ q_1), q_2). The predictor p is linear with a batch norm. Each view passes
/// each network as a batch of its own.
#[derive(Module, Debug)]
pub struct EquiMod {
    /// The encoder.
    pub encoder: AnyEncoder,
    /// The projector to where actions shall not show.
    pub projector_inv: Projector,
    /// The projector to where actions shall be followed.
    pub projector_equi: Projector,
    /// The action embedding.
    pub action_proj: ActionEmbedding,
    /// The predictor, from action and equivariant embedding to equivariant embedding.
    pub predictor: Projector,
    #[module(skip)]
    config: EquiModConfig,
}

impl JointEmbedding for EquiMod {
    type Config = EquiModConfig;

    fn settings(&self) -> &EquiModConfig {
        &self.config
    }

    fn input(&self) -> &InputConfig {
        &self.config.input
    }

    fn encoder(&self) -> &AnyEncoder {
        &self.encoder
    }

    fn embed(&self, input: SequenceInput, mode: Mode) -> Embedded {
        let EquiModConfig { temperature, equivariance_weight, .. } = self.config;
        let [first, second] = [0, 1].map(|index| self.encoder.encode(view(&input.observed, index), mode));
        let project =
            |projector: &Projector| [&first, &second].map(|rows| projector.forward(rows.clone(), mode));
        let [left, right] = project(&self.projector_inv);
        let invariance = nt_xent(left, right, temperature);
        let [left, right] = project(&self.projector_equi);
        let action = self.action_proj.forward(input.actions.relative_from(0), mode);
        let prediction = self.predictor.forward(Tensor::cat(vec![action, left], 1), mode);
        let equivariance = nt_xent(prediction, right, temperature).mul_scalar(equivariance_weight);
        Embedded { terms: vec![("invariance", invariance), ("equivariance", equivariance)], first, second }
    }
}

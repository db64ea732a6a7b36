//! SimCLR (Chen et al. 2020, arXiv 2002.05709).

use burn::module::Module;
use burn::tensor::Device;
use seqjepa_nn::{InitRng, Mode};
use serde::{Deserialize, Serialize};

use super::input::InputConfig;
use super::nt_xent::nt_xent;
use super::projector::{Projector, ProjectorEnd};
use super::traits::{Embedded, JointEmbedding, view};
use crate::any_encoder::{AnyEncoder, EncoderConfig};
use crate::encoder::Encoder;
use crate::error::ModelError;
use crate::layer_memory::LayerMemory;
use crate::limits::{parameters, temperature};
use crate::method::{MethodConfig, SequenceInput};

/// Configuration of [`SimClr`]; the default is that of the seq-JEPA paper's tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimClrConfig {
    /// Outputs of the projector's linear maps. Default: 2048, 2048, 2048.
    pub projector: Vec<usize>,
    /// The temperature T. Default: 0.5.
    pub temperature: f64,
    /// What it is built for.
    #[serde(skip)]
    pub input: InputConfig,
}

impl Default for SimClrConfig {
    fn default() -> Self {
        Self { projector: vec![2048; 3], temperature: 0.5, input: InputConfig::default() }
    }
}

const END: ProjectorEnd = ProjectorEnd::Normalized;

impl MethodConfig for SimClrConfig {
    type Method = SimClr;

    const NAME: &'static str = "simclr";

    fn with_input(self, encoder: EncoderConfig, action_dim: usize) -> Self {
        Self { input: InputConfig { encoder, action_dim }, ..self }
    }

    fn validate(&self) -> Result<(), ModelError> {
        self.input.validate()?;
        Projector::validate("projector", &self.projector)?;
        temperature(self.temperature)?;
        parameters(self.parameter_count())
    }

    fn parameter_count(&self) -> u64 {
        let InputConfig { encoder, .. } = self.input;
        encoder.parameter_count() + Projector::parameter_count(encoder.width(), &self.projector, END)
    }

    fn layer_memory(&self, _: usize, side: usize) -> Option<Vec<LayerMemory>> {
        let projector = Projector::layer_memory("projector", self.input.width(), &self.projector, END);
        self.input.layer_memory(side, 2, false, vec![projector.times(2)])
    }

    fn init(&self, seed: u64, device: &Device) -> Result<SimClr, ModelError> {
        self.validate()?;
        let rng = &mut InitRng::new(seed);
        let encoder = self.input.encoder.init(rng, device)?;
        let projector = Projector::new(encoder.width(), &self.projector, END, rng, device);
        Ok(SimClr { encoder, projector, config: self.clone() })
    }
}

/// SimCLR: what the projector makes of the two views of an image shall be nearer to each other than to all else in the batch.
///
/// The loss is [`nt_xent`] of the two views, term `contrast`. Each view passes encoder and projector as a batch of its own.
#[derive(Module, Debug)]
pub struct SimClr {
    /// The encoder.
    pub encoder: AnyEncoder,
    /// The projector.
    pub projector: Projector,
    #[module(skip)]
    config: SimClrConfig,
}

impl JointEmbedding for SimClr {
    type Config = SimClrConfig;

    fn settings(&self) -> &SimClrConfig {
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
        let [left, right] = [&first, &second].map(|rows| self.projector.forward(rows.clone(), mode));
        Embedded { terms: vec![("contrast", nt_xent(left, right, self.config.temperature))], first, second }
    }
}

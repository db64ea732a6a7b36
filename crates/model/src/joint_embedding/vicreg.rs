//! VICReg (Bardes, Ponce & LeCun 2022, arXiv 2105.04906).

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use seqjepa_nn::{InitRng, Mode};
use serde::{Deserialize, Serialize};

use super::input::InputConfig;
use super::projector::{Projector, ProjectorEnd, last};
use super::traits::{Embedded, JointEmbedding, view};
use super::variance_covariance::{covariance_memory, covariance_penalty, variance_shortfall};
use crate::any_encoder::{AnyEncoder, EncoderConfig};
use crate::encoder::Encoder;
use crate::error::ModelError;
use crate::layer_memory::LayerMemory;
use crate::limits::{parameters, weight};
use crate::method::{MethodConfig, SequenceInput};

/// Configuration of [`VicReg`]; the default is that of the seq-JEPA paper's tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VicRegConfig {
    /// Outputs of the projector's linear maps. Default: 2048, 2048, 2048.
    pub projector: Vec<usize>,
    /// Weight of the mean squared difference of the two embeddings. Default: 25.
    pub invariance_weight: f64,
    /// Weight of the variance term. Default: 25.
    pub variance_weight: f64,
    /// Weight of the covariance term. Default: 1.
    pub covariance_weight: f64,
    /// What it is built for.
    #[serde(skip)]
    pub input: InputConfig,
}

impl Default for VicRegConfig {
    fn default() -> Self {
        Self {
            projector: vec![2048; 3],
            invariance_weight: 25.0,
            variance_weight: 25.0,
            covariance_weight: 1.0,
            input: InputConfig::default(),
        }
    }
}

/// How the projectors of VICReg and of what builds on it end.
pub(super) const END: ProjectorEnd = ProjectorEnd::Linear;

impl MethodConfig for VicRegConfig {
    type Method = VicReg;

    const NAME: &'static str = "vicreg";

    fn with_input(self, encoder: EncoderConfig, action_dim: usize) -> Self {
        Self { input: InputConfig { encoder, action_dim }, ..self }
    }

    fn validate(&self) -> Result<(), ModelError> {
        self.input.validate()?;
        Projector::validate("projector", &self.projector)?;
        weight("invariance_weight", self.invariance_weight)?;
        weight("variance_weight", self.variance_weight)?;
        weight("covariance_weight", self.covariance_weight)?;
        parameters(self.parameter_count())
    }

    fn parameter_count(&self) -> u64 {
        let InputConfig { encoder, .. } = self.input;
        encoder.parameter_count() + Projector::parameter_count(encoder.width(), &self.projector, END)
    }

    fn layer_memory(&self, _: usize, side: usize) -> Option<Vec<LayerMemory>> {
        let projector = Projector::layer_memory("projector", self.input.width(), &self.projector, END);
        let covariance = covariance_memory(last(&self.projector), 2);
        self.input.layer_memory(side, 2, false, vec![projector.times(2), covariance])
    }

    fn init(&self, seed: u64, device: &Device) -> Result<VicReg, ModelError> {
        self.validate()?;
        let rng = &mut InitRng::new(seed);
        let encoder = self.input.encoder.init(rng, device)?;
        let projector = Projector::new(encoder.width(), &self.projector, END, rng, device);
        Ok(VicReg { encoder, projector, config: self.clone() })
    }
}

/// VICReg: the embeddings of two views are pulled together, while every feature keeps a deviation of 1 over the batch and no two
/// features vary together.
///
/// With embeddings y the terms are `invariance`, the mean of (y_1 - y_2)² over batch and features; `variance`, half of
/// [`variance_shortfall`] of each view; `covariance`, [`covariance_penalty`] of each view; each times its weight. Each view passes
/// encoder and projector as a batch of its own.
#[derive(Module, Debug)]
pub struct VicReg {
    /// The encoder.
    pub encoder: AnyEncoder,
    /// The projector.
    pub projector: Projector,
    #[module(skip)]
    config: VicRegConfig,
}

/// The weighted terms of VICReg of two embeddings, `[batch, features]`; `weights` of invariance, variance and covariance.
pub(super) fn vicreg_terms(
    first: Tensor<2>,
    second: Tensor<2>,
    weights: [f64; 3],
) -> Vec<(&'static str, Tensor<1>)> {
    let invariance = (first.clone() - second.clone()).square().mean();
    let variance = (variance_shortfall(first.clone()) + variance_shortfall(second.clone())).mul_scalar(0.5);
    let covariance = covariance_penalty(first) + covariance_penalty(second);
    let terms = [("invariance", invariance), ("variance", variance), ("covariance", covariance)];
    terms.into_iter().zip(weights).map(|((name, term), weight)| (name, term.mul_scalar(weight))).collect()
}

impl JointEmbedding for VicReg {
    type Config = VicRegConfig;

    fn settings(&self) -> &VicRegConfig {
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
        let VicRegConfig { invariance_weight, variance_weight, covariance_weight, .. } = self.config;
        let weights = [invariance_weight, variance_weight, covariance_weight];
        Embedded { terms: vicreg_terms(left, right, weights), first, second }
    }
}

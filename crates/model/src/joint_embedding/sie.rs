//! SIE, split invariant-equivariant representations (Garrido, Najman & LeCun 2023, arXiv 2302.10283).

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use seqjepa_nn::{InitRng, Mode};
use serde::{Deserialize, Serialize};

use super::hypernetwork::ActionPredictor;
use super::input::InputConfig;
use super::projector::{Projector, last};
use super::traits::{Embedded, JointEmbedding, view};
use super::variance_covariance::{covariance_memory, covariance_penalty, variance_shortfall};
use super::vicreg::END;
use crate::any_encoder::{AnyEncoder, EncoderConfig};
use crate::encoder::Encoder;
use crate::error::ModelError;
use crate::layer_memory::LayerMemory;
use crate::limits::{parameters, weight};
use crate::method::{MethodConfig, SequenceInput};

/// Configuration of [`Sie`]; the default is that of the seq-JEPA paper's tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SieConfig {
    /// Outputs of the linear maps of each of the two projectors. Default: 1024, 1024, 1024.
    pub projector: Vec<usize>,
    /// Weight of the mean squared difference of the invariant embeddings. Default: 25.
    pub invariance_weight: f64,
    /// Weight of the squared error of the predicted equivariant embedding, times `invariance_weight`. Default: 1.
    pub equivariance_factor: f64,
    /// Weight of the variance terms. Default: 25.
    pub variance_weight: f64,
    /// Weight of the covariance term. Default: 1.
    pub covariance_weight: f64,
    /// What it is built for.
    #[serde(skip)]
    pub input: InputConfig,
}

impl Default for SieConfig {
    fn default() -> Self {
        Self {
            projector: vec![1024; 3],
            invariance_weight: 25.0,
            equivariance_factor: 1.0,
            variance_weight: 25.0,
            covariance_weight: 1.0,
            input: InputConfig::default(),
        }
    }
}

impl SieConfig {
    /// Features of the invariant and of the equivariant half of a representation; of an odd number the latter has one more.
    fn halves(&self) -> [usize; 2] {
        let width = self.input.width();
        [width / 2, width - width / 2]
    }
}

impl MethodConfig for SieConfig {
    type Method = Sie;

    const NAME: &'static str = "sie";

    fn with_input(self, encoder: EncoderConfig, action_dim: usize) -> Self {
        Self { input: InputConfig { encoder, action_dim }, ..self }
    }

    fn validate(&self) -> Result<(), ModelError> {
        self.input.validate()?;
        if self.input.width() < 2 {
            return Err(ModelError::config("the representation width", "at least 2", self.input.width()));
        }
        Projector::validate("projector", &self.projector)?;
        weight("invariance_weight", self.invariance_weight)?;
        weight("equivariance_factor", self.equivariance_factor)?;
        weight("variance_weight", self.variance_weight)?;
        weight("covariance_weight", self.covariance_weight)?;
        parameters(self.parameter_count())
    }

    fn parameter_count(&self) -> u64 {
        let InputConfig { encoder, action_dim } = self.input;
        let projectors = self.halves().map(|width| Projector::parameter_count(width, &self.projector, END));
        encoder.parameter_count()
            + projectors.iter().sum::<u64>()
            + ActionPredictor::parameter_count(action_dim, last(&self.projector))
    }

    fn layer_memory(&self, _: usize, side: usize) -> Option<Vec<LayerMemory>> {
        let [invariant, equivariant] = self.halves();
        let projector = |name, inputs| Projector::layer_memory(name, inputs, &self.projector, END).times(2);
        let heads = vec![
            projector("invariant projector", invariant),
            projector("equivariant projector", equivariant),
            ActionPredictor::layer_memory(self.input.action_dim, last(&self.projector)),
            covariance_memory(2 * last(&self.projector), 2),
        ];
        self.input.layer_memory(side, 2, false, heads)
    }

    fn init(&self, seed: u64, device: &Device) -> Result<Sie, ModelError> {
        self.validate()?;
        let rng = &mut InitRng::new(seed);
        let InputConfig { encoder, action_dim } = self.input;
        let encoder = encoder.init(rng, device)?;
        let [projector_inv, projector_equi] =
            self.halves().map(|width| Projector::new(width, &self.projector, END, rng, device));
        let predictor = ActionPredictor::new(action_dim, last(&self.projector), rng, device);
        Ok(Sie { encoder, projector_inv, projector_equi, predictor, config: self.clone() })
    }
}

/// SIE: one half of the representation is pulled together over views, the other one follows the action by a linear map that a
/// hypernetwork makes of it; VICReg's regularisers keep both from collapse.
///
/// With invariant embeddings y, equivariant ones q and the prediction p = W(a) q_1 of the raw action a, the terms are `invariance`,
/// the mean of (y_1 - y_2)²; `equivariance`, that of (p - q_2)²; `variance`, half of [`variance_shortfall`] of y ++ q of each view and of p;
/// `covariance`, [`covariance_penalty`] of y ++ q of each view; each times its weight. Each view passes each network as a batch of its
/// own.
#[derive(Module, Debug)]
pub struct Sie {
    /// The encoder.
    pub encoder: AnyEncoder,
    /// The projector of the first half of a representation.
    pub projector_inv: Projector,
    /// The projector of the second half of a representation.
    pub projector_equi: Projector,
    /// The predictor of equivariant embeddings.
    pub predictor: ActionPredictor,
    #[module(skip)]
    config: SieConfig,
}

impl JointEmbedding for Sie {
    type Config = SieConfig;

    fn settings(&self) -> &SieConfig {
        &self.config
    }

    fn input(&self) -> &InputConfig {
        &self.config.input
    }

    fn encoder(&self) -> &AnyEncoder {
        &self.encoder
    }

    fn embed(&self, input: SequenceInput, mode: Mode) -> Embedded {
        let config = &self.config;
        let [invariant, equivariant] = config.halves();
        let [first, second] = [0, 1].map(|index| self.encoder.encode(view(&input.observed, index), mode));
        let half = |projector: &Projector, start, width| {
            [&first, &second].map(|rows| projector.forward(rows.clone().narrow(1, start, width), mode))
        };
        let [left, right] = half(&self.projector_inv, 0, invariant);
        let [left_equi, right_equi] = half(&self.projector_equi, invariant, equivariant);
        let prediction = self.predictor.forward(left_equi.clone(), input.actions.relative_from(0));

        let invariance = (left.clone() - right.clone()).square().mean();
        let equivariance = (prediction.clone() - right_equi.clone()).square().mean();
        let both = [(left, left_equi), (right, right_equi)].map(|(y, q)| Tensor::cat(vec![y, q], 1));
        let [left_shortfall, right_shortfall] = both.clone().map(variance_shortfall);
        let variance = left_shortfall + right_shortfall + variance_shortfall(prediction);
        let [left_penalty, right_penalty] = both.map(covariance_penalty);
        let terms = vec![
            ("invariance", invariance.mul_scalar(config.invariance_weight)),
            ("equivariance", equivariance.mul_scalar(config.equivariance_factor * config.invariance_weight)),
            ("variance", variance.mul_scalar(0.5 * config.variance_weight)),
            ("covariance", (left_penalty + right_penalty).mul_scalar(config.covariance_weight)),
        ];
        Embedded { terms, first, second }
    }
}

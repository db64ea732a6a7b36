//! BYOL (Grill et al. 2020, arXiv 2006.07733).

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use seqjepa_nn::{InitRng, Mode, independent_copy};
use serde::{Deserialize, Serialize};

use super::input::InputConfig;
use super::projector::{Projector, ProjectorEnd, last};
use super::traits::{Embedded, JointEmbedding, view};
use crate::any_encoder::{AnyEncoder, EncoderConfig};
use crate::ema::{EmaSchedule, ema_update};
use crate::encoder::Encoder;
use crate::error::ModelError;
use crate::layer_memory::LayerMemory;
use crate::limits::{decay, parameters, size};
use crate::loss::cosine_distance;
use crate::method::{MethodConfig, SequenceInput};
use crate::predictor::{Predictor, PredictorConfig};

/// Configuration of [`Byol`]; the default is that of the seq-JEPA paper's tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ByolConfig {
    /// Outputs of the projector's linear maps. Default: 2048, 128.
    pub projector: Vec<usize>,
    /// Features between the predictor's two linear maps. Default: 2048.
    pub predictor_hidden: usize,
    /// Decay of the target's moving average at the first step, in `[0, 1]`. Default: 0.996.
    pub ema_decay: f64,
    /// How the decay goes on from there; BYOL's own paper has [`EmaSchedule::Cosine`]. Default: constant.
    pub ema_schedule: EmaSchedule,
    /// What it is built for.
    #[serde(skip)]
    pub input: InputConfig,
}

impl Default for ByolConfig {
    fn default() -> Self {
        Self {
            projector: vec![2048, 128],
            predictor_hidden: 2048,
            ema_decay: 0.996,
            ema_schedule: EmaSchedule::Constant,
            input: InputConfig::default(),
        }
    }
}

const END: ProjectorEnd = ProjectorEnd::Normalized;

impl ByolConfig {
    fn predictor(&self) -> (PredictorConfig, [usize; 2]) {
        let width = last(&self.projector);
        (PredictorConfig::Mlp { hidden: self.predictor_hidden }, [width, width])
    }
}

impl MethodConfig for ByolConfig {
    type Method = Byol;

    const NAME: &'static str = "byol";

    fn with_input(self, encoder: EncoderConfig, action_dim: usize) -> Self {
        Self { input: InputConfig { encoder, action_dim }, ..self }
    }

    fn validate(&self) -> Result<(), ModelError> {
        self.input.validate()?;
        Projector::validate("projector", &self.projector)?;
        size("predictor_hidden", self.predictor_hidden)?;
        decay("ema_decay", self.ema_decay)?;
        parameters(self.parameter_count())
    }

    fn parameter_count(&self) -> u64 {
        let InputConfig { encoder, .. } = self.input;
        let (predictor, sizes) = self.predictor();
        encoder.parameter_count()
            + Projector::parameter_count(encoder.width(), &self.projector, END)
            + predictor.parameter_count(sizes)
    }

    fn loss_is_mean(&self) -> bool {
        true
    }

    fn layer_memory(&self, _: usize, side: usize) -> Option<Vec<LayerMemory>> {
        let projector = Projector::layer_memory("projector", self.input.width(), &self.projector, END);
        let (predictor, sizes) = self.predictor();
        let predictor = predictor.layer_memory(sizes);
        self.input.layer_memory(side, 2, true, vec![projector.times(2), predictor.times(2)])
    }

    fn init(&self, seed: u64, device: &Device) -> Result<Byol, ModelError> {
        self.validate()?;
        let rng = &mut InitRng::new(seed);
        let encoder = self.input.encoder.init(rng, device)?;
        let projector = Projector::new(encoder.width(), &self.projector, END, rng, device);
        let (predictor, sizes) = self.predictor();
        let predictor = Predictor::new(predictor, sizes, rng, device);
        Ok(Byol {
            target_encoder: independent_copy(&encoder),
            target_projector: independent_copy(&projector),
            encoder,
            projector,
            predictor,
            config: self.clone(),
        })
    }
}

/// BYOL: from the projection of one view, the moving average's projection of the other is predicted, and the other way round.
///
/// With predictions p and the target's projections y', both without its gradient, the loss is
/// `(2 - 2 cos(p_1, y'_2)) + (2 - 2 cos(p_2, y'_1))`, averaged over the batch: term `prediction`. Each view passes each network as a
/// batch of its own. The target tracks running statistics of its own; only parameters are averaged.
#[derive(Module, Debug)]
pub struct Byol {
    /// The encoder that is trained.
    pub encoder: AnyEncoder,
    /// The moving average of the encoder.
    pub target_encoder: AnyEncoder,
    /// The projector that is trained.
    pub projector: Projector,
    /// The moving average of the projector.
    pub target_projector: Projector,
    /// The predictor, between projections.
    pub predictor: Predictor,
    #[module(skip)]
    config: ByolConfig,
}

impl Byol {
    fn target(&self, images: Tensor<4>, mode: Mode) -> Tensor<2> {
        let encoded = self.target_encoder.encode(images.without_autodiff(), mode);
        self.target_projector.forward(encoded, mode).without_autodiff()
    }
}

impl JointEmbedding for Byol {
    type Config = ByolConfig;

    fn settings(&self) -> &ByolConfig {
        &self.config
    }

    fn input(&self) -> &InputConfig {
        &self.config.input
    }

    fn encoder(&self) -> &AnyEncoder {
        &self.encoder
    }

    fn target_encoder(&self) -> Option<&AnyEncoder> {
        Some(&self.target_encoder)
    }

    fn embed(&self, input: SequenceInput, mode: Mode) -> Embedded {
        let views = [0, 1].map(|index| view(&input.observed, index));
        let [first, second] = views.clone().map(|images| self.encoder.encode(images, mode));
        let projected = [&first, &second].map(|rows| self.projector.forward(rows.clone(), mode));
        let [left, right] = projected.map(|rows| self.predictor.forward(rows, mode));
        let [left_target, right_target] = views.map(|images| self.target(images, mode));
        let distance = cosine_distance(left, right_target) + cosine_distance(right, left_target);
        Embedded { terms: vec![("prediction", distance.mul_scalar(2.0))], first, second }
    }

    fn follow_step(mut self, step: u64, total_steps: u64) -> Self {
        let decay = self.config.ema_schedule.decay(self.config.ema_decay, step, total_steps);
        self.target_encoder = ema_update(self.target_encoder, &self.encoder, decay);
        self.target_projector = ema_update(self.target_projector, &self.projector, decay);
        self
    }
}

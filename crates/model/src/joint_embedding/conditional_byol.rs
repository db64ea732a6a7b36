//! BYOL whose predictor is told the action (the baseline of the seq-JEPA paper, arXiv 2505.03176).

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use seqjepa_nn::{InitRng, Mode, independent_copy};
use serde::{Deserialize, Serialize};

use super::input::InputConfig;
use super::projector::{Projector, ProjectorEnd, last};
use super::traits::{Embedded, JointEmbedding, view};
use crate::action_embedding::ActionEmbedding;
use crate::any_encoder::{AnyEncoder, EncoderConfig};
use crate::ema::{EmaSchedule, ema_update};
use crate::encoder::Encoder;
use crate::error::ModelError;
use crate::layer_memory::LayerMemory;
use crate::limits::{decay, parameters, size};
use crate::loss::cosine_distance;
use crate::method::{MethodConfig, SequenceInput};
use crate::predictor::{Predictor, PredictorConfig};

/// Configuration of [`ConditionalByol`]; the default is that of the seq-JEPA paper's tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConditionalByolConfig {
    /// Outputs of the projector's linear maps. Default: 2048, 128.
    pub projector: Vec<usize>,
    /// Features between the predictor's two linear maps. Default: 2048.
    pub predictor_hidden: usize,
    /// Width of the action embedding. Default: 128.
    pub action_embedding: usize,
    /// Decay of the target's moving average at the first step, in `[0, 1]`. Default: 0.996.
    pub ema_decay: f64,
    /// How the decay goes on from there. Default: constant.
    pub ema_schedule: EmaSchedule,
    /// What it is built for.
    #[serde(skip)]
    pub input: InputConfig,
}

impl Default for ConditionalByolConfig {
    fn default() -> Self {
        Self {
            projector: vec![2048, 128],
            predictor_hidden: 2048,
            action_embedding: 128,
            ema_decay: 0.996,
            ema_schedule: EmaSchedule::Constant,
            input: InputConfig::default(),
        }
    }
}

const END: ProjectorEnd = ProjectorEnd::Normalized;

impl ConditionalByolConfig {
    fn predictor(&self) -> (PredictorConfig, [usize; 2]) {
        let width = last(&self.projector);
        (PredictorConfig::Mlp { hidden: self.predictor_hidden }, [self.action_embedding + width, width])
    }
}

impl MethodConfig for ConditionalByolConfig {
    type Method = ConditionalByol;

    const NAME: &'static str = "conditional_byol";

    fn with_input(self, encoder: EncoderConfig, action_dim: usize) -> Self {
        Self { input: InputConfig { encoder, action_dim }, ..self }
    }

    fn validate(&self) -> Result<(), ModelError> {
        self.input.validate()?;
        Projector::validate("projector", &self.projector)?;
        size("predictor_hidden", self.predictor_hidden)?;
        size("action_embedding", self.action_embedding)?;
        decay("ema_decay", self.ema_decay)?;
        parameters(self.parameter_count())
    }

    fn parameter_count(&self) -> u64 {
        let InputConfig { encoder, action_dim } = self.input;
        let (predictor, sizes) = self.predictor();
        encoder.parameter_count()
            + Projector::parameter_count(encoder.width(), &self.projector, END)
            + action_dim as u64 * self.action_embedding as u64
            + predictor.parameter_count(sizes)
    }

    fn loss_is_mean(&self) -> bool {
        true
    }

    fn layer_memory(&self, _: usize, side: usize) -> Option<Vec<LayerMemory>> {
        let projector = Projector::layer_memory("projector", self.input.width(), &self.projector, END);
        let action = self.input.action_memory(self.action_embedding);
        let (predictor, sizes) = self.predictor();
        self.input.layer_memory(side, 1, true, vec![projector, action, predictor.layer_memory(sizes)])
    }

    fn init(&self, seed: u64, device: &Device) -> Result<ConditionalByol, ModelError> {
        self.validate()?;
        let rng = &mut InitRng::new(seed);
        let InputConfig { encoder, action_dim } = self.input;
        let encoder = encoder.init(rng, device)?;
        let projector = Projector::new(encoder.width(), &self.projector, END, rng, device);
        let action_proj = ActionEmbedding::new(action_dim, self.action_embedding, rng, device);
        let (predictor, sizes) = self.predictor();
        let predictor = Predictor::new(predictor, sizes, rng, device);
        Ok(ConditionalByol {
            target_encoder: independent_copy(&encoder),
            target_projector: independent_copy(&projector),
            encoder,
            projector,
            action_proj,
            predictor,
            config: self.clone(),
        })
    }
}

/// Conditional BYOL: from the projection of the first view and the action from there to the second, the moving average's projection
/// of the second is predicted.
///
/// With the embedded action e the loss is `2 - 2 cos(p(e ++ y_1), y'_2)`, averaged over the batch, in this direction alone: term
/// `prediction`. The online encoder does not see the second view, whose representation for probes beside the training is the target
/// encoder's.
#[derive(Module, Debug)]
pub struct ConditionalByol {
    /// The encoder that is trained.
    pub encoder: AnyEncoder,
    /// The moving average of the encoder.
    pub target_encoder: AnyEncoder,
    /// The projector that is trained.
    pub projector: Projector,
    /// The moving average of the projector.
    pub target_projector: Projector,
    /// The action embedding.
    pub action_proj: ActionEmbedding,
    /// The predictor, from action and projection to projection.
    pub predictor: Predictor,
    #[module(skip)]
    config: ConditionalByolConfig,
}

impl JointEmbedding for ConditionalByol {
    type Config = ConditionalByolConfig;

    fn settings(&self) -> &ConditionalByolConfig {
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
        let first = self.encoder.encode(view(&input.observed, 0), mode);
        let projected = self.projector.forward(first.clone(), mode);
        let action = self.action_proj.forward(input.actions.relative_from(0), mode);
        let prediction = self.predictor.forward(Tensor::cat(vec![action, projected], 1), mode);
        let second = self.target_encoder.encode(view(&input.observed, 1).without_autodiff(), mode);
        let target = self.target_projector.forward(second.clone(), mode).without_autodiff();
        let distance = cosine_distance(prediction, target).mul_scalar(2.0);
        Embedded { terms: vec![("prediction", distance)], first, second }
    }

    fn follow_step(mut self, step: u64, total_steps: u64) -> Self {
        let decay = self.config.ema_schedule.decay(self.config.ema_decay, step, total_steps);
        self.target_encoder = ema_update(self.target_encoder, &self.encoder, decay);
        self.target_projector = ema_update(self.target_projector, &self.projector, decay);
        self
    }
}

//! Conv-IJEPA: I-JEPA's task (Assran et al. 2023, arXiv 2301.08243) on glimpses and a convolutional encoder, the baseline of the seq-JEPA
//! paper (arXiv 2505.03176).

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use seqjepa_nn::{InitRng, Mode, independent_copy};
use serde::{Deserialize, Serialize};

use super::input::InputConfig;
use super::projector::{Projector, ProjectorEnd, last};
use super::traits::{Embedded, JointEmbedding};
use crate::action_embedding::ActionEmbedding;
use crate::any_encoder::{AnyEncoder, EncoderConfig};
use crate::ema::{EmaSchedule, ema_update};
use crate::encoder::Encoder;
use crate::error::ModelError;
use crate::layer_memory::LayerMemory;
use crate::limits::{decay, parameters, size};
use crate::loss::cosine_distance;
use crate::method::{MethodConfig, SequenceInput, ViewsUsed};
use crate::predictor::{Predictor, PredictorConfig};

/// Configuration of [`ConvIJepa`]; the default is that of the seq-JEPA paper's tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConvIJepaConfig {
    /// Outputs of the projector's linear maps. Default: 2048, 128.
    pub projector: Vec<usize>,
    /// Features between the predictor's two linear maps. Default: 1024.
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

impl Default for ConvIJepaConfig {
    fn default() -> Self {
        Self {
            projector: vec![2048, 128],
            predictor_hidden: 1024,
            action_embedding: 128,
            ema_decay: 0.996,
            ema_schedule: EmaSchedule::Constant,
            input: InputConfig::default(),
        }
    }
}

const END: ProjectorEnd = ProjectorEnd::Normalized;

impl ConvIJepaConfig {
    fn predictor(&self) -> (PredictorConfig, [usize; 2]) {
        let width = last(&self.projector);
        (PredictorConfig::Mlp { hidden: self.predictor_hidden }, [self.action_embedding + width, width])
    }
}

impl MethodConfig for ConvIJepaConfig {
    type Method = ConvIJepa;

    const NAME: &'static str = "conv_ijepa";

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

    fn layer_memory(&self, views: usize, side: usize) -> Option<Vec<LayerMemory>> {
        let projector = Projector::layer_memory("projector", self.input.width(), &self.projector, END);
        let action = self.input.action_memory(self.action_embedding);
        let (predictor, sizes) = self.predictor();
        let heads = [projector, action, predictor.layer_memory(sizes)].map(|head| head.times(views));
        self.input.layer_memory(side, views, true, heads.into())
    }

    fn init(&self, seed: u64, device: &Device) -> Result<ConvIJepa, ModelError> {
        self.validate()?;
        let rng = &mut InitRng::new(seed);
        let InputConfig { encoder, action_dim } = self.input;
        let encoder = encoder.init(rng, device)?;
        let projector = Projector::new(encoder.width(), &self.projector, END, rng, device);
        let action_proj = ActionEmbedding::new(action_dim, self.action_embedding, rng, device);
        let (predictor, sizes) = self.predictor();
        let predictor = Predictor::new(predictor, sizes, rng, device);
        Ok(ConvIJepa {
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

/// Conv-IJEPA: from the projection of every observed view alone and the displacement from there to the target view, the moving average's
/// projection of the target view is predicted.
///
/// With the absolute actions a, the loss is the mean over the observed views i of `1 - cos(p(act(a_target - a_i) ++ y_i), y'_target)`:
/// term `prediction`. The observed views pass encoder and projector as one batch; action embedding and predictor see one observed view
/// after the other. The difference of absolute actions is the displacement where actions are positions, as of glimpses.
#[derive(Module, Debug)]
pub struct ConvIJepa {
    /// The encoder that is trained.
    pub encoder: AnyEncoder,
    /// The moving average of the encoder.
    pub target_encoder: AnyEncoder,
    /// The projector that is trained.
    pub projector: Projector,
    /// The moving average of the projector.
    pub target_projector: Projector,
    /// The embedding of displacements.
    pub action_proj: ActionEmbedding,
    /// The predictor, from action and projection to projection.
    pub predictor: Predictor,
    #[module(skip)]
    config: ConvIJepaConfig,
}

impl JointEmbedding for ConvIJepa {
    type Config = ConvIJepaConfig;

    fn settings(&self) -> &ConvIJepaConfig {
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

    fn views(&self) -> ViewsUsed {
        ViewsUsed::ALL
    }

    fn embed(&self, input: SequenceInput, mode: Mode) -> Embedded {
        let SequenceInput { observed, target, actions } = input;
        let target = target.expect("the input was checked for the target view");
        let [batch, views, channels, height, width] = observed.dims();
        let encoded = self.encoder.encode(observed.reshape([batch * views, channels, height, width]), mode);
        let projected = self.projector.forward(encoded.clone(), mode);
        let of_view = |rows: &Tensor<2>, index: usize| {
            let [_, features] = rows.dims();
            let rows = rows.clone().reshape([batch, views, features]);
            rows.narrow(1, index, 1).squeeze_dim::<2>(1)
        };
        let target = self.target_encoder.encode(target.without_autodiff(), mode);
        let goal = self.target_projector.forward(target.clone(), mode).without_autodiff();

        let position = |index| actions.absolute().narrow(1, index, 1).squeeze_dim::<2>(1);
        let distances = (0..views).map(|index| {
            let displacement = self.action_proj.forward(position(views) - position(index), mode);
            let joint = Tensor::cat(vec![displacement, of_view(&projected, index)], 1);
            cosine_distance(self.predictor.forward(joint, mode), goal.clone())
        });
        let distance = distances.reduce(|sum, distance| sum + distance).expect("there is an observed view");
        Embedded {
            terms: vec![("prediction", distance.div_scalar(views as f64))],
            first: of_view(&encoded, 0),
            second: if views > 1 { of_view(&encoded, 1) } else { target },
        }
    }

    fn follow_step(mut self, step: u64, total_steps: u64) -> Self {
        let decay = self.config.ema_schedule.decay(self.config.ema_decay, step, total_steps);
        self.target_encoder = ema_update(self.target_encoder, &self.encoder, decay);
        self.target_projector = ema_update(self.target_projector, &self.projector, decay);
        self
    }
}

//! The representation of the target view, predicted from the mean representation of the observed views and the action that leads
//! there; the target's comes from the same encoder, without gradient.

use seqjepa::burn::module::Module;
use seqjepa::burn::tensor::{Device, Tensor};
use seqjepa::model::{
    AnyEncoder, Encoder, EncoderChoice, EncoderConfig, EquivariantRepresentation, EvaluationOutput,
    InvariantRepresentation, LossTerm, Method, MethodConfig, Mode, ModelError, Predictor, PredictorConfig,
    RepresentationLayout, Representations, SequenceActions, SequenceInput, TrainingOutput, cosine_distance,
};
use seqjepa::nn::{DropoutKey, InitRng};
use serde::{Deserialize, Serialize};

/// The section `mean_prediction` of a config.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MeanPredictionConfig {
    /// Features between the predictor's two linear maps.
    pub(crate) hidden: usize,
    /// What a run gives every method: no keys of the section.
    #[serde(skip)]
    encoder: EncoderConfig,
    #[serde(skip)]
    action_dim: usize,
}

impl Default for MeanPredictionConfig {
    fn default() -> Self {
        Self { hidden: 128, encoder: EncoderConfig::default(), action_dim: 9 }
    }
}

impl MethodConfig for MeanPredictionConfig {
    type Method = MeanPrediction;

    const NAME: &'static str = "mean_prediction";

    fn with_input(self, encoder: EncoderConfig, action_dim: usize) -> Self {
        Self { encoder, action_dim, ..self }
    }

    fn validate(&self) -> Result<(), ModelError> {
        if self.hidden == 0 {
            let (expected, found) = ("at least 1".to_owned(), "0".to_owned());
            return Err(ModelError::Config { field: "hidden", expected, found });
        }
        self.encoder.validate()
    }

    fn parameter_count(&self) -> u64 {
        let (width, hidden) = (self.encoder.width(), self.hidden);
        let predictor = (width + self.action_dim) * hidden + 2 * hidden + hidden * width + width;
        self.encoder.parameter_count() + predictor as u64
    }

    fn loss_is_mean(&self) -> bool {
        true
    }

    fn init(&self, seed: u64, device: &Device) -> Result<MeanPrediction, ModelError> {
        self.validate()?;
        let rng = &mut InitRng::new(seed);
        let width = self.encoder.width();
        let encoder = self.encoder.init(rng, device)?;
        let predictor = PredictorConfig::Mlp { hidden: self.hidden };
        let predictor = Predictor::new(predictor, [width + self.action_dim, width], rng, device);
        Ok(MeanPrediction { encoder, predictor, config: self.clone() })
    }
}

/// The method.
#[derive(Module, Debug)]
pub(crate) struct MeanPrediction {
    encoder: AnyEncoder,
    predictor: Predictor,
    #[module(skip)]
    config: MeanPredictionConfig,
}

impl MeanPrediction {
    fn pass(&self, input: SequenceInput, mode: Mode) -> Result<(Tensor<1>, Representations), ModelError> {
        let [batch, views, channels, height, width] = input.observed.dims();
        let images = input.observed.reshape([batch * views, channels, height, width]);
        let encoded = self.encoder.encode(images, mode).reshape([batch, views, self.encoder.width()]);
        let target = input.target.ok_or(ModelError::MissingInput {
            input: "target",
            expected: "[batch, channels, height, width]".into(),
        })?;
        let target = self.encoder.encode(target, mode).without_autodiff();
        let mean = encoded.clone().mean_dim(1).squeeze_dim::<2>(1);
        let action = input.actions.relative_from(views - 1);
        let prediction = self.predictor.forward(Tensor::cat(vec![mean.clone(), action], 1), mode);
        let view = |view: usize| encoded.clone().narrow(1, view, 1).squeeze_dim::<2>(1).without_autodiff();
        let (first, second) = (view(0), if views > 1 { view(1) } else { target.clone() });
        let representations = Representations { invariant: mean.without_autodiff(), first, second };
        Ok((cosine_distance(prediction, target), representations))
    }
}

/// The loss has a single term.
fn terms(loss: &Tensor<1>) -> Vec<LossTerm> {
    vec![LossTerm { name: "prediction", value: loss.clone().without_autodiff() }]
}

impl Method for MeanPrediction {
    type Config = MeanPredictionConfig;

    fn config(&self) -> &MeanPredictionConfig {
        &self.config
    }

    fn representations(&self) -> RepresentationLayout {
        let width = self.encoder.width();
        RepresentationLayout {
            invariant: InvariantRepresentation { name: "mean(z_t)", width, of_sequence: true },
            equivariant: EquivariantRepresentation { name: "z_t", width },
            predicts: true,
            target_encoder: false,
        }
    }

    fn training_forward(&self, input: SequenceInput, _: DropoutKey) -> Result<TrainingOutput, ModelError> {
        let (loss, representations) = self.pass(input, Mode::Train)?;
        Ok(TrainingOutput { terms: terms(&loss), loss, representations })
    }

    fn evaluation_forward(&self, input: SequenceInput) -> Result<EvaluationOutput, ModelError> {
        let (loss, representations) = self.valid().pass(input.without_autodiff(), Mode::Eval)?;
        Ok(EvaluationOutput { terms: terms(&loss), loss, representations })
    }

    fn encode(&self, images: Tensor<4>, encoder: EncoderChoice) -> Option<Tensor<2>> {
        let online = encoder == EncoderChoice::Online;
        online.then(|| self.encoder.valid().encode(images.without_autodiff(), Mode::Eval))
    }

    fn invariant(&self, representations: Tensor<3>, _: &SequenceActions) -> Result<Tensor<2>, ModelError> {
        Ok(representations.without_autodiff().mean_dim(1).squeeze_dim::<2>(1))
    }

    fn predict(
        &self,
        invariant: Tensor<2>,
        actions: &SequenceActions,
    ) -> Result<Option<Tensor<2>>, ModelError> {
        let action = actions.relative_from(actions.observed_views() - 1).without_autodiff();
        let input = Tensor::cat(vec![invariant.without_autodiff(), action], 1);
        Ok(Some(self.predictor.valid().forward(input, Mode::Eval)))
    }
}

//! seq-JEPA as a method.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use seqjepa_nn::{DropoutKey, DropoutMasks, Mode};

use super::config::{SeqJepaWithConfig, TargetConfig};
use super::model::{Pass, SeqJepaWith};
use crate::any_encoder::EncoderConfig;
use crate::ema::ema_update;
use crate::encoder::{Encoder, EncoderBlueprint};
use crate::error::ModelError;
use crate::layer_memory::LayerMemory;
use crate::method::{
    EncoderChoice, EquivariantRepresentation, EvaluationOutput, InvariantRepresentation, Method,
    MethodConfig, RepresentationLayout, SequenceActions, SequenceInput, TensorRole, TrainingOutput,
};

impl<C: EncoderBlueprint> MethodConfig for SeqJepaWithConfig<C> {
    type Method = SeqJepaWith<C::Encoder, C>;

    const NAME: &'static str = C::METHOD;

    fn with_input(self, encoder: EncoderConfig, action_dim: usize) -> Self {
        Self { encoder: self.encoder.with_run(encoder), action_dim, ..self }
    }

    fn validate(&self) -> Result<(), ModelError> {
        self.validate()
    }

    fn parameter_count(&self) -> u64 {
        self.parameter_count()
    }

    /// Unless a regulariser looks at how the aggregates of a batch are spread.
    fn loss_is_mean(&self) -> bool {
        self.regularizer.is_none()
    }

    fn layer_memory(&self, views: usize, side: usize) -> Option<Vec<LayerMemory>> {
        self.layer_memory(views, side)
    }

    fn init(&self, seed: u64, device: &Device) -> Result<Self::Method, ModelError> {
        self.init(seed, device)
    }
}

/// The random draws of evaluation, the same at every pass.
const EVALUATION: DropoutKey = DropoutKey { seed: 0, step: 0 };

/// Invariant is z_AGG, of the whole sequence; equivariant the encoder's z_t; the target's is predicted. The loss has the term
/// `prediction`, and that of the regulariser where there is one.
impl<E: Encoder, C: EncoderBlueprint<Encoder = E>> Method for SeqJepaWith<E, C> {
    type Config = SeqJepaWithConfig<C>;

    fn config(&self) -> &SeqJepaWithConfig<C> {
        &self.config
    }

    fn representations(&self) -> RepresentationLayout {
        RepresentationLayout {
            invariant: InvariantRepresentation {
                name: "z_AGG",
                width: self.config.token_width(),
                of_sequence: true,
            },
            equivariant: EquivariantRepresentation { name: "z_t", width: self.config.representation_width() },
            predicts: true,
            target_encoder: self.target_encoder.is_some(),
        }
    }

    fn tensor_role(&self, name: &str) -> TensorRole {
        match name.split('.').next() {
            Some("target_encoder") => TensorRole::TargetEncoder,
            Some("predictor") => TensorRole::Objective,
            _ => TensorRole::Representation,
        }
    }

    fn training_forward(&self, input: SequenceInput, key: DropoutKey) -> Result<TrainingOutput, ModelError> {
        let shape = input.observed.dims();
        if shape[0] < 2 {
            let expected = "[batch >= 2, views, channels, height, width] in training".to_owned();
            return Err(ModelError::shape("observed", expected, &shape));
        }
        let mut masks = DropoutMasks::new(key);
        let Pass { loss, terms, representations } =
            self.forward(input, Mode::Train, Some(&mut masks), key)?;
        Ok(TrainingOutput { loss, terms, representations })
    }

    fn evaluation_forward(&self, input: SequenceInput) -> Result<EvaluationOutput, ModelError> {
        let pass = self.valid().forward(input.without_autodiff(), Mode::Eval, None, EVALUATION)?;
        let Pass { loss, terms, representations } = pass;
        Ok(EvaluationOutput { loss, terms, representations })
    }

    fn encode(&self, images: Tensor<4>, encoder: EncoderChoice) -> Option<Tensor<2>> {
        let encoder = match encoder {
            EncoderChoice::Online => &self.encoder,
            EncoderChoice::Target => self.target_encoder.as_ref()?,
        };
        Some(encoder.valid().encode(images.without_autodiff(), Mode::Eval))
    }

    fn invariant(
        &self,
        representations: Tensor<3>,
        actions: &SequenceActions,
    ) -> Result<Tensor<2>, ModelError> {
        let actions = actions.clone().without_autodiff();
        self.valid().aggregate(representations.without_autodiff(), &actions, Mode::Eval, None)
    }

    fn predict(
        &self,
        invariant: Tensor<2>,
        actions: &SequenceActions,
    ) -> Result<Option<Tensor<2>>, ModelError> {
        let actions = actions.clone().without_autodiff();
        self.valid().predict_target(invariant.without_autodiff(), &actions, Mode::Eval).map(Some)
    }

    fn after_step(mut self, step: u64, total_steps: u64) -> Self {
        if let TargetConfig::Ema { decay, schedule } = self.config.target {
            let decay = schedule.decay(decay, step, total_steps);
            self.target_encoder = self.target_encoder.map(|target| ema_update(target, &self.encoder, decay));
        }
        self
    }
}

//! The seq-JEPA model.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use seqjepa_nn::{
    DropoutKey, DropoutMasks, FeedForwardActivation, InitRng, Mode, NormPlacement, TransformerLayerConfig,
    host, independent_copy,
};

use super::config::{ActionConditioning, SeqJepaWithConfig, TargetConfig};
use crate::action_embedding::ActionEmbedding;
use crate::aggregator::Aggregator;
use crate::any_encoder::{AnyEncoder, EncoderConfig};
use crate::encoder::{Encoder, EncoderBlueprint};
use crate::error::ModelError;
use crate::loss::cosine_distance;
use crate::method::{
    LossTerm, Representations, SequenceActions, SequenceInput, check_observed, check_target,
};
use crate::predictor::Predictor;

/// seq-JEPA on one of the encoders of this crate. Its tensors have the published implementation's names.
pub type SeqJepa = SeqJepaWith<AnyEncoder, EncoderConfig>;

/// A seq-JEPA model (arXiv 2505.03176, section 3): online encoder, EMA target encoder, action embedding,
/// aggregator and predictor; on the encoder `E` that a blueprint `C` makes.
#[derive(Module, Debug)]
pub struct SeqJepaWith<E, C> {
    /// The online encoder.
    pub encoder: E,
    /// The EMA target encoder; absent with [`TargetConfig::StopGradient`].
    pub target_encoder: Option<E>,
    /// The action embedding; present with [`ActionConditioning::Learned`].
    pub action_proj: Option<ActionEmbedding>,
    /// The \[AGG\] token, `[1, 1, token_width]`.
    pub agg_token: Param<Tensor<3>>,
    /// The aggregator.
    pub transformer_encoder: Aggregator,
    /// The predictor.
    pub predictor: Predictor,
    #[module(skip)]
    pub(super) config: SeqJepaWithConfig<C>,
}

impl<C: EncoderBlueprint> SeqJepaWithConfig<C> {
    /// A model with PyTorch's initial values, all drawn from `seed`; the target encoder starts as a copy of
    /// the online encoder. Train on an autodiff device.
    ///
    /// # Errors
    /// If [`validate`](Self::validate) fails.
    pub fn init(&self, seed: u64, device: &Device) -> Result<SeqJepaWith<C::Encoder, C>, ModelError> {
        self.validate()?;
        let rng = &mut InitRng::new(seed);
        let width = self.token_width();
        let layer = TransformerLayerConfig {
            width,
            heads: self.heads,
            feed_forward: self.feed_forward_factor * width,
            dropout: self.dropout,
            norm: NormPlacement::Post,
            activation: FeedForwardActivation::Relu,
        };
        // The order of these draws is part of what a seed means.
        let encoder = self.encoder.init(rng, device)?;
        let action_proj = match self.action_conditioning {
            ActionConditioning::Learned { width } => {
                Some(ActionEmbedding::new(self.told_action_dim(), width, rng, device))
            }
            ActionConditioning::None | ActionConditioning::Raw => None,
        };
        let transformer_encoder = Aggregator::new(self.layers, layer, rng, device);
        let predictor = Predictor::new(self.predictor, self.predictor_sizes(), rng, device);
        let target_encoder = match self.target {
            TargetConfig::StopGradient => None,
            TargetConfig::Ema { .. } => Some(independent_copy(&encoder)),
        };
        Ok(SeqJepaWith {
            encoder,
            target_encoder,
            action_proj,
            agg_token: Param::from_tensor(host::send_without_gaps(
                TensorData::zeros::<f32, _>([1, 1, width]),
                device,
            )),
            transformer_encoder,
            predictor,
            config: self.clone(),
        })
    }
}

impl<E: Encoder, C: EncoderBlueprint<Encoder = E>> SeqJepaWith<E, C> {
    /// Encodes observed views, `[batch, M, channels, height, width]`, to representations,
    /// `[batch, M, representation_width]`, all as one batch of images.
    ///
    /// # Errors
    /// [`ModelError::InputShape`] if there is no view or the channels differ from the encoder's.
    pub fn encode_views(&self, observed: Tensor<5>, mode: Mode) -> Result<Tensor<3>, ModelError> {
        check_observed(&observed, 1, &self.config.encoder)?;
        let [batch, views, channels, height, width] = observed.dims();
        let images = observed.reshape([batch * views, channels, height, width]);
        let representations = self.encoder.encode(images, mode);
        Ok(representations.reshape([batch, views, self.config.representation_width()]))
    }

    /// Aggregates the representations of observed views, `[batch, M, representation_width]`, to z_AGG,
    /// `[batch, token_width]`.
    ///
    /// The target's action is not read, and neither is the last relative action, unless `relative_last_action` is
    /// configured and `mode` is [`Mode::Train`].
    ///
    /// # Errors
    /// [`ModelError::InputShape`] if the actions do not belong to the representations.
    pub fn aggregate(
        &self,
        representations: Tensor<3>,
        actions: &SequenceActions,
        mode: Mode,
        masks: Option<&mut DropoutMasks>,
    ) -> Result<Tensor<2>, ModelError> {
        let [batch, views, _] = representations.dims();
        self.check_actions(actions, batch, views)?;
        let actions = &self.told(actions);
        let tokens = match &self.action_proj {
            Some(embedding) => {
                let embedded = self.embed_observed(embedding, actions.relative(), mode);
                Tensor::cat(vec![representations, embedded], 2)
            }
            None if self.config.action_conditioning == ActionConditioning::Raw => {
                let rows = match self.config.relative_last_action {
                    true => with_zero_last(actions.relative()),
                    false => actions.absolute().narrow(1, 0, views),
                };
                Tensor::cat(vec![representations, self.padded(rows)], 2)
            }
            None => representations,
        };
        Ok(self.transformer_encoder.forward(self.agg_token.val(), tokens, masks))
    }

    /// Embeds the relative actions of the observed views, `[batch, M, action_dim]`, in one pass; the last
    /// embedding becomes zero *after* its row took part in the batch statistics.
    fn embed_observed(&self, embedding: &ActionEmbedding, relative: Tensor<3>, mode: Mode) -> Tensor<3> {
        let [batch, views, parameters] = relative.dims();
        let rows = if self.config.relative_last_action { relative } else { with_zero_last(relative) };
        let embedded = embedding.forward(rows.reshape([batch * views, parameters]), mode);
        with_zero_last(embedded.reshape([batch, views, self.config.action_width()]))
    }

    /// The numbers of the actions that the model is told.
    fn told(&self, actions: &SequenceActions) -> SequenceActions {
        match self.config.action_columns {
            Some([first, end]) => actions.columns(first, end - first),
            None => actions.clone(),
        }
    }

    /// Appends zeros to raw actions until they have the configured width.
    fn padded(&self, actions: Tensor<3>) -> Tensor<3> {
        let [batch, views, parameters] = actions.dims();
        let padding = self.config.action_width() - parameters;
        let zeros = Tensor::zeros([batch, views, padding], &actions.device());
        Tensor::cat(vec![actions, zeros], 2)
    }

    /// What the predictor is told of the action that leads to the target view, `[batch, action_width]`.
    fn embed_target(&self, actions: &SequenceActions, mode: Mode) -> Option<Tensor<2>> {
        let (batch, views) = (actions.batch(), actions.observed_views());
        let actions = self.told(actions);
        match &self.action_proj {
            Some(embedding) => Some(embedding.forward(actions.relative_from(views - 1), mode)),
            None if self.config.action_conditioning == ActionConditioning::Raw => {
                let action = match self.config.relative_last_action {
                    true => actions.relative().narrow(1, views - 1, 1),
                    false => actions.absolute().narrow(1, views, 1),
                };
                Some(self.padded(action).reshape([batch, self.config.action_width()]))
            }
            None => None,
        }
    }

    /// Predicts the representation of the target view, `[batch, representation_width]`, from the aggregate of the observed
    /// views, `[batch, token_width]`, and the action that leads there.
    ///
    /// # Errors
    /// [`ModelError::InputShape`] if the actions do not belong to the aggregate.
    pub fn predict_target(
        &self,
        aggregate: Tensor<2>,
        actions: &SequenceActions,
        mode: Mode,
    ) -> Result<Tensor<2>, ModelError> {
        self.check_actions(actions, aggregate.dims()[0], actions.observed_views())?;
        let condition = self.embed_target(actions, mode);
        Ok(self.predict_from(aggregate, condition, mode))
    }

    fn predict_from(&self, aggregate: Tensor<2>, condition: Option<Tensor<2>>, mode: Mode) -> Tensor<2> {
        let input = match condition {
            Some(condition) => Tensor::cat(vec![aggregate, condition], 1),
            None => aggregate,
        };
        self.predictor.forward(input, mode)
    }

    /// Representations of images `[batch, channels, height, width]` that predictions are held against: the target encoder's,
    /// or the online encoder's where there is no other, without gradient, `[batch, representation_width]`.
    #[must_use]
    pub fn encode_target(&self, target: Tensor<4>, mode: Mode) -> Tensor<2> {
        match &self.target_encoder {
            Some(encoder) => encoder.encode(target.without_autodiff(), mode).without_autodiff(),
            None => self.encoder.encode(target, mode).without_autodiff(),
        }
    }

    pub(super) fn forward(
        &self,
        input: SequenceInput,
        mode: Mode,
        masks: Option<&mut DropoutMasks>,
        key: DropoutKey,
    ) -> Result<Pass, ModelError> {
        let SequenceInput { observed, target, actions } = input;
        let target = self.check(&observed, target, &actions)?;
        // The observed views go first, as published: without an EMA target both passes feed the same running statistics.
        let encoded = self.encode_views(observed, mode)?;
        let target = self.encode_target(target, mode);
        // Before the observed rows, as published: both passes feed the embedding's running statistics.
        let condition = self.embed_target(&actions, mode);
        let aggregate = self.aggregate(encoded.clone(), &actions, mode, masks)?;
        let prediction = self.predict_from(aggregate.clone(), condition, mode);
        let mut loss = cosine_distance(prediction, target.clone());
        let term = |name, value: &Tensor<1>| LossTerm { name, value: value.clone().without_autodiff() };
        let mut terms = vec![term("prediction", &loss)];
        if let Some(regularizer) = self.config.regularizer {
            let value = regularizer.term(aggregate.clone(), key);
            terms.push(term(regularizer.name(), &value));
            loss = loss + value;
        }

        let [batch, views, width] = encoded.dims();
        let encoded = encoded.without_autodiff();
        let view = |index| encoded.clone().narrow(1, index, 1).reshape([batch, width]);
        let representations = Representations {
            invariant: aggregate.without_autodiff(),
            first: view(0),
            second: if views > 1 { view(1) } else { target },
        };
        Ok(Pass { loss, terms, representations })
    }

    /// Refuses an input that does not fit together; returns its target views.
    fn check(
        &self,
        observed: &Tensor<5>,
        target: Option<Tensor<4>>,
        actions: &SequenceActions,
    ) -> Result<Tensor<4>, ModelError> {
        check_observed(observed, 1, &self.config.encoder)?;
        let target = check_target(target, observed)?;
        let [batch, views, ..] = observed.dims();
        self.check_actions(actions, batch, views)?;
        Ok(target)
    }

    fn check_actions(&self, actions: &SequenceActions, batch: usize, views: usize) -> Result<(), ModelError> {
        let expected = [batch, views + 1, self.config.action_dim];
        let found = actions.absolute().dims();
        if found == expected {
            Ok(())
        } else {
            Err(ModelError::shape("actions", format!("{expected:?}"), &found))
        }
    }
}

/// The same rows `[batch, rows, width]` with the last one of each sample replaced by zeros.
fn with_zero_last(rows: Tensor<3>) -> Tensor<3> {
    let [batch, count, width] = rows.dims();
    let zeros = Tensor::zeros([batch, 1, width], &rows.device());
    match count {
        0 | 1 => zeros,
        _ => Tensor::cat(vec![rows.narrow(1, 0, count - 1), zeros], 1),
    }
}

/// One pass through the model; only the loss carries gradients.
pub(super) struct Pass {
    pub(super) loss: Tensor<1>,
    pub(super) terms: Vec<LossTerm>,
    pub(super) representations: Representations,
}

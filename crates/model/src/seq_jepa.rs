//! The seq-JEPA model.

use crate::{
    ActionConditioning, ActionEmbedding, Aggregator, AnyEncoder, Encoder, EvaluationOutput, Method,
    ModelError, Predictor, Representations, SeqJepaConfig, SequenceInput, TargetConfig, TrainingOutput,
    cosine_distance, ema_update,
};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use seqjepa_nn::{
    DropoutKey, DropoutMasks, FeedForwardActivation, InitRng, Mode, NormPlacement, TransformerLayerConfig,
    independent_copy,
};

/// A seq-JEPA model (arXiv 2505.03176, section 3): online encoder, EMA target encoder, action embedding,
/// aggregator and predictor. Its tensors have the published implementation's names.
#[derive(Module, Debug)]
pub struct SeqJepa {
    /// The online encoder.
    pub encoder: AnyEncoder,
    /// The EMA target encoder; absent with [`TargetConfig::StopGradient`].
    pub target_encoder: Option<AnyEncoder>,
    /// The action embedding; present with [`ActionConditioning::Learned`].
    pub action_proj: Option<ActionEmbedding>,
    /// The \[AGG\] token, `[1, 1, token_width]`.
    pub agg_token: Param<Tensor<3>>,
    /// The aggregator.
    pub transformer_encoder: Aggregator,
    /// The predictor.
    pub predictor: Predictor,
    #[module(skip)]
    config: SeqJepaConfig,
}

impl SeqJepaConfig {
    /// A model with PyTorch's initial values, all drawn from `seed`; the target encoder starts as a copy of
    /// the online encoder. Train on an autodiff device.
    ///
    /// # Errors
    /// If [`validate`](Self::validate) fails.
    pub fn init(&self, seed: u64, device: &Device) -> Result<SeqJepa, ModelError> {
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
                Some(ActionEmbedding::new(self.action_dim, width, rng, device))
            }
            ActionConditioning::None | ActionConditioning::Raw => None,
        };
        let transformer_encoder = Aggregator::new(self.layers, layer, rng, device);
        let predictor =
            Predictor::new(self.predictor, [width + self.action_width(), self.code_width()], rng, device);
        let target_encoder = match self.target {
            TargetConfig::StopGradient => None,
            TargetConfig::Ema { .. } => Some(independent_copy(&encoder)),
        };
        Ok(SeqJepa {
            encoder,
            target_encoder,
            action_proj,
            agg_token: Param::from_tensor(Tensor::zeros([1, 1, width], device)),
            transformer_encoder,
            predictor,
            config: self.clone(),
        })
    }
}

impl SeqJepa {
    /// What the model was built from.
    pub fn config(&self) -> &SeqJepaConfig {
        &self.config
    }

    /// Encodes observed views `[batch, M, channels, height, width]` to codes `[batch, M, code_width]`, all
    /// as one batch of images.
    ///
    /// # Errors
    /// [`ModelError::InputShape`] if there is no view or the channels differ from the encoder's.
    pub fn encode(&self, observed: Tensor<5>, mode: Mode) -> Result<Tensor<3>, ModelError> {
        self.check_observed(&observed)?;
        let [batch, views, channels, height, width] = observed.dims();
        let images = observed.reshape([batch * views, channels, height, width]);
        let codes = self.encoder.encode(images, mode);
        Ok(codes.reshape([batch, views, self.config.code_width()]))
    }

    /// Aggregates the codes of observed views, `[batch, M, code_width]`, to z_AGG, `[batch, token_width]`.
    ///
    /// `actions` and `relative` are as in [`SequenceInput`]; rows beyond the M-th are not read, and neither
    /// is the last relative action, unless `relative_last_action` is configured and `mode` is
    /// [`Mode::Train`].
    ///
    /// # Errors
    /// [`ModelError::InputShape`] if the actions do not belong to the codes.
    pub fn aggregate(
        &self,
        codes: Tensor<3>,
        actions: Tensor<3>,
        relative: Tensor<3>,
        mode: Mode,
        masks: Option<&mut DropoutMasks>,
    ) -> Result<Tensor<2>, ModelError> {
        let [batch, views, _] = codes.dims();
        self.check_actions("actions", &actions, batch, views)?;
        self.check_actions("relative", &relative, batch, views)?;
        let tokens = match &self.action_proj {
            Some(embedding) => {
                let embedded = self.embed_observed(embedding, relative.narrow(1, 0, views), mode);
                Tensor::cat(vec![codes, embedded], 2)
            }
            None if self.config.action_conditioning == ActionConditioning::Raw => {
                let rows = match self.config.relative_last_action {
                    true => with_zero_last(relative.narrow(1, 0, views)),
                    false => actions.narrow(1, 0, views),
                };
                Tensor::cat(vec![codes, self.padded(rows)], 2)
            }
            None => codes,
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

    /// Appends zeros to raw actions until they have the configured width.
    fn padded(&self, actions: Tensor<3>) -> Tensor<3> {
        let [batch, views, parameters] = actions.dims();
        let padding = self.config.action_width() - parameters;
        let zeros = Tensor::zeros([batch, views, padding], &actions.device());
        Tensor::cat(vec![actions, zeros], 2)
    }

    /// What the predictor is told of the action that leads to the target view, `[batch, action_width]`.
    fn embed_target(
        &self,
        actions: &Tensor<3>,
        relative: &Tensor<3>,
        views: usize,
        mode: Mode,
    ) -> Option<Tensor<2>> {
        let batch = actions.dims()[0];
        let row = |actions: &Tensor<3>, index: usize| actions.clone().narrow(1, index, 1);
        match &self.action_proj {
            Some(embedding) => {
                let action = row(relative, views - 1);
                Some(embedding.forward(action.reshape([batch, self.config.action_dim]), mode))
            }
            None if self.config.action_conditioning == ActionConditioning::Raw => {
                let action = match self.config.relative_last_action {
                    true => row(relative, views - 1),
                    false => row(actions, views),
                };
                let action = self.padded(action);
                Some(action.reshape([batch, self.config.action_width()]))
            }
            None => None,
        }
    }

    /// Predicts the code of the target view from the aggregate of `views` observed views,
    /// `[batch, token_width]`, and the action that leads there: `[batch, code_width]`.
    ///
    /// `actions` and `relative` are as in [`SequenceInput`].
    ///
    /// # Errors
    /// [`ModelError::InputShape`] if the actions do not belong to the aggregate.
    pub fn predict_target(
        &self,
        aggregate: Tensor<2>,
        actions: Tensor<3>,
        relative: Tensor<3>,
        views: usize,
        mode: Mode,
    ) -> Result<Tensor<2>, ModelError> {
        let batch = aggregate.dims()[0];
        self.check_actions("actions", &actions, batch, views + 1)?;
        self.check_actions("relative", &relative, batch, views)?;
        let condition = self.embed_target(&actions, &relative, views, mode);
        Ok(self.predict(aggregate, condition, mode))
    }

    /// Predicts the target view's code from the aggregate and the last action.
    fn predict(&self, aggregate: Tensor<2>, condition: Option<Tensor<2>>, mode: Mode) -> Tensor<2> {
        let input = match condition {
            Some(condition) => Tensor::cat(vec![aggregate, condition], 1),
            None => aggregate,
        };
        self.predictor.forward(input, mode)
    }

    /// Codes of images `[batch, channels, height, width]` by the target encoder (the online encoder where
    /// there is none), without gradient: `[batch, code_width]`.
    pub fn encode_target(&self, target: Tensor<4>, mode: Mode) -> Tensor<2> {
        match &self.target_encoder {
            Some(encoder) => encoder.encode(target.without_autodiff(), mode).without_autodiff(),
            None => self.encoder.encode(target, mode).without_autodiff(),
        }
    }

    fn forward(
        &self,
        input: SequenceInput,
        mode: Mode,
        masks: Option<&mut DropoutMasks>,
    ) -> Result<Pass, ModelError> {
        let views = self.check(&input)?;
        // The observed views go first, as published: without an EMA target both passes feed the same running statistics.
        let codes = self.encode(input.observed.clone(), mode)?;
        let target = self.encode_target(input.target.clone(), mode);
        // Before the observed rows, as published: both passes feed the embedding's running statistics.
        let condition = self.embed_target(&input.actions, &input.relative, views, mode);
        let aggregate =
            self.aggregate(codes.clone(), input.actions.clone(), input.relative.clone(), mode, masks)?;
        let prediction = self.predict(aggregate.clone(), condition, mode);
        let loss = cosine_distance(prediction.clone(), target.clone());

        let [batch, _, width] = codes.dims();
        let codes = codes.without_autodiff();
        let view = |index| codes.clone().narrow(1, index, 1).reshape([batch, width]);
        let representations = Representations {
            aggregate: aggregate.without_autodiff(),
            first: view(0),
            second: if views > 1 { view(1) } else { target.clone() },
        };
        Ok(Pass { loss, prediction, target, representations })
    }

    fn check_observed(&self, observed: &Tensor<5>) -> Result<(), ModelError> {
        let [_, views, channels, height, width] = observed.dims();
        let encoder = &self.config.encoder;
        let right_size = encoder.image_size().is_none_or(|size| [height, width] == [size, size]);
        if views > 0 && channels == encoder.channels() && right_size {
            return Ok(());
        }
        let size = encoder.image_size().map_or("height, width".to_owned(), |size| format!("{size}, {size}"));
        let expected = format!("[batch, views >= 1, {}, {size}]", encoder.channels());
        Err(mismatch("observed", expected, &observed.dims()))
    }

    fn check(&self, input: &SequenceInput) -> Result<usize, ModelError> {
        self.check_observed(&input.observed)?;
        let [batch, views, channels, height, width] = input.observed.dims();
        let image = [batch, channels, height, width];
        if input.target.dims() != image {
            return Err(mismatch("target", format!("{image:?}"), &input.target.dims()));
        }
        self.check_actions("actions", &input.actions, batch, views + 1)?;
        self.check_actions("relative", &input.relative, batch, views)?;
        Ok(views)
    }

    fn check_actions(
        &self,
        name: &'static str,
        actions: &Tensor<3>,
        batch: usize,
        rows: usize,
    ) -> Result<(), ModelError> {
        let [found_batch, found_rows, parameters] = actions.dims();
        if found_batch != batch || found_rows < rows || parameters != self.config.action_dim {
            let expected = format!("[{batch}, {rows}, {}]", self.config.action_dim);
            return Err(mismatch(name, expected, &actions.dims()));
        }
        Ok(())
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

/// One pass through the model; only the loss and the prediction carry gradients.
struct Pass {
    loss: Tensor<1>,
    prediction: Tensor<2>,
    target: Tensor<2>,
    representations: Representations,
}

fn mismatch(input: &'static str, expected: String, found: &[usize]) -> ModelError {
    ModelError::InputShape { input, expected, found: found.to_vec() }
}

impl Method for SeqJepa {
    fn training_forward(&self, input: SequenceInput, key: DropoutKey) -> Result<TrainingOutput, ModelError> {
        let shape = input.observed.dims();
        if shape[0] < 2 {
            let expected = "[batch >= 2, views, channels, height, width] in training".to_owned();
            return Err(mismatch("observed", expected, &shape));
        }
        let mut masks = DropoutMasks::new(key);
        let pass = self.forward(input, Mode::Train, Some(&mut masks))?;
        Ok(TrainingOutput { loss: pass.loss, representations: pass.representations })
    }

    fn evaluation_forward(&self, input: SequenceInput) -> Result<EvaluationOutput, ModelError> {
        let pass = self.valid().forward(input.without_autodiff(), Mode::Eval, None)?;
        Ok(EvaluationOutput {
            loss: pass.loss,
            prediction: pass.prediction,
            target: pass.target,
            representations: pass.representations,
        })
    }

    fn target_codes(&self, images: Tensor<4>) -> Option<Tensor<2>> {
        let encoder = self.target_encoder.as_ref()?;
        Some(encoder.encode(images.without_autodiff(), Mode::Eval).without_autodiff())
    }

    fn after_step(mut self, step: u64, total_steps: u64) -> Self {
        if let TargetConfig::Ema { decay, schedule } = self.config.target {
            let decay = schedule.decay(decay, step, total_steps);
            self.target_encoder = self.target_encoder.map(|target| ema_update(target, &self.encoder, decay));
        }
        self
    }

    fn invariant_width(&self) -> usize {
        self.config.token_width()
    }

    fn equivariant_width(&self) -> usize {
        self.config.code_width()
    }
}

impl SequenceInput {
    /// The same tensors outside any gradient graph.
    fn without_autodiff(self) -> Self {
        Self {
            observed: self.observed.without_autodiff(),
            target: self.target.without_autodiff(),
            actions: self.actions.without_autodiff(),
            relative: self.relative.without_autodiff(),
        }
    }
}

//! What a seq-JEPA model is made of.

use serde::{Deserialize, Serialize};

use crate::any_encoder::EncoderConfig;
use crate::counts::{norm, transformer_layer};
use crate::ema::EmaSchedule;
use crate::encoder::EncoderBlueprint;
use crate::error::ModelError;
use crate::layer_memory::{LayerMemory, TransformerMemory, target_encoder};
use crate::limits::{self, MAX_LAYERS, parameters, size, within};
use crate::predictor::PredictorConfig;
use crate::regularizer::Regularizer;

/// Configuration of a [`SeqJepa`](crate::SeqJepa), on one of the encoders of this crate; the default is the paper's CIFAR-100 model.
pub type SeqJepaConfig = SeqJepaWithConfig<EncoderConfig>;

/// Configuration of a [`SeqJepaWith`](crate::SeqJepaWith), seq-JEPA on the encoder of a blueprint; but for the encoder, the default is the
/// paper's CIFAR-100 model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, bound = "C: EncoderBlueprint")]
pub struct SeqJepaWithConfig<C> {
    /// The encoder, online and target. Default of the encoders of this crate: ResNet-18 of width 64 with the CIFAR stem.
    pub encoder: C,
    /// Parameters of an action. Default: 9.
    pub action_dim: usize,
    /// How actions enter the model. Default: a learned embedding of width 128.
    pub action_conditioning: ActionConditioning,
    /// Whether the last observed view's row in the batch statistics of the action embedding is its
    /// relative action to the target instead of zeros. Its embedding is zero either way. With raw actions:
    /// whether these are the relative ones, zero for the last observed view. Default: false.
    pub relative_last_action: bool,
    /// Attention heads of the aggregator; they divide the token width. Default: 4.
    pub heads: usize,
    /// Transformer layers of the aggregator. Default: 3.
    pub layers: usize,
    /// Width of the aggregator's feed-forward part in token widths. Default: 4.
    pub feed_forward_factor: usize,
    /// Dropout probability of the aggregator. Default: 0.1.
    pub dropout: f64,
    /// The predictor. Default: one hidden layer of 1024.
    pub predictor: PredictorConfig,
    /// Where the prediction's target comes from. Default: EMA with constant decay 0.996.
    pub target: TargetConfig,
    /// Which numbers of an action the model is told, from the first to before the second; it is given all of them. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action_columns: Option<[usize; 2]>,
    /// What keeps the aggregate from collapse beside the prediction loss, as where there is no EMA. Default: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regularizer: Option<Regularizer>,
}

impl<C: EncoderBlueprint> Default for SeqJepaWithConfig<C> {
    fn default() -> Self {
        Self {
            encoder: C::default(),
            action_dim: 9,
            action_conditioning: ActionConditioning::Learned { width: 128 },
            relative_last_action: false,
            heads: 4,
            layers: 3,
            feed_forward_factor: 4,
            dropout: 0.1,
            predictor: PredictorConfig::Mlp { hidden: 1024 },
            target: TargetConfig::Ema { decay: 0.996, schedule: EmaSchedule::Constant },
            action_columns: None,
            regularizer: None,
        }
    }
}

/// How actions enter the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ActionConditioning {
    /// Not at all: tokens are the representations alone, the predictor sees the aggregate alone.
    None,
    /// The normalised absolute action of each view (relative with `relative_last_action`), padded with zeros until the
    /// heads divide the token.
    Raw,
    /// A learned embedding of the relative action to the next view.
    Learned {
        /// Width of the embedding.
        width: usize,
    },
}

/// Where the prediction's target comes from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TargetConfig {
    /// The online encoder itself, without gradient.
    StopGradient,
    /// An exponential moving average of the online encoder.
    Ema {
        /// Decay at the first step, in `[0, 1]`.
        decay: f64,
        /// How the decay goes on from there.
        schedule: EmaSchedule,
    },
}

impl<C: EncoderBlueprint> SeqJepaWithConfig<C> {
    /// Width D of an encoder's representation.
    #[must_use]
    pub fn representation_width(&self) -> usize {
        self.encoder.width()
    }

    /// Numbers of an action that the model is told.
    #[must_use]
    pub fn told_action_dim(&self) -> usize {
        self.action_columns.map_or(self.action_dim, |[first, end]| end.saturating_sub(first))
    }

    /// Width of what is appended to a representation, and to the aggregate before the predictor.
    #[must_use]
    pub fn action_width(&self) -> usize {
        match self.action_conditioning {
            ActionConditioning::None => 0,
            ActionConditioning::Raw => {
                let unpadded = self.representation_width() + self.told_action_dim();
                unpadded.next_multiple_of(self.heads.max(1)) - self.representation_width()
            }
            ActionConditioning::Learned { width } => width,
        }
    }

    /// Width E of a token and of the aggregate.
    #[must_use]
    pub fn token_width(&self) -> usize {
        self.representation_width() + self.action_width()
    }

    /// Trained parameters of the model: those of the online encoder, the aggregator and its token, the action embedding
    /// and the predictor. Running statistics and the target encoder, which has as many as the online one, do not count.
    ///
    /// Meaningful for a configuration that [`validate`](Self::validate)s.
    #[must_use]
    pub fn parameter_count(&self) -> u64 {
        let heads = self.embedding_parameters() + self.aggregator_parameters();
        self.encoder.parameter_count() + heads + self.predictor.parameter_count(self.predictor_sizes())
    }

    fn embedding_parameters(&self) -> u64 {
        match self.action_conditioning {
            ActionConditioning::Learned { .. } => self.told_action_dim() as u64 * self.action_width() as u64,
            ActionConditioning::None | ActionConditioning::Raw => 0,
        }
    }

    /// With its token.
    fn aggregator_parameters(&self) -> u64 {
        let token = self.token_width() as u64;
        let layer = transformer_layer(token, self.feed_forward_factor as u64 * token);
        token + self.layers as u64 * layer + norm(token)
    }

    /// Features that go into the predictor, and that come out.
    pub(super) fn predictor_sizes(&self) -> [usize; 2] {
        [self.token_width() + self.action_width(), self.representation_width()]
    }

    /// What the parts take of memory in training, as [`MethodConfig::layer_memory`](crate::MethodConfig::layer_memory).
    pub(super) fn layer_memory(&self, views: usize, side: usize) -> Option<Vec<LayerMemory>> {
        let encoder = self.encoder.layer_memory(side)?;
        // A target encoder of its own or not, its pass keeps nothing.
        let target = match self.target {
            TargetConfig::Ema { .. } => vec![target_encoder(&encoder)],
            // The online encoder's pass over the target view is recorded before it is cut off.
            TargetConfig::StopGradient => Vec::new(),
        };
        let images = match self.target {
            TargetConfig::Ema { .. } => views,
            TargetConfig::StopGradient => views + 1,
        };
        let embedding = match self.action_conditioning {
            ActionConditioning::Learned { width } => {
                // Inputs and outputs of the linear map, of the observed views and of the target.
                let kept = ((views + 1) * (self.told_action_dim() + width)) as u64;
                vec![LayerMemory {
                    name: "action embedding",
                    parameters: self.embedding_parameters(),
                    kept,
                    passing: kept,
                    ..LayerMemory::default()
                }]
            }
            ActionConditioning::None | ActionConditioning::Raw => Vec::new(),
        };
        let aggregator = TransformerMemory {
            name: "aggregator",
            parameters: self.aggregator_parameters(),
            layers: self.layers,
            tokens: views + 1,
            width: self.token_width(),
            feed_forward: self.feed_forward_factor * self.token_width(),
            heads: self.heads,
            dropout: self.dropout > 0.0,
        };
        let predictor = self.predictor.layer_memory(self.predictor_sizes());
        let encoder = encoder.into_iter().map(|layer| layer.times(images));
        Some(encoder.chain(target).chain(embedding).chain([aggregator.layer_memory(), predictor]).collect())
    }

    /// Checks all values.
    ///
    /// # Errors
    /// [`ModelError::Config`] for the first value out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        self.encoder.validate()?;
        size("action_dim", self.action_dim)?;
        if let Some([first, end]) = self.action_columns
            && !(first < end && end <= self.action_dim)
        {
            let expected = format!("at least one of the {} numbers", self.action_dim);
            return Err(ModelError::config("action_columns", expected, format!("{first} to {end}")));
        }
        if let Some(regularizer) = self.regularizer {
            regularizer.validate()?;
        }
        size("heads", self.heads)?;
        within("layers", self.layers, MAX_LAYERS)?;
        within("feed_forward_factor", self.feed_forward_factor, MAX_FEED_FORWARD_FACTOR)?;
        if let ActionConditioning::Learned { width } = self.action_conditioning {
            size("action_conditioning.learned.width", width)?;
        }
        if let PredictorConfig::Mlp { hidden } = self.predictor {
            size("predictor.mlp.hidden", hidden)?;
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(ModelError::config("dropout", "in [0, 1)", self.dropout));
        }
        if let TargetConfig::Ema { decay, .. } = self.target {
            limits::decay("target.ema.decay", decay)?;
        }
        if !self.token_width().is_multiple_of(self.heads) {
            return Err(ModelError::config(
                "the token width (representation width plus action width)",
                format!("a multiple of the {} heads", self.heads),
                self.token_width(),
            ));
        }
        parameters(self.parameter_count())
    }
}

/// The widest feed-forward part, in token widths.
const MAX_FEED_FORWARD_FACTOR: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resnet::ResNetConfig;

    #[test]
    fn the_default_has_the_papers_widths() {
        let config = SeqJepaConfig::default();
        config.validate().expect("the default is valid");
        assert_eq!(
            [
                config.representation_width(),
                config.token_width(),
                config.token_width() + config.action_width()
            ],
            [512, 640, 768]
        );
    }

    #[test]
    fn raw_actions_are_padded_to_the_heads() {
        let config =
            SeqJepaConfig { action_conditioning: ActionConditioning::Raw, ..SeqJepaConfig::default() };
        assert_eq!((config.token_width(), config.action_width()), (524, 12));
    }

    #[test]
    fn values_out_of_range_are_named() {
        let default = SeqJepaConfig::default;
        let resnet = |width| ResNetConfig { width, ..ResNetConfig::default() }.into();
        let cases = [
            (SeqJepaConfig { heads: 0, ..default() }, "heads"),
            (SeqJepaConfig { heads: 7, ..default() }, "token width"),
            (SeqJepaConfig { layers: 0, ..default() }, "layers"),
            (SeqJepaConfig { dropout: 1.0, ..default() }, "dropout"),
            (
                SeqJepaConfig {
                    target: TargetConfig::Ema { decay: 1.5, schedule: EmaSchedule::Constant },
                    ..default()
                },
                "decay",
            ),
            (SeqJepaConfig { predictor: PredictorConfig::Mlp { hidden: 0 }, ..default() }, "hidden"),
            (SeqJepaConfig { predictor: PredictorConfig::Mlp { hidden: usize::MAX }, ..default() }, "hidden"),
            (SeqJepaConfig { layers: 1 << 20, ..default() }, "layers"),
            (SeqJepaConfig { feed_forward_factor: 1 << 40, ..default() }, "feed_forward_factor"),
            (SeqJepaConfig { encoder: resnet(usize::MAX / 4), ..default() }, "encoder.width"),
            (SeqJepaConfig { encoder: resnet(1 << 16), ..default() }, "number of parameters"),
        ];
        for (config, name) in cases {
            let message = config.validate().expect_err("an invalid value").to_string();
            assert!(message.contains(name), "{message}");
        }
    }
}

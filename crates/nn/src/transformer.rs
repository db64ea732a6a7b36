//! The transformer encoder layer.

use crate::{DropoutMasks, InitRng, LayerNorm, Linear, MultiHeadAttention, gelu, relu};
use burn::module::Module;
use burn::tensor::{Device, Tensor};

/// Where a transformer layer normalises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormPlacement {
    /// After each residual sum (`norm_first=False`, Vaswani et al. 2017).
    Post,
    /// Before attention and before the feed-forward part (`norm_first=True`).
    Pre,
}

/// Activation of the feed-forward part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedForwardActivation {
    /// Rectified linear unit.
    Relu,
    /// Gaussian error linear unit, the exact form with erf.
    Gelu,
}

/// Sizes and choices of a [`TransformerEncoderLayer`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TransformerLayerConfig {
    /// Features of a token.
    pub width: usize,
    /// Attention heads; they divide `width`.
    pub heads: usize,
    /// Features inside the feed-forward part.
    pub feed_forward: usize,
    /// Dropout probability, in `[0, 1)`.
    pub dropout: f64,
    /// Where to normalise.
    pub norm: NormPlacement,
    /// Feed-forward activation.
    pub activation: FeedForwardActivation,
}

/// One encoder layer with the parameters and semantics of `torch.nn.TransformerEncoderLayer`
/// (`batch_first=True`).
///
/// Dropout acts on the attention weights, on the attention's output, inside the feed-forward part and
/// on its output, whenever the caller passes [`DropoutMasks`].
#[derive(Module, Debug)]
pub struct TransformerEncoderLayer {
    /// Self-attention.
    pub self_attn: MultiHeadAttention,
    /// Feed-forward expansion.
    pub linear1: Linear,
    /// Feed-forward contraction.
    pub linear2: Linear,
    /// Normalisation of the attention part.
    pub norm1: LayerNorm,
    /// Normalisation of the feed-forward part.
    pub norm2: LayerNorm,
    #[module(skip)]
    config: TransformerLayerConfig,
}

impl TransformerEncoderLayer {
    /// A layer with PyTorch's initial values.
    ///
    /// # Panics
    /// If `config.heads` does not divide `config.width`.
    pub fn new(config: TransformerLayerConfig, rng: &mut InitRng, device: &Device) -> Self {
        let TransformerLayerConfig { width, heads, feed_forward, .. } = config;
        Self {
            self_attn: MultiHeadAttention::new(width, heads, rng, device),
            linear1: Linear::new(width, feed_forward, rng, device),
            linear2: Linear::new(feed_forward, width, rng, device),
            norm1: LayerNorm::new(width, device),
            norm2: LayerNorm::new(width, device),
            config,
        }
    }

    /// Maps tokens `[batch, tokens, width]` to the same shape; `masks` switches dropout on.
    #[must_use]
    pub fn forward(&self, input: Tensor<3>, mut masks: Option<&mut DropoutMasks>) -> Tensor<3> {
        match self.config.norm {
            NormPlacement::Post => {
                let attended = self.attend(input.clone(), masks.as_deref_mut());
                let hidden = self.norm1.forward(input + attended);
                let fed = self.feed(hidden.clone(), masks);
                self.norm2.forward(hidden + fed)
            }
            NormPlacement::Pre => {
                let attended = self.attend(self.norm1.forward(input.clone()), masks.as_deref_mut());
                let hidden = input + attended;
                let fed = self.feed(self.norm2.forward(hidden.clone()), masks);
                hidden + fed
            }
        }
    }

    fn attend(&self, input: Tensor<3>, mut masks: Option<&mut DropoutMasks>) -> Tensor<3> {
        let attended = self.self_attn.forward(input, self.config.dropout, masks.as_deref_mut());
        self.drop(attended, masks)
    }

    fn feed(&self, input: Tensor<3>, mut masks: Option<&mut DropoutMasks>) -> Tensor<3> {
        let expanded = self.linear1.forward(input);
        let activated = match self.config.activation {
            FeedForwardActivation::Relu => relu(expanded),
            FeedForwardActivation::Gelu => gelu(expanded),
        };
        let activated = self.drop(activated, masks.as_deref_mut());
        self.drop(self.linear2.forward(activated), masks)
    }

    fn drop(&self, input: Tensor<3>, masks: Option<&mut DropoutMasks>) -> Tensor<3> {
        match masks {
            Some(masks) => masks.apply(input, self.config.dropout),
            None => input,
        }
    }
}

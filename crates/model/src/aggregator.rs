//! The transformer that turns a sequence of tokens into one representation.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use seqjepa_nn::{
    DropoutMasks, InitRng, LayerNorm, TransformerEncoderLayer, TransformerLayerConfig, recomputable,
};

/// Transformer layers one after the other.
#[derive(Module, Debug)]
pub struct LayerStack {
    /// The layers, first to last.
    pub layers: Vec<TransformerEncoderLayer>,
}

impl LayerStack {
    /// `depth` layers, each with its own initial values, as vision transformers start.
    pub fn independent(
        depth: usize,
        layer: TransformerLayerConfig,
        rng: &mut InitRng,
        device: &Device,
    ) -> Self {
        let layers = (0..depth).map(|_| TransformerEncoderLayer::new(layer, rng, device)).collect();
        Self { layers }
    }

    /// `depth` layers with the initial values of one draw: `torch.nn.TransformerEncoder` deep-copies the layer
    /// that it is given. They share values at the start and nothing afterwards.
    pub fn copies(depth: usize, layer: TransformerLayerConfig, rng: &mut InitRng, device: &Device) -> Self {
        let start = rng.clone();
        let draw = |_| {
            // The same draws again give equal values under new parameter identities.
            *rng = start.clone();
            TransformerEncoderLayer::new(layer, rng, device)
        };
        Self { layers: (0..depth).map(draw).collect() }
    }

    /// Maps tokens `[batch, tokens, width]` to the same shape, without dropout; each layer is a block of an encoder's stage `stage`, which may
    /// be [computed again](recomputable).
    #[must_use]
    pub fn forward_stage(&self, stage: usize, tokens: Tensor<3>) -> Tensor<3> {
        let forward = |layer: &TransformerEncoderLayer, tokens| layer.forward(tokens, None);
        self.layers.iter().fold(tokens, |tokens, layer| recomputable(stage, layer, tokens, forward))
    }

    /// Maps tokens `[batch, tokens, width]` to the same shape; `masks` switches dropout on.
    #[must_use]
    pub fn forward(&self, tokens: Tensor<3>, mut masks: Option<&mut DropoutMasks>) -> Tensor<3> {
        self.layers.iter().fold(tokens, |tokens, layer| layer.forward(tokens, masks.as_deref_mut()))
    }
}

/// Aggregates the tokens of a sequence: transformer layers, then one layer normalisation, read at the
/// position of the prepended \[AGG\] token. There is no positional encoding.
#[derive(Module, Debug)]
pub struct Aggregator {
    /// The layers.
    pub transformer_encoder: LayerStack,
    /// Last normalisation.
    pub norm: LayerNorm,
}

impl Aggregator {
    /// An aggregator of `depth` layers that start as copies of one, as `torch.nn.TransformerEncoder` has them.
    pub fn new(depth: usize, layer: TransformerLayerConfig, rng: &mut InitRng, device: &Device) -> Self {
        Self {
            transformer_encoder: LayerStack::copies(depth, layer, rng, device),
            norm: LayerNorm::new(layer.width, device),
        }
    }

    /// Aggregates tokens `[batch, tokens, width]` behind `agg_token`, `[1, 1, width]`, to `[batch, width]`.
    #[must_use]
    pub fn forward(
        &self,
        agg_token: Tensor<3>,
        tokens: Tensor<3>,
        masks: Option<&mut DropoutMasks>,
    ) -> Tensor<2> {
        let [batch, _, width] = tokens.dims();
        let agg_token = agg_token.expand([batch, 1, width]);
        let tokens = Tensor::cat(vec![agg_token, tokens], 1);
        let aggregate = self.transformer_encoder.forward(tokens, masks).narrow(1, 0, 1);
        self.norm.forward(aggregate.reshape([batch, width]))
    }
}

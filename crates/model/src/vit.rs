//! A vision transformer (Dosovitskiy et al. 2021, arXiv 2010.11929) for small images.

use crate::aggregator::LayerStack;
use crate::counts::{linear, norm, transformer_layer};
use crate::encoder::Encoder;
use crate::error::ModelError;
use crate::layer_memory::{LayerMemory, RecomputedMemory, TransformerMemory};
use crate::limits::{MAX_LAYERS, size, within};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use seqjepa_nn::{
    Conv2d, FeedForwardActivation, InitRng, LayerNorm, Mode, NormPlacement, TransformerLayerConfig, host,
};
use serde::{Deserialize, Serialize};

/// Configuration of a [`Vit`]; the default is ViT-tiny for 32x32 images in 4x4 patches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VitConfig {
    /// Side of an image in pixels, a multiple of `patch`. Default: 32.
    pub image_size: usize,
    /// Side of a patch in pixels. Default: 4.
    pub patch: usize,
    /// Features of a token and of a representation, a multiple of `heads`. Default: 192.
    pub width: usize,
    /// Transformer layers. Default: 12.
    pub depth: usize,
    /// Attention heads. Default: 3.
    pub heads: usize,
    /// Channels of an image. Default: 3.
    pub channels: usize,
}

impl Default for VitConfig {
    fn default() -> Self {
        Self { image_size: 32, patch: 4, width: 192, depth: 12, heads: 3, channels: 3 }
    }
}

impl VitConfig {
    /// Checks all values.
    ///
    /// # Errors
    /// [`ModelError::Config`] for the first value out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        size("encoder.patch", self.patch)?;
        size("encoder.image_size", self.image_size)?;
        size("encoder.width", self.width)?;
        within("encoder.depth", self.depth, MAX_LAYERS)?;
        size("encoder.heads", self.heads)?;
        size("encoder.channels", self.channels)?;
        if !self.image_size.is_multiple_of(self.patch) {
            let expected = format!("a multiple of the patch size {}", self.patch);
            return Err(ModelError::config("encoder.image_size", expected, self.image_size));
        }
        if !self.width.is_multiple_of(self.heads) {
            let expected = format!("a multiple of the {} heads", self.heads);
            return Err(ModelError::config("encoder.width", expected, self.width));
        }
        Ok(())
    }

    /// Trained parameters. Meaningful for a configuration that [`validate`](Self::validate)s.
    #[must_use]
    pub fn parameter_count(&self) -> u64 {
        let [width, patch, channels, depth] =
            [self.width, self.patch, self.channels, self.depth].map(|n| n as u64);
        let side = (self.image_size / self.patch.max(1)) as u64;
        let tokens = side * side + 1;
        let embedding = linear(channels * patch * patch, width) + width + tokens * width;
        embedding + depth * transformer_layer(width, 4 * width) + norm(width)
    }

    /// What it takes of memory in training, for one image.
    #[must_use]
    pub fn layer_memory(&self) -> LayerMemory {
        let side = self.image_size / self.patch.max(1);
        let transformer = TransformerMemory {
            name: "encoder",
            parameters: self.parameter_count(),
            layers: self.depth,
            tokens: side * side + 1,
            width: self.width,
            feed_forward: 4 * self.width,
            heads: self.heads,
            dropout: false,
        };
        let memory = transformer.layer_memory();
        let image = (self.channels * self.image_size * self.image_size) as u64;
        let tokens = (transformer.tokens * self.width) as u64;
        let depth = self.depth as u64;
        // What enters the first layer, and what leaves each.
        let recomputed = RecomputedMemory {
            stage: 1,
            kept: image + (1 + depth) * tokens,
            passing: memory.kept / depth.max(1) + memory.passing,
        };
        LayerMemory { kept: memory.kept + image, recomputed: Some(recomputed), ..memory }
    }

    /// A transformer with initial values from `rng`: positions from N(0, 0.02²), the class token zero, all
    /// else PyTorch's defaults.
    ///
    /// # Errors
    /// If [`validate`](Self::validate) fails.
    pub fn init(&self, rng: &mut InitRng, device: &Device) -> Result<Vit, ModelError> {
        self.validate()?;
        let side = self.image_size / self.patch;
        let patch_embed = Conv2d::patches([self.channels, self.width], self.patch, rng, device);
        let positions = rng.normal([1, side * side + 1, self.width], 0.02, device);
        let layer = TransformerLayerConfig {
            width: self.width,
            heads: self.heads,
            feed_forward: 4 * self.width,
            dropout: 0.0,
            norm: NormPlacement::Pre,
            activation: FeedForwardActivation::Gelu,
        };
        Ok(Vit {
            patch_embed,
            cls_token: Param::from_tensor(host::send_without_gaps(
                TensorData::zeros::<f32, _>([1, 1, self.width]),
                device,
            )),
            pos_embed: Param::from_tensor(positions),
            transformer: LayerStack::independent(self.depth, layer, rng, device),
            norm: LayerNorm::new(self.width, device),
            config: *self,
        })
    }
}

/// A vision transformer: patch embedding, class token, learned positions, pre-norm layers with GELU. The
/// representation is the class token after the last normalisation.
#[derive(Module, Debug)]
pub struct Vit {
    /// Linear embedding of the patches as a convolution.
    pub patch_embed: Conv2d,
    /// Class token, `[1, 1, width]`.
    pub cls_token: Param<Tensor<3>>,
    /// Positions of class token and patches, `[1, patches + 1, width]`.
    pub pos_embed: Param<Tensor<3>>,
    /// The layers.
    pub transformer: LayerStack,
    /// Last normalisation.
    pub norm: LayerNorm,
    #[module(skip)]
    config: VitConfig,
}

impl Encoder for Vit {
    fn encode(&self, images: Tensor<4>, _mode: Mode) -> Tensor<2> {
        let batch = images.dims()[0];
        let width = self.config.width;
        let patches = self.patch_embed.forward(images).flatten::<3>(2, 3).swap_dims(1, 2);
        let class = self.cls_token.val().expand([batch, 1, width]);
        let tokens = Tensor::cat(vec![class, patches], 1) + self.pos_embed.val();
        let class = self.transformer.forward_stage(1, tokens).narrow(1, 0, 1);
        self.norm.forward(class.reshape([batch, width]))
    }

    fn width(&self) -> usize {
        self.config.width
    }
}

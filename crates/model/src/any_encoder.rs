//! Encoders that are chosen at run time.

use burn::tensor::{Device, Tensor};
use seqjepa_nn::{InitRng, Mode};
use serde::{Deserialize, Serialize};

use crate::encoder::{Encoder, EncoderBlueprint};
use crate::error::ModelError;
use crate::layer_memory::LayerMemory;
use crate::resnet::{ResNet, ResNetConfig};
use crate::vit::{Vit, VitConfig};

/// Which encoder to build.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EncoderConfig {
    /// A residual network.
    Resnet(ResNetConfig),
    /// A vision transformer.
    Vit(VitConfig),
}

impl Default for EncoderConfig {
    fn default() -> Self {
        Self::Resnet(ResNetConfig::default())
    }
}

impl From<ResNetConfig> for EncoderConfig {
    fn from(config: ResNetConfig) -> Self {
        Self::Resnet(config)
    }
}

impl From<VitConfig> for EncoderConfig {
    fn from(config: VitConfig) -> Self {
        Self::Vit(config)
    }
}

impl EncoderConfig {
    /// Number of features of a representation.
    #[must_use]
    pub fn width(&self) -> usize {
        match self {
            Self::Resnet(config) => config.representation_width(),
            Self::Vit(config) => config.width,
        }
    }

    /// Trained parameters. Meaningful for a configuration that [`validate`](Self::validate)s.
    #[must_use]
    pub fn parameter_count(&self) -> u64 {
        match self {
            Self::Resnet(config) => config.parameter_count(),
            Self::Vit(config) => config.parameter_count(),
        }
    }

    /// What its parts take of memory in training, for one image of `side` pixels in height and width.
    #[must_use]
    pub fn layer_memory(&self, side: usize) -> Vec<LayerMemory> {
        match self {
            Self::Resnet(config) => config.layer_memory(side),
            Self::Vit(config) => vec![config.layer_memory()],
        }
    }

    /// The stages that can be [computed again](seqjepa_nn::Recompute): of a residual network those after the stem, of a vision transformer
    /// one, its layers.
    #[must_use]
    pub fn stages(&self) -> usize {
        match self {
            Self::Resnet(config) => config.depth.blocks().len(),
            Self::Vit(_) => 1,
        }
    }

    /// Channels of an image.
    #[must_use]
    pub fn channels(&self) -> usize {
        match self {
            Self::Resnet(config) => config.channels,
            Self::Vit(config) => config.channels,
        }
    }

    /// Height and width of an image in pixels, if the encoder takes one size only.
    #[must_use]
    pub fn image_size(&self) -> Option<usize> {
        match self {
            Self::Resnet(_) => None,
            Self::Vit(config) => Some(config.image_size),
        }
    }

    /// Checks all values.
    ///
    /// # Errors
    /// [`ModelError::Config`] for the first value out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        match self {
            Self::Resnet(config) => config.validate(),
            Self::Vit(config) => config.validate(),
        }
    }

    /// An encoder with initial values from `rng`.
    ///
    /// # Errors
    /// If [`validate`](Self::validate) fails.
    pub fn init(&self, rng: &mut InitRng, device: &Device) -> Result<AnyEncoder, ModelError> {
        self.validate()?;
        Ok(match self {
            Self::Resnet(config) => AnyEncoder::ResNet(config.init(rng, device)?),
            Self::Vit(config) => AnyEncoder::Vit(config.init(rng, device)?),
        })
    }
}

impl EncoderBlueprint for EncoderConfig {
    type Encoder = AnyEncoder;

    const METHOD: &'static str = "seqjepa";

    fn with_run(self, encoder: EncoderConfig) -> Self {
        encoder
    }

    fn width(&self) -> usize {
        self.width()
    }

    fn parameter_count(&self) -> u64 {
        self.parameter_count()
    }

    fn layer_memory(&self, side: usize) -> Option<Vec<LayerMemory>> {
        Some(self.layer_memory(side))
    }

    fn channels(&self) -> usize {
        self.channels()
    }

    fn image_size(&self) -> Option<usize> {
        self.image_size()
    }

    fn validate(&self) -> Result<(), ModelError> {
        self.validate()
    }

    fn init(&self, rng: &mut InitRng, device: &Device) -> Result<AnyEncoder, ModelError> {
        self.init(rng, device)
    }
}

/// An encoder chosen at run time. Its tensors carry the names of the encoder inside.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a model holds two of them; a box would only be in the way")]
pub enum AnyEncoder {
    /// A residual network.
    ResNet(ResNet),
    /// A vision transformer.
    Vit(Vit),
}

seqjepa_nn::transparent_module!(
    enum AnyEncoder {
        ResNet,
        Vit,
    }
);

impl Encoder for AnyEncoder {
    fn encode(&self, images: Tensor<4>, mode: Mode) -> Tensor<2> {
        match self {
            Self::ResNet(encoder) => encoder.encode(images, mode),
            Self::Vit(encoder) => encoder.encode(images, mode),
        }
    }

    fn width(&self) -> usize {
        match self {
            Self::ResNet(encoder) => encoder.width(),
            Self::Vit(encoder) => encoder.width(),
        }
    }
}

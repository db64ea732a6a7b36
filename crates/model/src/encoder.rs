//! The family of encoders.

use crate::{ModelError, ResNet, ResNetConfig, Vit, VitConfig};
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use seqjepa_nn::{InitRng, Mode};
use serde::{Deserialize, Serialize};

/// Maps images to codes.
pub trait Encoder: Module {
    /// Encodes images `[batch, channels, height, width]` to codes `[batch, code_width]`.
    fn encode(&self, images: Tensor<4>, mode: Mode) -> Tensor<2>;

    /// Features of a code.
    fn code_width(&self) -> usize;
}

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
    /// Features of a code.
    pub fn width(&self) -> usize {
        match self {
            Self::Resnet(config) => config.code_width(),
            Self::Vit(config) => config.width,
        }
    }

    /// Channels of an image.
    pub fn channels(&self) -> usize {
        match self {
            Self::Resnet(config) => config.channels,
            Self::Vit(config) => config.channels,
        }
    }

    /// Height and width of an image in pixels, if the encoder takes one size only.
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

    fn code_width(&self) -> usize {
        match self {
            Self::ResNet(encoder) => encoder.code_width(),
            Self::Vit(encoder) => encoder.code_width(),
        }
    }
}

//! What an encoder is.

use std::fmt::Debug;

use burn::module::{Module, ModuleDisplay};
use burn::tensor::{Device, Tensor};
use seqjepa_nn::{InitRng, Mode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::any_encoder::EncoderConfig;
use crate::error::ModelError;
use crate::layer_memory::LayerMemory;

/// Maps images to representations.
pub trait Encoder: Module + ModuleDisplay + 'static {
    /// Encodes images `[batch, channels, height, width]` to representations, `[batch, width]` with [`width`](Self::width)
    /// features.
    fn encode(&self, images: Tensor<4>, mode: Mode) -> Tensor<2>;

    /// Number of features of a representation.
    fn width(&self) -> usize;
}

/// What an encoder is built from: a value that a config file holds and a checkpoint keeps.
///
/// [`EncoderConfig`] is that of the encoders of this crate. An encoder of one's own has one too, and
/// [`SeqJepaWith`](crate::SeqJepaWith) is seq-JEPA on it, with everything that [`SeqJepa`](crate::SeqJepa) has; the example
/// `custom_encoder` of the repository trains one.
pub trait EncoderBlueprint:
    Clone + Debug + Default + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The encoder.
    type Encoder: Encoder;

    /// The name of seq-JEPA on this encoder in config files, registries and result cards, as `seqjepa_mine`.
    const METHOD: &'static str;

    /// The blueprint in a run whose config describes this encoder in its section `model`. Default: what it was, since the section knows
    /// nothing of encoders of one's own.
    #[must_use]
    fn with_run(self, encoder: EncoderConfig) -> Self {
        let _ = encoder;
        self
    }

    /// Number of features of a representation.
    fn width(&self) -> usize;

    /// Trained parameters. Meaningful for a blueprint that [`validate`](Self::validate)s; allocates nothing.
    fn parameter_count(&self) -> u64;

    /// What its parts take of memory in training, for one image of `side` pixels in height and width; the parameters add up to
    /// [`parameter_count`](Self::parameter_count). Default: nothing, where it is not known.
    fn layer_memory(&self, side: usize) -> Option<Vec<LayerMemory>> {
        let _ = side;
        None
    }

    /// Channels of an image. Default: 3.
    fn channels(&self) -> usize {
        3
    }

    /// Height and width of an image in pixels, if the encoder takes one size only, which is not the default.
    fn image_size(&self) -> Option<usize> {
        None
    }

    /// Checks all values. Default: there is nothing to check.
    ///
    /// # Errors
    /// [`ModelError::Config`] for the first value out of range.
    fn validate(&self) -> Result<(), ModelError> {
        Ok(())
    }

    /// An encoder with initial values from `rng`, all of them, so that a seed means the same everywhere.
    ///
    /// # Errors
    /// If [`validate`](Self::validate) fails.
    fn init(&self, rng: &mut InitRng, device: &Device) -> Result<Self::Encoder, ModelError>;
}

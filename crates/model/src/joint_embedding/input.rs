//! What every method is given by whoever builds it.

use crate::any_encoder::EncoderConfig;
use crate::error::ModelError;
use crate::layer_memory::{LayerMemory, target_encoder};
use crate::limits::size;

/// The encoder and the actions that a method is built for: what a run decides for every method alike, and no key of a method's own
/// section.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputConfig {
    /// The encoder. Default: ResNet-18 of width 64 with the CIFAR stem.
    pub encoder: EncoderConfig,
    /// Numbers in an action. Default: 9.
    pub action_dim: usize,
}

impl Default for InputConfig {
    fn default() -> Self {
        Self { encoder: EncoderConfig::default(), action_dim: 9 }
    }
}

impl InputConfig {
    /// Width D of a representation.
    #[must_use]
    pub fn width(&self) -> usize {
        self.encoder.width()
    }

    /// What a method of these parts takes of memory in training, for images of `side` pixels: an encoder that is trained on
    /// `images` of each sequence, one that is not where `target`, which sees one at a time, and `heads`.
    pub(super) fn layer_memory(
        &self,
        side: usize,
        images: usize,
        target: bool,
        heads: Vec<LayerMemory>,
    ) -> Option<Vec<LayerMemory>> {
        let encoder = self.encoder.layer_memory(side);
        let target = target.then(|| target_encoder(&encoder));
        Some(encoder.into_iter().map(|layer| layer.times(images)).chain(target).chain(heads).collect())
    }

    /// The embedding of one action of each sequence in `width` features: inputs and outputs of a linear map.
    pub(super) fn action_memory(&self, width: usize) -> LayerMemory {
        let kept = (self.action_dim + width) as u64;
        let parameters = (self.action_dim * width) as u64;
        LayerMemory { name: "action embedding", parameters, kept, passing: kept, ..LayerMemory::default() }
    }

    /// Checks both.
    ///
    /// # Errors
    /// [`ModelError::Config`] for the first value out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        self.encoder.validate()?;
        size("action_dim", self.action_dim)
    }
}

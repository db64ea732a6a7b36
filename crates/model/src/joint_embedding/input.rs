//! What every method is given by whoever builds it.

use crate::any_encoder::EncoderConfig;
use crate::error::ModelError;
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

    /// Checks both.
    ///
    /// # Errors
    /// [`ModelError::Config`] for the first value out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        self.encoder.validate()?;
        size("action_dim", self.action_dim)
    }
}

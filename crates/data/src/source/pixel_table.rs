//! Bytes to normalised values.

use std::fmt;

use crate::augment::Normalization;

/// `(byte / 255 - mean) / std` of every byte and channel, computed in f32 in that order, as torchvision's `to_tensor` and
/// `normalize` do.
#[derive(Clone)]
pub(super) struct PixelTable {
    channels: Box<[[f32; 256]; 3]>,
}

impl PixelTable {
    pub(super) fn new(normalization: &Normalization) -> Self {
        let mut channels = Box::new([[0.0; 256]; 3]);
        for (channel, values) in channels.iter_mut().enumerate() {
            let (mean, std) = (normalization.mean[channel], normalization.std[channel]);
            for (byte, value) in (0..=255_u8).zip(values) {
                *value = (f32::from(byte) / 255.0 - mean) / std;
            }
        }
        Self { channels }
    }

    /// The values of red, green and blue, each by byte.
    pub(super) fn channels(&self) -> &[[f32; 256]; 3] {
        &self.channels
    }
}

impl fmt::Debug for PixelTable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PixelTable").finish_non_exhaustive()
    }
}

//! Bytes to normalised values.

use std::fmt;

use super::Normalization;

/// `(byte / 255 - mean) / std` of every byte and channel, computed in f32 in that order, as torchvision's `to_tensor` and
/// `normalize` do.
#[derive(Clone)]
pub struct PixelTable {
    channels: Box<[[f32; 256]; 3]>,
}

impl PixelTable {
    /// That of a normalisation.
    #[must_use]
    pub fn new(normalization: &Normalization) -> Self {
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
    #[must_use]
    pub fn channels(&self) -> &[[f32; 256]; 3] {
        &self.channels
    }

    /// The values of views, each `[3, height, width]` of `pixels` pixels.
    ///
    /// # Panics
    /// If these are no whole views.
    #[must_use]
    pub fn normalize(&self, bytes: &[u8], pixels: usize) -> Vec<f32> {
        let whole = pixels > 0 && bytes.len().is_multiple_of(3 * pixels);
        assert!(whole, "{} bytes are no whole views of 3 x {pixels}", bytes.len());
        let planes = bytes.chunks_exact(pixels).zip(self.channels.iter().cycle());
        planes.flat_map(|(plane, values)| plane.iter().map(|byte| values[usize::from(*byte)])).collect()
    }
}

impl fmt::Debug for PixelTable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PixelTable").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_plane_has_its_own_values() {
        let normalization = Normalization { mean: [0.0, 0.25, 0.5], std: [1.0, 0.5, 0.25] };
        let bytes = [0, 255, 0, 255, 0, 255, 51, 102, 51, 102, 51, 102];
        let found = PixelTable::new(&normalization).normalize(&bytes, 2);
        let value = |byte: u8, channel: usize| {
            (f32::from(byte) / 255.0 - normalization.mean[channel]) / normalization.std[channel]
        };
        let expected: Vec<f32> =
            bytes.iter().enumerate().map(|(place, byte)| value(*byte, place / 2 % 3)).collect();
        assert_eq!(found, expected);
    }
}

//! Batch normalisation of images, alone or with what ends a layer of a residual network (a sum and a rectification), and its
//! gradients.
//!
//! Every pass reads the images in the order in which they lie, a plane (one channel of one image) at a time; what the planes give
//! is added up in f64 in their order. The bits depend neither on the number of threads nor on the instructions.

mod gradient;
mod normalize;
mod statistics;

pub use gradient::batch_norm_gradient;
pub use normalize::normalize;
pub use statistics::batch_statistics;

/// Sizes of a batch of images, `[batch, channels, pixels]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NormShape {
    /// Images, at least 1.
    pub batch: usize,
    /// Channels, which are normalised one by one, at least 1.
    pub channels: usize,
    /// Values of a channel of an image, at least 1.
    pub pixels: usize,
}

impl NormShape {
    /// Number of values of the batch.
    #[must_use]
    pub fn len(&self) -> usize {
        self.batch * self.channels * self.pixels
    }

    /// Whether there is nothing to normalise.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Panics unless there are values, and as many as the slices have.
    fn check(&self, lengths: &[usize], per_channel: &[usize]) {
        assert!(!self.is_empty(), "no values to normalise in {self:?}");
        let whole = lengths.iter().all(|len| *len == self.len());
        assert!(whole, "{} values for {self:?}, found {lengths:?}", self.len());
        let whole = per_channel.iter().all(|len| *len == self.channels);
        assert!(whole, "a value for each of {} channels, found {per_channel:?}", self.channels);
    }

    /// Values of each channel over the batch.
    fn count(&self) -> f64 {
        (self.batch * self.pixels) as f64
    }

    /// Adds up `N` numbers of each plane, by channel.
    fn by_channel<const N: usize>(&self, planes: &[[f64; N]]) -> Vec<[f64; N]> {
        let mut totals = vec![[0.0; N]; self.channels];
        for image in planes.chunks_exact(self.channels) {
            for (totals, plane) in totals.iter_mut().zip(image) {
                for (total, value) in totals.iter_mut().zip(plane) {
                    *total += value;
                }
            }
        }
        totals
    }

    /// Planes that are worth handing to another thread.
    fn planes_per_task(&self) -> usize {
        const TASK_VALUES: usize = 16 * 1024;
        TASK_VALUES.div_ceil(self.pixels)
    }
}

fn inverse_deviation(variance: f32, epsilon: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "the layer's epsilon is added in f32, as in PyTorch")]
    let epsilon = epsilon as f32;
    1.0 / (variance + epsilon).sqrt()
}

#[cfg(test)]
mod tests;

//! What an encoder is.

use burn::module::Module;
use burn::tensor::Tensor;
use seqjepa_nn::Mode;

/// Maps images to representations.
pub trait Encoder: Module {
    /// Encodes images `[batch, channels, height, width]` to representations, `[batch, width]` with [`width`](Self::width)
    /// features.
    fn encode(&self, images: Tensor<4>, mode: Mode) -> Tensor<2>;

    /// Number of features of a representation.
    fn width(&self) -> usize;
}

//! Multi-head self-attention.

use crate::linear::affine;
use crate::precision::matmul;
use crate::recompute::value;
use crate::{DropoutMasks, InitRng, Linear};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, activation::softmax};

/// Self-attention with the parameters of `torch.nn.MultiheadAttention`: query, key and value
/// projections are packed into one matrix.
#[derive(Module, Debug)]
pub struct MultiHeadAttention {
    /// Query, key and value projections stacked, `[3 width, width]`.
    pub in_proj_weight: Param<Tensor<2>>,
    /// Biases of the three projections, `[3 width]`.
    pub in_proj_bias: Param<Tensor<1>>,
    /// Projection of the concatenated heads.
    pub out_proj: Linear,
    heads: usize,
}

impl MultiHeadAttention {
    /// Attention over tokens of `width` features with `heads` heads, and PyTorch's values: the packed
    /// weight Xavier-uniform as one `[3 width, width]` matrix, the output weight U(-1/√width, 1/√width),
    /// zero biases.
    ///
    /// # Panics
    /// If `heads` does not divide `width`.
    pub fn new(width: usize, heads: usize, rng: &mut InitRng, device: &Device) -> Self {
        assert!(
            heads > 0 && width.is_multiple_of(heads),
            "{heads} attention heads cannot share {width} features"
        );
        let bound = (6.0 / (4 * width) as f64).sqrt();
        let in_proj_weight = rng.uniform([3 * width, width], bound, device);
        let mut out_proj = Linear::without_bias(width, width, rng, device);
        out_proj.bias = Some(Param::from_tensor(Tensor::zeros([width], device)));
        Self {
            in_proj_weight: Param::from_tensor(in_proj_weight),
            in_proj_bias: Param::from_tensor(Tensor::zeros([3 * width], device)),
            out_proj,
            heads,
        }
    }

    /// Every token attends to every token: `[batch, tokens, width]` to the same shape. With masks, the
    /// attention weights are dropped with probability `dropout`.
    #[must_use]
    pub fn forward(&self, input: Tensor<3>, dropout: f64, masks: Option<&mut DropoutMasks>) -> Tensor<3> {
        let [batch, tokens, width] = input.dims();
        let head_width = width / self.heads;
        let packed = affine(input, value(&self.in_proj_weight), Some(value(&self.in_proj_bias)));
        // [3, batch, heads, tokens, head_width]
        let split = packed.reshape([batch, tokens, 3, self.heads, head_width]).permute([2, 0, 3, 1, 4]);
        let part =
            |index: usize| split.clone().narrow(0, index, 1).reshape([batch, self.heads, tokens, head_width]);
        let query = part(0).mul_scalar(1.0 / (head_width as f64).sqrt());
        let weights = softmax(matmul(query, part(1).swap_dims(2, 3)), 3);
        let weights = match masks {
            Some(masks) => masks.apply(weights, dropout),
            None => weights,
        };
        let mixed = matmul(weights, part(2)).swap_dims(1, 2).reshape([batch, tokens, width]);
        self.out_proj.forward(mixed)
    }
}

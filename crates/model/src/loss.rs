//! The prediction loss.

use burn::tensor::Tensor;

/// Smallest norm that is divided by, as in `torch.nn.CosineSimilarity`.
const EPSILON: f64 = 1e-8;

/// Mean over the batch of `1 - cos(prediction, target)`, in `[0, 2]`; both `[batch, features]`, the result
/// `[1]`.
#[must_use]
pub fn cosine_distance(prediction: Tensor<2>, target: Tensor<2>) -> Tensor<1> {
    let similarity = (normalized(prediction) * normalized(target)).sum_dim(1);
    similarity.mean().neg().add_scalar(1.0)
}

/// Rows divided by max(norm, ε). The maximum is taken before the root, whose gradient at 0 is infinite.
pub(crate) fn normalized(rows: Tensor<2>) -> Tensor<2> {
    let norm = rows.clone().square().sum_dim(1).clamp_min(EPSILON * EPSILON).sqrt();
    rows / norm
}

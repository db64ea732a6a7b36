//! The contrastive loss of two views.

use burn::tensor::{Bool, Tensor};
use seqjepa_nn::matmul_in_f32;

use crate::loss::normalized;

/// The normalised temperature-scaled cross-entropy of `first` and `second`, both `[batch, features]`, row by row the two views of an
/// image (Chen et al. 2020, arXiv 2002.05709, equation 1): the mean over all 2 · batch rows of
///
/// ```text
/// -log( exp(cos(y_i, y_j) / T) / Σ_{k ≠ i} exp(cos(y_i, y_k) / T) )
/// ```
///
/// with j the other view of the image of i and k over all rows of both views. Returns `[1]`.
#[must_use]
pub fn nt_xent(first: Tensor<2>, second: Tensor<2>, temperature: f64) -> Tensor<1> {
    let [batch, _] = first.dims();
    let (first, second) = (normalized(first), normalized(second));
    let positive = (first.clone() * second.clone()).sum_dim(1).div_scalar(temperature);
    let rows = Tensor::cat(vec![first, second], 0);
    let similarity = matmul_in_f32(rows.clone(), rows.transpose()).div_scalar(temperature);
    // A row is no negative of itself.
    let others = Tensor::<2, Bool>::diag_mask([2 * batch, 2 * batch], 0, &similarity.device());
    let similarity = similarity.mask_fill(others.bool_not(), f32::NEG_INFINITY);
    // Subtracting the largest keeps the exponentials finite, and changes neither value nor gradient.
    let largest = similarity.clone().detach().max_dim(1);
    let partition = (similarity - largest.clone()).exp().sum_dim(1).log() + largest;
    partition.mean() - positive.mean()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use seqjepa_nn::host::read_scalar;

    fn orthogonal(batch: usize) -> Tensor<2> {
        Tensor::<2>::eye(batch, &Device::flex()).mul_scalar(3.0)
    }

    #[test]
    fn aligned_pairs_of_orthogonal_images_leave_the_negatives_alone() {
        // One positive of cosine 1, 2 (B - 1) negatives of cosine 0.
        for (batch, temperature) in [(2, 0.5_f64), (5, 0.5), (5, 0.1)] {
            let expected = (1.0 + 2.0 * (batch as f64 - 1.0) * (-1.0 / temperature).exp()).ln();
            let found = read_scalar(nt_xent(orthogonal(batch), orthogonal(batch), temperature));
            // The difference of two numbers of about 1 / T.
            let tolerance = 4.0 * f64::from(f32::EPSILON) / temperature;
            assert!(
                (found - expected).abs() < tolerance,
                "{batch}, {temperature}: {found}, expected {expected}"
            );
        }
    }

    #[test]
    fn rows_that_are_all_alike_cost_the_log_of_their_number() {
        let rows = Tensor::<2>::ones([4, 3], &Device::flex());
        let found = read_scalar(nt_xent(rows.clone(), rows, 0.5));
        assert!((found - 7.0_f64.ln()).abs() < 1e-6, "{found}");
    }

    #[test]
    fn neither_the_order_of_images_nor_that_of_views_matters() {
        let device = Device::flex();
        let rows = |values: [[f32; 2]; 3]| Tensor::<2>::from_data(values, &device);
        let first = [[1.0, 0.2], [-0.3, 0.8], [0.5, -1.0]];
        let second = [[0.9, 0.4], [-0.1, 0.7], [-0.6, -0.9]];
        let turned = |[a, b, c]: [[f32; 2]; 3]| [c, a, b];
        let loss = |first, second| read_scalar(nt_xent(rows(first), rows(second), 0.5));
        let expected = loss(first, second);
        assert!((loss(turned(first), turned(second)) - expected).abs() < 1e-6);
        assert!((loss(second, first) - expected).abs() < 1e-6);
        assert!((loss(first, turned(second)) - expected).abs() > 0.1, "pairs are not told apart");
    }

    #[test]
    fn a_low_temperature_stays_finite() {
        let device = Device::flex().autodiff();
        let first = Tensor::<2>::from_data([[1.0, 0.0], [0.0, 1.0]], &device).require_grad();
        let loss = nt_xent(first.clone(), first.clone().neg(), 0.001);
        let gradients = loss.backward();
        let gradient = first.grad(&gradients).expect("the loss depends on it");
        assert!(seqjepa_nn::host::read(gradient).iter().all(|value| value.is_finite()));
    }
}

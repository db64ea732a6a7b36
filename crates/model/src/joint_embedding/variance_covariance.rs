//! The two regularisers of VICReg (Bardes, Ponce & LeCun 2022, arXiv 2105.04906, section 4.1).

use burn::tensor::{Bool, Tensor};
use seqjepa_nn::matmul_in_f32;

use crate::layer_memory::LayerMemory;

/// Added to a variance before the root, whose gradient at 0 is infinite.
const EPSILON: f64 = 1e-4;

/// How far the deviations of features over the batch fall short of 1: the mean over the features of
/// `max(0, 1 - sqrt(var + 1e-4))`, var unbiased. `embeddings` is `[batch, features]`, the result `[1]`.
///
/// A batch of one has no variance; it falls short wholly.
#[must_use]
pub fn variance_shortfall(embeddings: Tensor<2>) -> Tensor<1> {
    let degrees = degrees_of_freedom(&embeddings);
    let variance = centred(embeddings).square().sum_dim(0).div_scalar(degrees);
    let deviation = variance.add_scalar(EPSILON).sqrt();
    deviation.neg().add_scalar(1.0).clamp_min(0.0).mean()
}

/// The sum of the squared covariances of different features over the batch, divided by the number of features. `embeddings` is
/// `[batch, features]`, the result `[1]`.
#[must_use]
pub fn covariance_penalty(embeddings: Tensor<2>) -> Tensor<1> {
    let [_, features] = embeddings.dims();
    let degrees = degrees_of_freedom(&embeddings);
    let centred = centred(embeddings);
    let covariance = matmul_in_f32(centred.clone().transpose(), centred).div_scalar(degrees);
    let different = Tensor::<2, Bool>::diag_mask([features, features], 0, &covariance.device());
    covariance.mask_fill(different.bool_not(), 0.0).square().sum().div_scalar(features as f64)
}

/// What [`covariance_penalty`] of `batches` batches of `features` features takes of memory in training: each time the matrix, and which of
/// its values count, a byte each.
pub(super) fn covariance_memory(features: usize, batches: u64) -> LayerMemory {
    let matrix = (features as u64).pow(2);
    let fixed = batches * (matrix + matrix / 4);
    LayerMemory { name: "covariance", fixed, ..LayerMemory::default() }
}

fn centred(rows: Tensor<2>) -> Tensor<2> {
    rows.clone() - rows.mean_dim(0)
}

fn degrees_of_freedom(rows: &Tensor<2>) -> f64 {
    let [batch, _] = rows.dims();
    (batch.max(2) - 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use seqjepa_nn::host::read_scalar;

    fn rows<const B: usize>(values: [[f32; 2]; B]) -> Tensor<2> {
        Tensor::from_data(values, &Device::flex())
    }

    #[test]
    fn features_that_vary_enough_and_alone_cost_nothing() {
        let embeddings = rows([[2.0, 2.0], [2.0, -2.0], [-2.0, 2.0], [-2.0, -2.0]]);
        assert_eq!(read_scalar(variance_shortfall(embeddings.clone())), 0.0);
        assert_eq!(read_scalar(covariance_penalty(embeddings)), 0.0);
    }

    #[test]
    fn features_that_are_constant_fall_short_by_nearly_all() {
        let constant = variance_shortfall(rows([[3.0, -1.0], [3.0, -1.0], [3.0, -1.0]]));
        assert!((read_scalar(constant) - 0.99).abs() < 1e-6);
        assert!((read_scalar(variance_shortfall(rows([[3.0, -1.0]]))) - 0.99).abs() < 1e-6);
        assert_eq!(read_scalar(covariance_penalty(rows([[3.0, -1.0]]))), 0.0);
    }

    #[test]
    fn features_that_say_the_same_are_penalised_by_their_covariance() {
        // Both have the unbiased variance 2: twice 2² over 2 features.
        let embeddings = rows([[1.0, 1.0], [-1.0, -1.0]]);
        assert!((read_scalar(covariance_penalty(embeddings)) - 4.0).abs() < 1e-6);
    }

    #[test]
    fn the_order_of_the_batch_and_a_shift_do_not_matter() {
        let first = [[0.1, 0.5], [0.4, -0.3], [-0.2, 0.9]];
        let second = [[5.4, -0.3], [4.8, 0.9], [5.1, 0.5]];
        for term in [variance_shortfall, covariance_penalty] {
            let [first, second] = [first, second].map(|values| read_scalar(term(rows(values))));
            assert!((first - second).abs() < 1e-6, "{first} {second}");
        }
    }
}

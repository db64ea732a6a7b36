//! The coding rate of a batch.

use burn::tensor::Tensor;
use seqjepa_nn::matmul_in_f32;

use super::log_determinant::log_determinant;

/// Added to the identity.
const EPSILON: f64 = 1e-4;

/// How many ways the rows of a batch, `[batch, features]`, differ in: `log det((1 + 1e-4) I + alpha C)`, `[1]`, with
/// `C = Zᵀ Z / batch` of the centred rows (Yu et al. 2020, arXiv 2006.08558, section 2; Wu et al. 2025, arXiv 2502.10385).
#[must_use]
pub fn coding_rate(rows: Tensor<2>, alpha: f64) -> Tensor<1> {
    let [batch, features] = rows.dims();
    let centred = rows.clone() - rows.mean_dim(0);
    // Zᵀ Z and Z Zᵀ have the same eigenvalues but zeros; the smaller of the two is taken, and what it lacks added.
    let gram = if batch < features {
        matmul_in_f32(centred.clone(), centred.transpose())
    } else {
        matmul_in_f32(centred.clone().transpose(), centred)
    };
    let [size, _] = gram.dims();
    let identity = Tensor::<2>::eye(size, &gram.device()).mul_scalar(1.0 + EPSILON);
    let lacking = (features - size) as f64 * (1.0 + EPSILON).ln();
    log_determinant(gram.mul_scalar(alpha / batch as f64) + identity).add_scalar(lacking)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use seqjepa_nn::InitRng;
    use seqjepa_nn::host::read_scalar;

    #[test]
    fn rows_that_are_alike_have_next_to_none() {
        let rows = Tensor::<2>::ones([5, 3], &Device::flex());
        let found = read_scalar(coding_rate(rows, 1.0));
        assert!((found - 3.0 * 1.0001_f64.ln()).abs() < 1e-6, "{found}");
    }

    #[test]
    fn it_is_the_sum_over_the_eigenvalues() {
        // Two features without covariance, variances 4 and 1.
        let rows = [[2.0, 1.0], [2.0, -1.0], [-2.0, 1.0], [-2.0, -1.0]];
        let found = read_scalar(coding_rate(Tensor::<2>::from_data(rows, &Device::flex()), 0.5));
        let expected = (3.0001_f64).ln() + (1.5001_f64).ln();
        assert!((found - expected).abs() < 1e-6, "{found}, expected {expected}");
    }

    #[test]
    fn the_smaller_product_has_the_same_rate() {
        let device = Device::flex();
        let rows: Tensor<2> = InitRng::new(1).normal([5, 7], 1.0, &device);
        let few = read_scalar(coding_rate(rows.clone(), 1.0));
        let centred = rows.clone() - rows.mean_dim(0);
        let whole = centred.clone().transpose().matmul(centred).div_scalar(5.0);
        let identity = Tensor::<2>::eye(7, &device).mul_scalar(1.0 + EPSILON);
        let many = read_scalar(log_determinant(whole + identity));
        assert!((few - many).abs() < 1e-4 * many, "{few} {many}");
    }
}

//! The logarithm of a determinant, with its gradient.

use burn::tensor::Tensor;
use seqjepa_nn::matmul_in_f32;

/// The logarithm of the determinant of a symmetric positive definite matrix, `[1]`.
///
/// Its gradient is the inverse, which the same elimination gives; no operation of the elimination itself is recorded.
pub(super) fn log_determinant(matrix: Tensor<2>) -> Tensor<1> {
    let (inverse, value) = eliminate(matrix.clone().without_autodiff());
    let linear = (matrix * inverse).sum();
    linear.clone() - linear.detach() + value
}

/// Inverse and logarithm of the determinant, by halves: with the matrix in four blocks A, B, Bᵀ, D and the Schur complement
/// S = D - Bᵀ A⁻¹ B, det M = det A · det S. Of a positive definite matrix A and S are so too, and no pivot is sought.
fn eliminate(matrix: Tensor<2>) -> (Tensor<2>, Tensor<1>) {
    let [size, _] = matrix.dims();
    if size == 1 {
        return (matrix.clone().recip(), matrix.log().reshape([1]));
    }
    let (upper, lower) = (size / 2, size - size / 2);
    let block = |[row, rows]: [usize; 2], [column, columns]: [usize; 2]| {
        matrix.clone().narrow(0, row, rows).narrow(1, column, columns)
    };
    let a = block([0, upper], [0, upper]);
    let b = block([0, upper], [upper, lower]);
    let d = block([upper, lower], [upper, lower]);
    let (a_inverse, a_log) = eliminate(a);
    let solved = matmul_in_f32(a_inverse.clone(), b.clone());
    let (s_inverse, s_log) = eliminate(d - matmul_in_f32(b.transpose(), solved.clone()));
    let right = matmul_in_f32(solved.clone(), s_inverse.clone()).neg();
    let left = a_inverse - matmul_in_f32(right.clone(), solved.transpose());
    let rows = [vec![left, right.clone()], vec![right.transpose(), s_inverse]];
    let rows = rows.map(|row| Tensor::cat(row, 1));
    (Tensor::cat(rows.into(), 0), a_log + s_log)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use seqjepa_nn::InitRng;
    use seqjepa_nn::host::{read, read_scalar};

    fn positive(size: usize, device: &Device) -> Tensor<2> {
        let rows: Tensor<2> = InitRng::new(size as u64).normal([size, size], 1.0, device);
        rows.clone().matmul(rows.transpose()) + Tensor::<2>::eye(size, device)
    }

    #[test]
    fn a_determinant_that_is_known() {
        let device = Device::flex();
        let matrix = Tensor::<2>::from_data([[2.0, 1.0, 0.0], [1.0, 2.0, 1.0], [0.0, 1.0, 2.0]], &device);
        assert!((read_scalar(log_determinant(matrix)) - 4.0_f64.ln()).abs() < 1e-6);
        let diagonal = Tensor::<2>::eye(7, &device).mul_scalar(3.0);
        assert!((read_scalar(log_determinant(diagonal)) - 7.0 * 3.0_f64.ln()).abs() < 1e-5);
    }

    #[test]
    fn the_gradient_is_the_inverse() {
        let device = Device::flex().autodiff();
        for size in [1, 2, 5, 16, 33] {
            let matrix = positive(size, &device).require_grad();
            let gradients = log_determinant(matrix.clone()).backward();
            let gradient = matrix.grad(&gradients).expect("it depends on the matrix");
            let product = read(gradient.matmul(matrix.without_autodiff()));
            for (index, value) in product.iter().enumerate() {
                let expected = if index % (size + 1) == 0 { 1.0 } else { 0.0 };
                assert!((value - expected).abs() < 2e-3, "{size}: {value}, expected {expected}");
            }
        }
    }
}

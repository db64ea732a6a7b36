//! Dense algebra whose bits do not depend on the number of threads.
//!
//! The work is cut into pieces by sizes alone; each piece runs on one thread, and sums of pieces are
//! taken in a fixed order. faer's own parallelism is never switched on.

use std::ops::Range;

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt;
use faer::linalg::{evd, matmul, qr, svd};
use faer::traits::ComplexField;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use rayon::prelude::*;

use crate::error::NumericError;
use crate::features::Features;

/// `out = left * right`, or added to `out`, on the calling thread.
pub(crate) fn multiply_into<T: ComplexField>(
    out: MatMut<'_, T>,
    accumulate: Accum,
    left: MatRef<'_, T>,
    right: MatRef<'_, T>,
) {
    matmul::matmul(out, accumulate, left, right, T::one_impl(), Par::Seq);
    clear_upper_registers();
}

/// To be called after faer has been: its AVX kernels (0.24) return with the upper halves of the vector
/// registers in use, and until they are cleared, code without AVX runs at a fraction of its speed;
/// `exp` took 40 times as long.
fn clear_upper_registers() {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx") {
        // SAFETY: the processor has AVX, and the registers' upper halves hold nothing across a call.
        unsafe { std::arch::x86_64::_mm256_zeroupper() }
    }
}

/// Rows of features that are widened to f64 at a time.
pub(crate) const CHUNK: usize = 4096;

/// Rows of one product on one thread.
pub(crate) const BLOCK: usize = 256;

/// Columns of one tile of a Gram matrix.
const TILE: usize = 128;

/// `out = left * right` on the calling thread, for row-major `left` `[rows, right.nrows()]` and
/// `out` `[rows, right.ncols()]`.
pub(crate) fn multiply(out: &mut [f64], left: &[f64], right: MatRef<'_, f64>) {
    let (inner, columns) = (right.nrows(), right.ncols());
    let rows = out.len() / columns;
    let left = MatRef::from_row_major_slice(left, rows, inner);
    let out = MatMut::from_row_major_slice_mut(out, rows, columns);
    multiply_into(out, Accum::Replace, left, right);
}

/// A product on the calling thread.
pub(crate) fn product(left: MatRef<'_, f64>, right: MatRef<'_, f64>) -> Mat<f64> {
    let mut out = Mat::zeros(left.nrows(), right.ncols());
    multiply_into(out.as_mut(), Accum::Replace, left, right);
    out
}

/// `out += leftᵀ * right` on the calling thread, for row-major `left` `[rows, out.nrows()]` and
/// `right` `[rows, out.ncols()]`.
pub(crate) fn add_transposed_product(out: MatMut<'_, f64>, left: &[f64], right: &[f64]) {
    let rows = left.len() / out.nrows();
    let left = MatRef::from_row_major_slice(left, rows, out.nrows());
    let right = MatRef::from_row_major_slice(right, rows, out.ncols());
    multiply_into(out, Accum::Add, left.transpose(), right);
}

/// The sum of `xᵀ x` over chunks of rows: a symmetric matrix whose tiles grow in parallel, each
/// always by the same chunks in the same order.
pub(crate) struct Gram {
    width: usize,
    tiles: Vec<(Range<usize>, Range<usize>, Mat<f64>)>,
}

impl Gram {
    pub(crate) fn new(width: usize) -> Self {
        let range = |tile: usize| tile * TILE..((tile + 1) * TILE).min(width);
        let tile = |row: usize, column: usize| {
            let (rows, columns) = (range(row), range(column));
            let zeros = Mat::zeros(rows.len(), columns.len());
            (rows, columns, zeros)
        };
        let count = width.div_ceil(TILE);
        let tiles = (0..count).flat_map(|row| (0..=row).map(move |column| (row, column)));
        Self { width, tiles: tiles.map(|(row, column)| tile(row, column)).collect() }
    }

    /// Takes in rows, row-major `[rows, width]`.
    pub(crate) fn add(&mut self, rows: &[f64]) {
        let chunk = MatRef::from_row_major_slice(rows, rows.len() / self.width, self.width);
        self.tiles.par_iter_mut().for_each(|(rows, columns, tile)| {
            let left = chunk.subcols(rows.start, rows.len());
            let right = chunk.subcols(columns.start, columns.len());
            multiply_into(tile.as_mut(), Accum::Add, left.transpose(), right);
        });
    }

    pub(crate) fn finish(self) -> Mat<f64> {
        let mut gram = Mat::zeros(self.width, self.width);
        for (rows, columns, tile) in &self.tiles {
            for (j, column) in columns.clone().enumerate() {
                for (i, row) in rows.clone().enumerate() {
                    gram[(row, column)] = tile[(i, j)];
                    gram[(column, row)] = tile[(i, j)];
                }
            }
        }
        gram
    }
}

/// The Cholesky factor of a matrix, in its lower triangle; nothing for one that is not positive definite.
pub(crate) fn cholesky(mut matrix: Mat<f64>) -> Option<Mat<f64>> {
    let size = matrix.nrows();
    let scratch = llt::factor::cholesky_in_place_scratch::<f64>(size, Par::Seq, Default::default());
    let mut memory = MemBuffer::new(scratch);
    let stack = MemStack::new(&mut memory);
    let (none, parameters) = (Default::default(), Default::default());
    let factorised = llt::factor::cholesky_in_place(matrix.as_mut(), none, Par::Seq, stack, parameters);
    clear_upper_registers();
    factorised.is_ok().then_some(matrix)
}

/// Solves `matrix x = right` in place by the matrix's [`cholesky`] factor.
pub(crate) fn solve_by_cholesky(factor: &Mat<f64>, right: &mut [f64]) {
    let size = factor.nrows();
    let right = MatMut::from_column_major_slice_mut(right, size, 1);
    let mut memory = MemBuffer::new(llt::solve::solve_in_place_scratch::<f64>(size, 1, Par::Seq));
    llt::solve::solve_in_place(factor.as_ref(), right, Par::Seq, MemStack::new(&mut memory));
    clear_upper_registers();
}

/// Eigenvalues in ascending order, those below 0 by rounding set to 0, and eigenvectors as columns
/// of a symmetric matrix that has no negative eigenvalue.
pub(crate) fn eigen(matrix: MatRef<'_, f64>) -> Result<(Vec<f64>, Mat<f64>), NumericError> {
    let size = matrix.nrows();
    let mut values = Diag::<f64>::zeros(size);
    let mut vectors = Mat::<f64>::zeros(size, size);
    let scratch = evd::self_adjoint_evd_scratch::<f64>(
        size,
        evd::ComputeEigenvectors::Yes,
        Par::Seq,
        Default::default(),
    );
    evd::self_adjoint_evd(
        matrix,
        values.as_mut(),
        Some(vectors.as_mut()),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    )
    .map_err(|_| NumericError::Decomposition { what: "eigendecomposition", size })?;
    clear_upper_registers();
    let values = values.column_vector().iter().map(|value| value.max(0.0)).collect();
    Ok((values, vectors))
}

/// Singular values of every `stride`-th row, in descending order, `min(rows, width)` of them.
///
/// Tall features go through QR decompositions of fixed pieces first, which keep singular values to
/// f64 precision and need no memory for all rows.
pub(crate) fn singular_values(features: &Features<'_>, stride: usize) -> Result<Vec<f64>, NumericError> {
    let (samples, width) = (features.samples().div_ceil(stride), features.width());
    let piece = CHUNK.max(4 * width);
    let widened = |rows: Range<usize>| {
        let mut values = vec![0.0; rows.len() * width];
        for (out, row) in values.chunks_exact_mut(width).zip(rows) {
            features.copy_row(row * stride, out, |_, value| value);
        }
        values
    };
    if samples <= 2 * width {
        let values = widened(0..samples);
        return values_of(MatRef::from_row_major_slice(&values, samples, width).to_owned());
    }
    let factors: Vec<Mat<f64>> = (0..samples.div_ceil(piece))
        .into_par_iter()
        .map(|index| {
            let rows = index * piece..((index + 1) * piece).min(samples);
            let count = rows.len();
            triangle(MatRef::from_row_major_slice(&widened(rows), count, width).to_owned())
        })
        .collect();
    let factor = factors.into_iter().reduce(|above, below| {
        let mut stacked = Mat::zeros(above.nrows() + below.nrows(), width);
        stacked.subrows_mut(0, above.nrows()).copy_from(&above);
        stacked.subrows_mut(above.nrows(), below.nrows()).copy_from(&below);
        triangle(stacked)
    });
    factor.map_or(Ok(Vec::new()), values_of)
}

/// The triangular factor of a QR decomposition, `[min(rows, columns), columns]`.
fn triangle(mut matrix: Mat<f64>) -> Mat<f64> {
    let (rows, columns) = (matrix.nrows(), matrix.ncols());
    let size = rows.min(columns);
    let block = qr::no_pivoting::factor::recommended_block_size::<f64>(rows, columns);
    let mut coefficients = Mat::zeros(block, size);
    let scratch = qr::no_pivoting::factor::qr_in_place_scratch::<f64>(
        rows,
        columns,
        block,
        Par::Seq,
        Default::default(),
    );
    qr::no_pivoting::factor::qr_in_place(
        matrix.as_mut(),
        coefficients.as_mut(),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    );
    clear_upper_registers();
    Mat::from_fn(size, columns, |row, column| if row <= column { matrix[(row, column)] } else { 0.0 })
}

fn values_of(matrix: Mat<f64>) -> Result<Vec<f64>, NumericError> {
    let (rows, columns) = (matrix.nrows(), matrix.ncols());
    let size = rows.min(columns);
    let mut values = Diag::<f64>::zeros(size);
    let none = svd::ComputeSvdVectors::No;
    let scratch = svd::svd_scratch::<f64>(rows, columns, none, none, Par::Seq, Default::default());
    svd::svd(
        matrix.as_ref(),
        values.as_mut(),
        None,
        None,
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    )
    .map_err(|_| NumericError::Decomposition { what: "singular value decomposition", size })?;
    clear_upper_registers();
    Ok(values.column_vector().iter().map(|value| value.max(0.0)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(count: usize) -> Vec<f32> {
        (0..count).map(|index| ((index * index % 97) as f32 * 0.37).sin()).collect()
    }

    fn wide(values: &[f32]) -> Vec<f64> {
        values.iter().map(|value| f64::from(*value)).collect()
    }

    #[test]
    fn gram_is_the_sum_of_products() {
        let (rows, width) = (70, 131);
        let x = wide(&values(rows * width));
        let mut gram = Gram::new(width);
        gram.add(&x[..30 * width]);
        gram.add(&x[30 * width..]);
        let gram = gram.finish();
        for (i, j) in [(0, 0), (5, 130), (130, 5), (128, 127), (130, 130)] {
            let expected: f64 = (0..rows).map(|row| x[row * width + i] * x[row * width + j]).sum();
            assert!((gram[(i, j)] - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn eigenvectors_rebuild_the_matrix() {
        let width = 40;
        let mut gram = Gram::new(width);
        gram.add(&wide(&values(30 * width)));
        let gram = gram.finish();
        let (values, vectors) = eigen(gram.as_ref()).unwrap();
        assert!(values.windows(2).all(|pair| pair[0] <= pair[1]));
        assert!(values[0] >= 0.0);
        for (i, j) in [(0, 0), (3, 7), (39, 12)] {
            let sum: f64 = (0..width).map(|k| vectors[(i, k)] * values[k] * vectors[(j, k)]).sum();
            assert!((sum - gram[(i, j)]).abs() < 1e-11, "{sum}");
        }
    }

    #[test]
    fn a_positive_matrix_is_solved_and_another_refused() {
        let matrix = |shift: f64| {
            Mat::from_fn(5, 5, |i, j| ((i + j) as f64).cos() + if i == j { 3.0 + shift } else { 0.0 })
        };
        let expected = [1.0, -2.0, 3.0, 0.5, 0.0];
        let row = |i: usize| (0..5).map(|j| matrix(0.0)[(i, j)] * expected[j]).sum::<f64>();
        let mut right: Vec<f64> = (0..5).map(row).collect();
        solve_by_cholesky(&cholesky(matrix(0.0)).unwrap(), &mut right);
        assert!(right.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-12));
        assert!(cholesky(matrix(-9.0)).is_none());
    }

    #[test]
    fn singular_values_square_to_eigenvalues_at_any_height() {
        let width = 8;
        for rows in [1, 5, 8, 17, CHUNK + 3, 3 * CHUNK] {
            let data = values(rows * width);
            let features = Features::new(&data, width).unwrap();
            let singular = singular_values(&features, 1).unwrap();
            assert_eq!(singular.len(), rows.min(width));
            let mut gram = Gram::new(width);
            gram.add(&wide(&data));
            let (squares, _) = eigen(gram.finish().as_ref()).unwrap();
            for (value, square) in singular.iter().zip(squares.iter().rev()) {
                assert!((value * value - square).abs() < 1e-10 * rows as f64, "{rows}: {value} {square}");
            }
        }
    }

    #[test]
    fn products_by_blocks_are_products() {
        let (rows, inner, columns) = (BLOCK + 5, 9, 4);
        let left = wide(&values(rows * inner));
        let right = Mat::from_fn(inner, columns, |i, j| (i as f64 - j as f64).cos());
        let mut out = vec![0.0; rows * columns];
        for (out, left) in out.chunks_mut(BLOCK * columns).zip(left.chunks(BLOCK * inner)) {
            multiply(out, left, right.as_ref());
        }
        for (row, column) in [(0, 0), (BLOCK, 3), (rows - 1, 1)] {
            let expected: f64 = (0..inner).map(|k| left[row * inner + k] * right[(k, column)]).sum();
            assert!((out[row * columns + column] - expected).abs() < 1e-12);
        }
        let mut sum = Mat::from_fn(inner, columns, |_, _| 1.0);
        add_transposed_product(sum.as_mut(), &left, &out);
        let expected: f64 = (0..rows).map(|row| left[row * inner + 2] * out[row * columns + 1]).sum();
        assert!((sum[(2, 1)] - 1.0 - expected).abs() < 1e-10);
    }
}

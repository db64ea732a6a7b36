//! The product of two matrices, at each point: `out[row] (+)= Σ_term left[row][term] * right[term]`.

use crate::simd::Vector;

/// A matrix, `values[row * row_stride + term * term_stride]`.
#[derive(Clone, Copy)]
pub(super) struct Left {
    pub(super) values: *const f32,
    pub(super) row_stride: usize,
    pub(super) term_stride: usize,
}

/// A product of matrices; those of vectors have rows of `columns` values, a multiple of the lanes, `*_stride` apart.
#[derive(Clone, Copy)]
pub(super) struct Product {
    pub(super) left: Left,
    pub(super) right: *const f32,
    pub(super) right_stride: usize,
    pub(super) out: *mut f32,
    pub(super) out_stride: usize,
    pub(super) rows: usize,
    pub(super) terms: usize,
    pub(super) columns: usize,
    /// Whether the product is added to `out`, rather than written.
    pub(super) accumulate: bool,
}

impl Product {
    /// Computes it.
    ///
    /// # Safety
    ///
    /// As [`Vector`]; the pointers are valid for the matrices, and `out` overlaps neither factor.
    #[inline(always)]
    pub(super) unsafe fn run<V: Vector>(&self) {
        // SAFETY: the caller upholds what the panels ask.
        unsafe {
            let mut column = 0;
            match V::REGISTERS {
                32 => {
                    column = self.panels::<V, 4, 6>(column);
                    column = self.panels::<V, 2, 12>(column);
                    self.panels::<V, 1, 16>(column);
                }
                16 => {
                    column = self.panels::<V, 2, 6>(column);
                    self.panels::<V, 1, 12>(column);
                }
                _ => {
                    self.panels::<V, 1, 4>(column);
                }
            }
        }
    }

    /// The columns from `column` on, `VECTORS` vectors at a time as long as there are as many; returns where it stopped.
    #[inline(always)]
    unsafe fn panels<V: Vector, const VECTORS: usize, const ROWS: usize>(&self, mut column: usize) -> usize {
        while column + VECTORS * V::LANES <= self.columns {
            let mut row = 0;
            while row < self.rows {
                // Tiles of about the same height, so that none is too low for the latency of an addition.
                let left = self.rows - row;
                let rows = left.div_ceil(left.div_ceil(ROWS));
                // SAFETY: rows and columns within the matrices.
                unsafe {
                    match rows {
                        1 => self.tile::<V, VECTORS, 1>(row, column),
                        2 => self.tile::<V, VECTORS, 2>(row, column),
                        3 => self.tile::<V, VECTORS, 3>(row, column),
                        4 => self.tile::<V, VECTORS, 4>(row, column),
                        5 => self.tile::<V, VECTORS, 5>(row, column),
                        6 => self.tile::<V, VECTORS, 6>(row, column),
                        _ => self.high::<V, VECTORS, ROWS>(row, column, rows),
                    }
                }
                row += rows;
            }
            column += VECTORS * V::LANES;
        }
        column
    }

    /// A tile of 7 to `ROWS` rows.
    #[inline(always)]
    unsafe fn high<V: Vector, const VECTORS: usize, const ROWS: usize>(
        &self,
        row: usize,
        column: usize,
        rows: usize,
    ) {
        // SAFETY: as the caller vouches.
        unsafe {
            match rows {
                8 if ROWS >= 8 => self.tile::<V, VECTORS, 8>(row, column),
                12 if ROWS >= 12 => self.tile::<V, VECTORS, 12>(row, column),
                16 if ROWS >= 16 => self.tile::<V, VECTORS, 16>(row, column),
                _ => {
                    let half = rows / 2;
                    let mut at = row;
                    for rows in [half, rows - half] {
                        match rows {
                            3 => self.tile::<V, VECTORS, 3>(at, column),
                            4 => self.tile::<V, VECTORS, 4>(at, column),
                            5 => self.tile::<V, VECTORS, 5>(at, column),
                            6 => self.tile::<V, VECTORS, 6>(at, column),
                            7 => self.tile::<V, VECTORS, 7>(at, column),
                            _ => self.tile::<V, VECTORS, 8>(at, column),
                        }
                        at += rows;
                    }
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn tile<V: Vector, const VECTORS: usize, const ROWS: usize>(&self, row: usize, column: usize) {
        let Left { values, row_stride, term_stride } = self.left;
        // SAFETY: the caller vouches for the matrices, rows and columns.
        unsafe {
            let mut sums = [[V::splat(0.0); VECTORS]; ROWS];
            let mut left = values.add(row * row_stride);
            let mut right = self.right.add(column);
            for _ in 0..self.terms {
                let mut factors = [V::splat(0.0); VECTORS];
                for (vector, factor) in factors.iter_mut().enumerate() {
                    *factor = V::load(right.add(vector * V::LANES));
                }
                for (index, sums) in sums.iter_mut().enumerate() {
                    let value = V::splat(*left.add(index * row_stride));
                    for (sum, factor) in sums.iter_mut().zip(factors) {
                        *sum = value.multiply_add(factor, *sum);
                    }
                }
                left = left.add(term_stride);
                right = right.add(self.right_stride);
            }
            for (index, sums) in sums.iter().enumerate() {
                let out = self.out.add((row + index) * self.out_stride + column);
                for (vector, sum) in sums.iter().enumerate() {
                    let at = out.add(vector * V::LANES);
                    if self.accumulate { sum.add(V::load(at)).store(at) } else { sum.store(at) }
                }
            }
        }
    }
}

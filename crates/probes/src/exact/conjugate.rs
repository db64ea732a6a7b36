//! Preconditioned conjugate gradients (Hestenes & Stiefel 1952).

use super::lbfgs::{add, dot};

/// An approximate solution of a system.
pub(super) struct Solution {
    pub(super) values: Vec<f64>,
    /// Products with the matrix.
    pub(super) products: usize,
    /// By how much the residual, in the norm of the preconditioner, has shrunk.
    pub(super) reduction: f64,
}

/// Solves `A x = right` for a positive definite A, from 0, with so many products at most.
///
/// `product` gives that of A with a vector, and the vector's size in units of the caller's; `precondition` multiplies by an estimate of
/// A's inverse. The residual shrinks to the part that `enough` says, which is told the sizes of all steps so far.
pub(super) fn solve(
    right: Vec<f64>,
    mut product: impl FnMut(&[f64]) -> (Vec<f64>, f64),
    precondition: impl Fn(&mut [f64]),
    enough: impl Fn(f64) -> f64,
    products: usize,
) -> Solution {
    let mut values = vec![0.0; right.len()];
    let mut residual = right;
    let mut conditioned = residual.clone();
    precondition(&mut conditioned);
    let mut direction = conditioned.clone();
    let start = dot(&residual, &conditioned);
    let (mut square, mut moved, mut done) = (start, 0.0, 0);
    while done < products && square > 0.0 {
        let (curved, size) = product(&direction);
        done += 1;
        let curvature = dot(&direction, &curved);
        if curvature.is_nan() || curvature <= 0.0 {
            break;
        }
        let length = square / curvature;
        add(&mut values, length, &direction);
        add(&mut residual, -length, &curved);
        conditioned.copy_from_slice(&residual);
        precondition(&mut conditioned);
        let next = dot(&residual, &conditioned);
        let ratio = next / square;
        square = next;
        moved += length * size;
        if square <= enough(moved).powi(2) * start {
            break;
        }
        direction
            .iter_mut()
            .zip(&conditioned)
            .for_each(|(direction, value)| *direction = value + ratio * *direction);
    }
    Solution { values, products: done, reduction: (square / start).sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `A = diag(1, 10, 100, ...) + 1`.
    fn product(vector: &[f64]) -> (Vec<f64>, f64) {
        let sum: f64 = vector.iter().sum();
        let row = |(index, value): (usize, &f64)| 10f64.powi(index as i32) * value + sum;
        (vector.iter().enumerate().map(row).collect(), 0.0)
    }

    fn right() -> Vec<f64> {
        product(&[1.0, -2.0, 3.0, 0.5, 0.0, 1.0]).0
    }

    #[test]
    fn a_system_is_solved_in_as_many_products_as_it_has_unknowns() {
        let solution = solve(right(), product, |_| (), |_| 1e-12, 8);
        assert!(solution.products <= 8, "{}", solution.products);
        for (found, expected) in solution.values.iter().zip([1.0, -2.0, 3.0, 0.5, 0.0, 1.0]) {
            assert!((found - expected).abs() < 1e-6, "{found} for {expected}");
        }
    }

    #[test]
    fn a_preconditioner_and_a_looser_end_take_fewer_products() {
        let diagonal = |vector: &mut [f64]| {
            vector.iter_mut().enumerate().for_each(|(index, value)| *value /= 10f64.powi(index as i32) + 1.0);
        };
        let tight = solve(right(), product, diagonal, |_| 1e-10, 100);
        let loose = solve(right(), product, diagonal, |_| 1e-1, 100);
        assert!(tight.reduction <= 1e-10 && loose.reduction <= 1e-1);
        assert!(loose.products < tight.products && tight.products <= 8, "{}", tight.products);
        assert_eq!(solve(right(), product, diagonal, |_| 1e-10, 2).products, 2);
    }

    #[test]
    fn nothing_is_solved_at_once() {
        let solution = solve(vec![0.0; 6], product, |_| (), |_| 0.1, 9);
        assert_eq!((solution.products, solution.values), (0, vec![0.0; 6]));
    }
}

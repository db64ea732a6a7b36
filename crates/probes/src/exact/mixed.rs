//! Newton's method with gradients in f64 and its systems solved in f32.

use super::conjugate::solve;
use super::lbfgs::{Evaluation, Memory};
use super::newton::{Curved, Step};
use super::single::Single;
use super::softmax::Problem;

/// The least and the most that the residual of a system is reduced to.
const LEAST: f64 = 1e-5;
const MOST: f64 = 0.1;
/// What is estimated to be left may be so much less than what is.
const SAFETY: f64 = 10.0;
/// A step that changes training samples' logits by more than so many times the tolerance is not the last: samples that are not fitted may
/// change by several times as much, and bend by its square.
const LARGE: f64 = 50.0;
/// As long as it has not been seen how good the estimate is.
const UNSEEN: f64 = 3.0;
/// An estimate so bad means that f32 has no more digits to give.
const HOPELESS: f64 = 10.0;

/// Each Newton step starts from an exact gradient, so that the errors of f32 in one are mended by the next: what the method ends at is
/// the optimum to f64's digits.
pub(super) struct Mixed<'a> {
    pub(super) problem: &'a Problem<'a>,
    pub(super) single: &'a Single<'a>,
    /// What L-BFGS has learnt of the Hessian, which preconditions the systems.
    pub(super) memory: Memory,
    pub(super) tolerance: f64,
    /// Products with the Hessian that may still be made.
    pub(super) products: usize,
    /// The change that the next step should have, if estimates are right.
    expected: Option<f64>,
    /// Changes over what was expected of them.
    doubt: f64,
}

impl<'a> Mixed<'a> {
    pub(super) fn new(
        problem: &'a Problem<'a>,
        single: &'a Single<'a>,
        memory: Memory,
        tolerance: f64,
        products: usize,
    ) -> Self {
        Self { problem, single, memory, tolerance, products, expected: None, doubt: UNSEEN }
    }
}

/// What Newton's method leaves of a change of logits because the function is no parabola. Half of its square is the bound of a
/// probability near 0 or 1; over many samples it is far less.
fn bend(change: f64) -> f64 {
    change * change / 8.0
}

/// The reduction of a system's residual that a step which changes logits by so much is worth, if no more than `allowed` shall be left.
fn reduction(change: f64, allowed: f64) -> f64 {
    let bend = bend(change);
    let left = if bend < 0.8 * allowed { allowed - bend } else { bend };
    (left / change).clamp(LEAST, MOST)
}

impl Curved for Mixed<'_> {
    fn evaluate(&self, point: &[f64]) -> Evaluation {
        self.problem.evaluate(point)
    }

    fn newton(&mut self, point: &[f64], current: &Evaluation) -> Option<Step> {
        if self.products == 0 {
            return None;
        }
        let shares = self.single.shares(point);
        let allowed = self.tolerance / (SAFETY * self.doubt);
        let solution = solve(
            current.gradient.iter().map(|value| -value).collect(),
            |vector| self.single.curve(&shares, self.problem.penalty, vector),
            |vector| self.memory.apply(vector, |vector| self.problem.precondition(current.curvature, vector)),
            |change| reduction(change, allowed),
            self.products,
        );
        self.products -= solution.products;
        if solution.reduction.is_nan() || solution.reduction >= 1.0 {
            return None;
        }
        let change = self.single.change(&solution.values);
        if let Some(expected) = self.expected {
            let doubt = change / expected;
            if doubt.is_nan() || doubt > HOPELESS {
                return None;
            }
            self.doubt = doubt.max(1.0);
        }
        let expected = solution.reduction * change + bend(change);
        self.expected = Some(expected);
        let left = (SAFETY * self.doubt * expected).max(change / LARGE);
        Some(Step { values: solution.values, change, left, evaluations: solution.products })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_are_solved_as_far_as_their_step_is_worth() {
        // Far away roughly, close to the end as far as is asked, and no further.
        assert_eq!(reduction(10.0, 1e-7), MOST);
        assert!((reduction(1e-2, 1e-7) - 1.25e-3).abs() < 1e-12);
        let last = reduction(1e-4, 1e-7);
        assert!((last * 1e-4 + bend(1e-4) - 1e-7).abs() < 1e-15);
        assert_eq!((reduction(1e-8, 1e-7), reduction(0.0, 1e-7)), (MOST, MOST));
    }
}

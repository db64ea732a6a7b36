//! How much is left to change on the way to a minimum.

use super::lbfgs::Convergence;

/// Steps from one look to the next.
const STEPS: usize = 5;
/// Looks whose slowest counts.
const LOOKS: usize = 2;
/// What is estimated to be left may be so much less than what is.
const SAFETY: f64 = 3.0;

/// Tells from how changes shrink what is left of them: a geometric series with the slowest of the last ratios.
pub(super) struct Remainder {
    tolerance: f64,
    /// Iterations done and the point at the last look.
    last: Option<(usize, Vec<f64>)>,
    change: f64,
    ratios: [f64; LOOKS],
}

impl Remainder {
    pub(super) fn new(tolerance: f64) -> Self {
        Self { tolerance, last: None, change: f64::INFINITY, ratios: [1.0; LOOKS] }
    }

    /// Whether no more than the tolerance is left at `point`, to be asked after each iteration; `size` measures a step.
    pub(super) fn is_small(
        &mut self,
        point: &[f64],
        state: &mut Convergence,
        size: impl FnOnce(&[f64]) -> f64,
    ) -> bool {
        let Some((iterations, last)) = &mut self.last else {
            self.last = Some((state.iterations, point.to_vec()));
            return false;
        };
        if state.iterations < *iterations + STEPS {
            return false;
        }
        *iterations = state.iterations;
        let step: Vec<f64> = point.iter().zip(&*last).map(|(point, last)| point - last).collect();
        last.copy_from_slice(point);
        let change = size(&step);
        self.ratios.rotate_left(1);
        self.ratios[LOOKS - 1] = if self.change.is_finite() { change / self.change } else { 1.0 };
        self.change = change;
        state.largest_change = change;
        let ratio = self.ratios.iter().fold(0.0_f64, |most, ratio| most.max(*ratio));
        ratio < 1.0 && SAFETY * change * ratio / (1.0 - ratio) <= self.tolerance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(iterations: usize) -> Convergence {
        Convergence { iterations, evaluations: 0, gradient_norm: 1.0, largest_change: 0.0, converged: false }
    }

    /// Iterations after which it is said that no more than the tolerance is left of a way that shrinks by `rate` a step, and what is
    /// left then.
    fn end(rate: impl Fn(usize) -> f64, tolerance: f64) -> (usize, f64) {
        let mut remainder = Remainder::new(tolerance);
        let mut left = 1.0;
        for iterations in 0..10_000 {
            let size = |step: &[f64]| step[0].abs();
            if remainder.is_small(&[left], &mut state(iterations), size) {
                return (iterations, left);
            }
            left *= rate(iterations);
        }
        panic!("no end");
    }

    #[test]
    fn what_is_left_is_within_the_tolerance_and_not_far_below() {
        for rate in [0.3, 0.7, 0.9, 0.99] {
            for tolerance in [1e-3, 1e-8] {
                let (_, left) = end(|_| rate, tolerance);
                assert!(left <= tolerance && left > 1e-5 * tolerance, "rate {rate}: {left} of {tolerance}");
            }
        }
    }

    #[test]
    fn a_way_that_slows_down_is_followed_to_its_end() {
        // Fast for a while, then a direction that is slow.
        let (iterations, left) = end(|step| if step % 12 < 6 { 0.98 } else { 0.7 }, 1e-6);
        assert!(left <= 1e-6 && iterations > 30, "{iterations} {left}");
    }
}

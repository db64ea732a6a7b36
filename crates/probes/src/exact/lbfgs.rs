//! Preconditioned L-BFGS (Liu & Nocedal 1989) for smooth convex functions.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::vectorized::vectorized;

/// Pairs of steps and gradient changes that are remembered.
const MEMORY: usize = 20;
/// Constants of the strong Wolfe conditions.
const DECREASE: f64 = 1e-4;
const CURVATURE: f64 = 0.9;
/// Relative error of a mean over samples whose terms are f64, or f32.
pub(super) const DOUBLE: f64 = 1e-14;
pub(super) const SINGLE: f64 = 1e-6;
/// Evaluations of one line search.
const SEARCH: usize = 30;

/// Steps without a smaller gradient after which an approach is given up: rounding is all that is left.
const PATIENCE: usize = 100;

/// How an iterative fit ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Convergence {
    /// Steps taken, of L-BFGS and of Newton's method.
    pub iterations: usize,
    /// Passes over all training samples: evaluations of loss and gradient, and products with the Hessian.
    pub evaluations: usize,
    /// Euclidean norm of the gradient at the end.
    pub gradient_norm: f64,
    /// The most by which the last step of Newton's method (the last five of L-BFGS where that ends a fit) changed a logit of a training sample; 0 in
    /// results of versions that ended by the gradient's norm.
    #[serde(default)]
    pub largest_change: f64,
    /// Whether what is left to change after them is within the tolerance; if not, the iterations or the digits of f64 ran out.
    pub converged: bool,
}

/// A function's value and gradient at a point.
pub(super) struct Evaluation {
    pub(super) value: f64,
    pub(super) gradient: Vec<f64>,
    /// Whatever the preconditioner depends on.
    pub(super) curvature: f64,
}

pub(super) struct Limits {
    pub(super) tolerance: f64,
    pub(super) iterations: usize,
}

/// What to do at a point that has been come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    GoOn,
    /// It is the minimum, within what is asked.
    Converged,
    /// It is not, and another method shall go on.
    Leave,
}

/// The end of an approach: a gradient whose norm is at most the tolerance. It is left when the norm has not fallen for [`PATIENCE`] steps.
pub(super) fn small_gradient(tolerance: f64) -> impl FnMut(&[f64], &mut Convergence) -> Verdict {
    let (mut least, mut since) = (f64::INFINITY, 0);
    move |_, state| {
        if state.gradient_norm < least {
            (least, since) = (state.gradient_norm, state.iterations);
        }
        if state.gradient_norm <= tolerance {
            Verdict::Converged
        } else if state.iterations > since + PATIENCE || !state.gradient_norm.is_finite() {
            Verdict::Leave
        } else {
            Verdict::GoOn
        }
    }
}

/// Minimises from `point` until `judge` ends it, at most so many iterations. `precondition(curvature, vector)` divides a vector by an
/// estimate of the Hessian's diagonal; up to a common factor, which is found here. `rounding` is the relative error of values.
pub(super) fn minimize(
    point: &mut [f64],
    mut evaluate: impl FnMut(&[f64]) -> Evaluation,
    precondition: impl Fn(f64, &mut [f64]),
    iterations: usize,
    rounding: f64,
    mut judge: impl FnMut(&[f64], &mut Convergence) -> Verdict,
) -> (Evaluation, Convergence, Memory) {
    let mut current = evaluate(point);
    let mut state = Convergence {
        iterations: 0,
        evaluations: 1,
        gradient_norm: 0.0,
        largest_change: 0.0,
        converged: false,
    };
    let mut memory = Memory::default();
    loop {
        state.gradient_norm = dot(&current.gradient, &current.gradient).sqrt();
        let verdict = judge(point, &mut state);
        state.converged = verdict == Verdict::Converged;
        if verdict != Verdict::GoOn || state.iterations >= iterations {
            return (current, state, memory);
        }
        let mut direction: Vec<f64> = current.gradient.iter().map(|value| -value).collect();
        memory.apply(&mut direction, |vector| precondition(current.curvature, vector));
        let slope = dot(&direction, &current.gradient);
        let search = (slope < 0.0)
            .then(|| {
                let noise = rounding * current.value.abs();
                line_search(point, &current, &direction, slope, noise, &mut evaluate, &mut state.evaluations)
            })
            .flatten();
        let Some((step, next)) = search else {
            if memory.pairs.is_empty() {
                return (current, state, memory);
            }
            // Rounding has spoilt the memory: once more from the preconditioned gradient.
            memory.pairs.clear();
            continue;
        };
        let step: Vec<f64> = direction.iter().map(|value| step * value).collect();
        point.iter_mut().zip(&step).for_each(|(value, step)| *value += step);
        let change: Vec<f64> = next.gradient.iter().zip(&current.gradient).map(|(a, b)| a - b).collect();
        memory.add(step, change);
        current = next;
        state.iterations += 1;
    }
}

/// The last steps and what they changed of the gradient: what is known of the Hessian.
#[derive(Default)]
pub(super) struct Memory {
    pairs: VecDeque<Pair>,
}

struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    inverse: f64,
}

impl Memory {
    fn add(&mut self, step: Vec<f64>, change: Vec<f64>) {
        let product = dot(&step, &change);
        if product > 0.0 {
            if self.pairs.len() == MEMORY {
                self.pairs.pop_front();
            }
            self.pairs.push_back(Pair { step, change, inverse: product.recip() });
        }
    }

    /// Multiplies by an estimate of the inverse Hessian, which `precondition` does less well: the two-loop recursion.
    pub(super) fn apply(&self, vector: &mut [f64], precondition: impl Fn(&mut [f64])) {
        let mut factors = Vec::with_capacity(self.pairs.len());
        for pair in self.pairs.iter().rev() {
            let factor = pair.inverse * dot(&pair.step, vector);
            add(vector, -factor, &pair.change);
            factors.push(factor);
        }
        precondition(vector);
        if let Some(last) = self.pairs.back() {
            let mut conditioned = last.change.clone();
            precondition(&mut conditioned);
            let scale = (last.inverse * dot(&last.change, &conditioned)).recip();
            vector.iter_mut().for_each(|value| *value *= scale);
        }
        for (pair, factor) in self.pairs.iter().zip(factors.iter().rev()) {
            let back = pair.inverse * dot(&pair.change, vector);
            add(vector, factor - back, &pair.step);
        }
    }
}

/// A step length that meets the strong Wolfe conditions, by bisection and extrapolation with cubic
/// interpolation. Close to the minimum, where values differ by `noise` alone, slopes decide
/// (Hager & Zhang 2005).
fn line_search(
    point: &[f64],
    start: &Evaluation,
    direction: &[f64],
    slope: f64,
    noise: f64,
    evaluate: &mut impl FnMut(&[f64]) -> Evaluation,
    evaluations: &mut usize,
) -> Option<(f64, Evaluation)> {
    let mut low = End { step: 0.0, value: start.value, slope };
    let mut high: Option<End> = None;
    let mut step = 1.0;
    for _ in 0..SEARCH {
        let trial: Vec<f64> = point.iter().zip(direction).map(|(x, d)| x + step * d).collect();
        let next = evaluate(&trial);
        *evaluations += 1;
        let end = End { step, value: next.value, slope: dot(&next.gradient, direction) };
        let decreases = end.value <= start.value + DECREASE * step * slope
            || (end.value <= start.value + noise && end.slope <= (2.0 * DECREASE - 1.0) * slope);
        if !end.value.is_finite() || !decreases || (end.value > low.value + noise && low.step > 0.0) {
            high = Some(end);
        } else if end.slope.abs() <= -CURVATURE * slope {
            return Some((step, next));
        } else if end.slope > 0.0 {
            high = Some(end);
        } else {
            low = end;
        }
        step = match &high {
            None => 4.0 * step,
            Some(high) => between(&low, high),
        };
        if high.as_ref().is_some_and(|high| (high.step - low.step).abs() <= 1e-12 * high.step) {
            return None;
        }
    }
    None
}

struct End {
    step: f64,
    value: f64,
    slope: f64,
}

/// The minimum of the cubic through two ends, kept off them.
fn between(low: &End, high: &End) -> f64 {
    let width = high.step - low.step;
    let middle = low.step + 0.5 * width;
    if !high.value.is_finite() || !high.slope.is_finite() {
        return low.step + 0.1 * width;
    }
    let a = low.slope + high.slope - 3.0 * (high.value - low.value) / width;
    let root = (a * a - low.slope * high.slope).sqrt();
    let step = high.step - width * (high.slope + root - a) / (high.slope - low.slope + 2.0 * root);
    if step.is_finite() { step.clamp(low.step + 0.1 * width, high.step - 0.1 * width) } else { middle }
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    vectorized(|| {
        // Sums in a fixed order, so that the compiler may use vectors.
        let mut sums = [0.0; 32];
        let (left, right) = (a.chunks_exact(32), b.chunks_exact(32));
        let rest: f64 = left.remainder().iter().zip(right.remainder()).map(|(a, b)| a * b).sum();
        for (a, b) in left.zip(right) {
            for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
                *sum += a * b;
            }
        }
        sums.iter().sum::<f64>() + rest
    })
}

pub(super) fn add(vector: &mut [f64], factor: f64, other: &[f64]) {
    vectorized(|| vector.iter_mut().zip(other).for_each(|(value, other)| *value += factor * other));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A quadratic of condition 1e6 plus a quartic.
    fn bowl(point: &[f64]) -> Evaluation {
        let weight = |index: usize| 10f64.powi(index as i32);
        let mut value = 0.0;
        let mut gradient = Vec::new();
        for (index, x) in point.iter().enumerate() {
            let off = x - 1.0;
            value += weight(index) * (0.5 * off * off + 0.1 * off.powi(4));
            gradient.push(weight(index) * (off + 0.4 * off.powi(3)));
        }
        Evaluation { value, gradient, curvature: 1.0 }
    }

    #[test]
    fn finds_the_minimum_with_and_without_a_preconditioner() {
        let none = |_: f64, _: &mut [f64]| ();
        let diagonal = |_: f64, vector: &mut [f64]| {
            vector.iter_mut().enumerate().for_each(|(index, value)| *value /= 10f64.powi(index as i32));
        };
        let mut point = vec![-3.0; 7];
        let (_, plain, _) = minimize(&mut point, bowl, none, 500, DOUBLE, small_gradient(1e-9));
        assert!(plain.converged, "{plain:?}");
        assert!(point.iter().all(|x| (x - 1.0).abs() < 1e-8), "{point:?}");
        let mut point = vec![-3.0; 7];
        let (_, conditioned, _) = minimize(&mut point, bowl, diagonal, 500, DOUBLE, small_gradient(1e-9));
        assert!(conditioned.converged && conditioned.iterations < plain.iterations, "{conditioned:?}");
    }

    #[test]
    fn ends_say_so_when_iterations_run_out() {
        let (_, state, _) = minimize(&mut [-3.0; 7], bowl, |_, _| (), 2, DOUBLE, small_gradient(1e-12));
        assert!(!state.converged && state.iterations == 2 && state.gradient_norm > 1e-12);
    }

    #[test]
    fn a_minimum_is_left_at_once() {
        let (_, state, _) = minimize(&mut [1.0; 3], bowl, |_, _| (), 10, DOUBLE, small_gradient(1e-9));
        assert_eq!((state.iterations, state.evaluations, state.converged), (0, 1, true));
    }

    #[test]
    fn it_is_left_to_another_method_when_the_judge_says_so() {
        let judge = |_: &[f64], state: &mut Convergence| match state.iterations {
            3 => Verdict::Leave,
            _ => Verdict::GoOn,
        };
        let (_, state, _) = minimize(&mut [-3.0; 7], bowl, |_, _| (), 100, DOUBLE, judge);
        assert_eq!((state.iterations, state.converged), (3, false));
    }
}

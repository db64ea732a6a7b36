//! Newton's method for smooth convex functions, to the end of an approach by gradients.

use super::lbfgs::{Convergence, Evaluation, Limits, add, dot};

/// Halvings of a step.
const HALVINGS: usize = 40;
/// Part of the decrease that a tangent promises.
const DECREASE: f64 = 1e-4;

/// A function with second derivatives.
pub(super) trait Curved {
    /// Value and gradient.
    fn evaluate(&self, point: &[f64]) -> Evaluation;

    /// The step to the minimum of the parabola that touches the function at `point`; nothing where it cannot be made any more.
    fn newton(&mut self, point: &[f64], current: &Evaluation) -> Option<Step>;
}

/// A step of Newton's method. Changes are those of what the function is about, in units that a tolerance is meant for.
pub(super) struct Step {
    pub(super) values: Vec<f64>,
    pub(super) change: f64,
    /// An estimate of what is left to change after it.
    pub(super) left: f64,
    /// Passes over the samples that it took.
    pub(super) evaluations: usize,
}

/// Goes on from `point`, counting on from `state`, until a whole step leaves no more than the tolerance to change; as many steps as the
/// limit says, whatever was taken before.
pub(super) fn finish(
    point: &mut [f64],
    function: &mut impl Curved,
    mut state: Convergence,
    limits: &Limits,
) -> (Evaluation, Convergence) {
    let most = state.iterations + limits.iterations;
    let mut current = function.evaluate(point);
    state.evaluations += 1;
    state.converged = false;
    loop {
        state.gradient_norm = dot(&current.gradient, &current.gradient).sqrt();
        if state.gradient_norm == 0.0 {
            state.largest_change = 0.0;
            state.converged = true;
        }
        if state.converged || state.iterations >= most {
            return (current, state);
        }
        let Some(step) = function.newton(point, &current) else {
            return (current, state);
        };
        state.iterations += 1;
        state.evaluations += step.evaluations;
        let slope = dot(&step.values, &current.gradient);
        let Some((scale, next)) = accepted(point, function, &current, &step.values, slope, &mut state) else {
            // Rounding is all that is left to see.
            state.largest_change = step.change;
            state.converged = step.change <= limits.tolerance;
            return (current, state);
        };
        add(point, scale, &step.values);
        current = next;
        state.largest_change = scale * step.change;
        state.converged = scale == 1.0 && step.left <= limits.tolerance;
    }
}

/// The longest of the halved steps that decreases the function enough; close to the minimum, where values differ by rounding alone,
/// gradients decide.
fn accepted(
    point: &[f64],
    function: &impl Curved,
    current: &Evaluation,
    step: &[f64],
    slope: f64,
    state: &mut Convergence,
) -> Option<(f64, Evaluation)> {
    if slope.is_nan() || slope >= 0.0 {
        return None;
    }
    let noise = 1e-14 * current.value.abs() + f64::EPSILON;
    let mut scale = 1.0;
    for _ in 0..HALVINGS {
        let trial: Vec<f64> = point.iter().zip(step).map(|(x, step)| x + scale * step).collect();
        let next = function.evaluate(&trial);
        state.evaluations += 1;
        let decreases = next.value <= current.value + DECREASE * scale * slope;
        let falls = || dot(&next.gradient, step).abs() <= 0.9 * slope.abs();
        if decreases || (next.value <= current.value + noise && falls()) {
            return Some((scale, next));
        }
        scale *= 0.5;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `Σ w (cosh(x - 1) - 1)` with weights from 1 to 1e6.
    struct Valley;

    fn weight(index: usize) -> f64 {
        10f64.powi(i32::try_from(index).unwrap())
    }

    impl Curved for Valley {
        fn evaluate(&self, point: &[f64]) -> Evaluation {
            let terms = point.iter().enumerate().map(|(index, x)| weight(index) * ((x - 1.0).cosh() - 1.0));
            let slopes = point.iter().enumerate().map(|(index, x)| weight(index) * (x - 1.0).sinh());
            Evaluation { value: terms.sum(), gradient: slopes.collect(), curvature: 1.0 }
        }

        fn newton(&mut self, point: &[f64], current: &Evaluation) -> Option<Step> {
            let step = |(index, (x, gradient)): (usize, (&f64, &f64))| {
                -gradient / (weight(index) * (x - 1.0).cosh())
            };
            let values: Vec<f64> = point.iter().zip(&current.gradient).enumerate().map(step).collect();
            let change = values.iter().fold(0.0, |most: f64, step| most.max(step.abs()));
            Some(Step { values, change, left: change, evaluations: 2 })
        }
    }

    fn none() -> Convergence {
        Convergence {
            iterations: 0,
            evaluations: 0,
            gradient_norm: 0.0,
            largest_change: 0.0,
            converged: false,
        }
    }

    #[test]
    fn the_minimum_is_found_from_afar() {
        let limits = Limits { tolerance: 1e-9, iterations: 500 };
        let mut point = vec![-3.0; 7];
        let (end, state) = finish(&mut point, &mut Valley, none(), &limits);
        assert!(state.converged && state.largest_change <= 1e-9, "{state:?}");
        assert!(point.iter().all(|x| (x - 1.0).abs() < 1e-9) && end.value < 1e-9, "{point:?}");
    }

    #[test]
    fn what_came_before_takes_no_steps_away() {
        let limits = Limits { tolerance: 1e-9, iterations: 500 };
        let spent = Convergence { iterations: 500, ..none() };
        let (_, state) = finish(&mut [-3.0; 7], &mut Valley, spent, &limits);
        assert!(state.converged && state.iterations > 500, "{state:?}");
    }

    #[test]
    fn a_minimum_is_left_at_once_and_an_end_of_patience_is_said() {
        let limits = Limits { tolerance: 1e-9, iterations: 3 };
        assert!(finish(&mut [1.0; 3], &mut Valley, none(), &limits).1.converged);
        let (_, state) = finish(&mut [-3.0; 7], &mut Valley, none(), &limits);
        assert!(!state.converged && state.iterations == 3, "{state:?}");
    }
}

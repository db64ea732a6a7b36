//! The loss of multinomial logistic regression, its gradient and its Hessian.

use faer::Mat;
use rayon::prelude::*;

use super::coordinates::Coordinates;
use super::lbfgs::{
    Convergence, DOUBLE, Evaluation, Limits, Memory, SINGLE, Verdict, minimize, small_gradient,
};
use super::mixed::Mixed;
use super::newton::{Curved, Step, finish};
use super::remainder::Remainder;
use super::single::Single;
use crate::algebra::{BLOCK, add_transposed_product, cholesky, multiply, solve_by_cholesky};
use crate::error::NumericError;
use crate::features::Features;
use crate::scaling::Scaling;

/// Pieces that a pass over the samples is cut into, whatever the number of threads; fewer where each has many sums.
const PIECES: usize = 32;
const FEW_PIECES: usize = 8;
const MANY_SUMS: usize = 1 << 20;
/// Parameters up to which the Hessian is made and factorised.
const DENSE: usize = 2048;
/// Passes in f32 that take as long as one in f64.
const SPEED: usize = 2;
/// Gradient norm at which penalties are compared.
const NEAR: f64 = 1e-4;
/// Gradient norm at which Newton's method takes over.
const CLOSE: f64 = 1e-6;

/// Training samples in the coordinates in which they are fitted.
pub(super) struct Samples<'a> {
    coordinates: Coordinates<'a>,
    /// Class of each sample, among the classes that occur.
    classes: Vec<usize>,
    class_count: usize,
}

/// Parameters `[coordinates + 1, classes]`, row-major; the last row holds the intercepts.
pub(super) struct Fit {
    pub(super) parameters: Vec<f64>,
    pub(super) loss: f64,
    pub(super) convergence: Convergence,
}

impl Fit {
    /// Goes on by Newton's method.
    fn end(&mut self, function: &mut impl Curved, limits: &Limits) {
        let (end, convergence) = finish(&mut self.parameters, function, self.convergence, limits);
        (self.loss, self.convergence) = (end.value, convergence);
    }
}

impl<'a> Samples<'a> {
    pub(super) fn new(
        features: &'a Features<'a>,
        scaling: &'a Scaling,
        classes: Vec<usize>,
        class_count: usize,
    ) -> Result<Self, NumericError> {
        Ok(Self { coordinates: Coordinates::new(features, scaling)?, classes, class_count })
    }

    pub(super) fn classes(&self) -> &[usize] {
        &self.classes
    }

    /// Weights 0, intercepts the logarithms of the classes' shares.
    pub(super) fn start(&self) -> Vec<f64> {
        let weights = self.coordinates.count() * self.class_count;
        let mut counts = vec![0usize; self.class_count];
        self.classes.iter().for_each(|class| counts[*class] += 1);
        let mut parameters = vec![0.0; weights + self.class_count];
        for (value, count) in parameters[weights..].iter_mut().zip(counts) {
            *value = (count as f64).ln();
        }
        centre(&mut parameters[weights..]);
        parameters
    }

    /// Rows for [`approach`](Self::approach).
    pub(super) fn single<'s>(&'s self, rows: &'s [usize]) -> Single<'s> {
        Single::new(&self.coordinates, rows, &self.classes, self.class_count)
    }

    /// Minimises, over these rows, the mean cross-entropy plus half of `penalty` times the squared norm of the weights, from
    /// `parameters`, until the gradient's norm is at most [`NEAR`]; `single` has the same rows.
    pub(super) fn approach(
        &self,
        single: &Single<'_>,
        rows: &[usize],
        penalty: f64,
        parameters: Vec<f64>,
        iterations: usize,
    ) -> Fit {
        let problem = Problem { samples: self, rows, penalty };
        let (fit, _) = problem.approach(single, parameters, iterations, NEAR);
        if fit.convergence.converged {
            return fit;
        }
        // f32 did not do.
        problem.descend(fit, iterations, small_gradient(NEAR))
    }

    /// As [`approach`](Self::approach), until no logit of these rows is left to change by more than the tolerance.
    ///
    /// L-BFGS in f32 comes close, Newton's method with gradients in f64 ends it. Where f32 cannot solve its systems, or it would take
    /// as long as factorising them, a factorisation in f64 does, or where there is no room for one, L-BFGS in f64.
    pub(super) fn fit(&self, rows: &[usize], penalty: f64, parameters: Vec<f64>, limits: &Limits) -> Fit {
        let mut problem = Problem { samples: self, rows, penalty };
        let single = self.single(rows);
        let (mut fit, memory) = problem.approach(&single, parameters, limits.iterations, CLOSE);
        let dense = problem.evaluations_of_a_factorisation();
        let products = dense.map_or(limits.iterations, |dense| SPEED * dense);
        let mut mixed = Mixed::new(&problem, &single, memory, limits.tolerance, products);
        fit.end(&mut mixed, limits);
        if fit.convergence.converged {
            fit
        } else if dense.is_some() {
            fit.end(&mut problem, limits);
            fit
        } else {
            problem.descend_to_the_end(fit, limits)
        }
    }

    /// Weights of the scaled features, `[features, classes]`.
    pub(super) fn weights(&self, parameters: &[f64]) -> Mat<f64> {
        self.coordinates.feature_weights(self.split(parameters).0, self.class_count)
    }

    /// Intercepts of the scaled features.
    pub(super) fn intercepts<'p>(&self, parameters: &'p [f64]) -> &'p [f64] {
        self.split(parameters).1
    }

    fn split<'p>(&self, parameters: &'p [f64]) -> (&'p [f64], &'p [f64]) {
        parameters.split_at(self.coordinates.count() * self.class_count)
    }

    /// Shows `each` the logits of some rows, block by block, in pieces that are the same for any number of threads; hands out what it
    /// makes of each piece.
    pub(super) fn logits<T: Send>(
        &self,
        rows: &[usize],
        parameters: &[f64],
        empty: impl Fn() -> T + Sync,
        each: impl Fn(&mut T, Block<'_>) + Sync,
    ) -> Vec<T> {
        let (weights, intercepts) = self.split(parameters);
        let weights = self.coordinates.weights(weights, self.class_count);
        let width = self.coordinates.width();
        let pieces = if width * self.class_count > MANY_SUMS { FEW_PIECES } else { PIECES };
        let length = rows.len().div_ceil(pieces).max(BLOCK);
        rows.par_chunks(length)
            .map(|rows| {
                let mut piece = empty();
                let mut space = Vec::new();
                let mut logits = vec![0.0; BLOCK.min(rows.len()) * self.class_count];
                for rows in rows.chunks(BLOCK) {
                    let features = self.coordinates.slice(rows).unwrap_or_else(|| {
                        space.resize(rows.len() * width, 0.0);
                        self.coordinates.copy(rows, &mut space);
                        &space
                    });
                    let logits = &mut logits[..rows.len() * self.class_count];
                    multiply(logits, features, weights.as_ref());
                    for logits in logits.chunks_exact_mut(self.class_count) {
                        logits.iter_mut().zip(intercepts).for_each(|(logit, intercept)| *logit += intercept);
                    }
                    each(&mut piece, Block { rows, features, logits });
                }
                piece
            })
            .collect()
    }
}

/// Some rows of a pass.
pub(super) struct Block<'a> {
    pub(super) rows: &'a [usize],
    /// `[rows, width of the coordinates]`
    features: &'a [f64],
    /// `[rows, classes]`, to be written over.
    pub(super) logits: &'a mut [f64],
}

/// The mean cross-entropy of some rows and the penalty.
pub(super) struct Problem<'a> {
    samples: &'a Samples<'a>,
    rows: &'a [usize],
    pub(super) penalty: f64,
}

impl Problem<'_> {
    /// L-BFGS in f32 until the gradient's norm is at most `near`, or its digits have run out.
    fn approach(
        &self,
        single: &Single<'_>,
        parameters: Vec<f64>,
        iterations: usize,
        near: f64,
    ) -> (Fit, Memory) {
        // Of features far larger than 1 the gradient has fewer digits after the point.
        let digits = 1e-8 * self.samples.coordinates.variances.iter().sum::<f64>().sqrt();
        let mut point = parameters.clone();
        let (end, convergence, memory) = minimize(
            &mut point,
            |point| single.evaluate(self.penalty, point),
            |curvature, vector| self.precondition(curvature, vector),
            iterations,
            SINGLE,
            small_gradient(near.max(digits)),
        );
        if end.value.is_finite() {
            return (Fit { parameters: point, loss: end.value, convergence }, memory);
        }
        (Fit { parameters, loss: end.value, convergence }, Memory::default())
    }

    /// Goes on by L-BFGS in f64.
    fn descend(
        &self,
        mut fit: Fit,
        iterations: usize,
        judge: impl FnMut(&[f64], &mut Convergence) -> Verdict,
    ) -> Fit {
        let before = fit.convergence;
        let (end, after, _) = minimize(
            &mut fit.parameters,
            |parameters| self.evaluate(parameters),
            |curvature, vector| self.precondition(curvature, vector),
            iterations.saturating_sub(before.iterations),
            DOUBLE,
            judge,
        );
        let convergence = Convergence {
            iterations: before.iterations + after.iterations,
            evaluations: before.evaluations + after.evaluations,
            ..after
        };
        Fit { loss: end.value, convergence, ..fit }
    }

    /// As [`descend`](Self::descend), until no logit is left to change by more than the tolerance.
    fn descend_to_the_end(&self, fit: Fit, limits: &Limits) -> Fit {
        let mut remainder = Remainder::new(limits.tolerance);
        let mut near = false;
        self.descend(fit, limits.iterations, |point, state| {
            near |= state.gradient_norm <= NEAR;
            if !near {
                Verdict::GoOn
            } else if state.gradient_norm == 0.0 || remainder.is_small(point, state, |step| self.change(step))
            {
                Verdict::Converged
            } else {
                Verdict::GoOn
            }
        })
    }

    /// The most by which a step changes a logit, counted from the mean over classes.
    fn change(&self, step: &[f64]) -> f64 {
        let classes = self.samples.class_count;
        let pieces = self.samples.logits(
            self.rows,
            step,
            || 0.0_f64,
            |most, block| {
                for changes in block.logits.chunks_exact_mut(classes) {
                    centre(changes);
                    *most = changes.iter().fold(*most, |most, change| most.max(change.abs()));
                }
            },
        );
        pieces.into_iter().fold(0.0, f64::max)
    }

    /// Divides by an estimate of the Hessian's diagonal; `curvature` is the mean of `p (1 - p)`.
    pub(super) fn precondition(&self, curvature: f64, vector: &mut [f64]) {
        let classes = self.samples.class_count;
        let variances = &self.samples.coordinates.variances;
        let (weights, intercepts) = vector.split_at_mut(variances.len() * classes);
        for (row, variance) in weights.chunks_exact_mut(classes).zip(variances) {
            row.iter_mut().for_each(|value| *value /= curvature * variance + self.penalty);
        }
        intercepts.iter_mut().for_each(|value| *value /= curvature);
    }

    /// Sums over rows as means by the parameters, with those of the penalty, which is quadratic in `parameters`.
    fn by_parameters(&self, total: Sums, parameters: &[f64]) -> Vec<f64> {
        let classes = self.samples.class_count;
        let inverse = (self.rows.len() as f64).recip();
        let rotated = self.samples.coordinates.gradient(total.gradient);
        let mut gradient = Vec::with_capacity(parameters.len());
        for (j, row) in self.samples.split(parameters).0.chunks_exact(classes).enumerate() {
            for (class, weight) in row.iter().enumerate() {
                gradient.push(inverse * rotated[(j, class)] + self.penalty * weight);
            }
        }
        gradient.extend(total.intercepts.iter().map(|sum| inverse * sum));
        gradient
    }

    /// How many evaluations take as long as making and factorising the Hessian; nothing where it is too large.
    fn evaluations_of_a_factorisation(&self) -> Option<usize> {
        let samples = self.samples;
        let parameters = (samples.coordinates.count() + 1) * samples.class_count;
        // Multiplications: n p² / 2 for its blocks and p³ / 6 for the factor, 2 n p for an evaluation.
        let evaluations = parameters / 4 + parameters * parameters / (12 * self.rows.len().max(1));
        (samples.coordinates.held() && parameters <= DENSE).then_some(evaluations)
    }

    /// Probabilities of the rows at a point, `[rows, classes]`.
    fn shares(&self, parameters: &[f64]) -> Vec<f64> {
        let classes = self.samples.class_count;
        let pieces = self.samples.logits(self.rows, parameters, Vec::new, |piece, block| {
            let Block { logits, rows, .. } = block;
            for (logits, row) in logits.chunks_exact_mut(classes).zip(rows) {
                probabilities(logits, self.samples.classes[*row]);
            }
            piece.extend_from_slice(logits);
        });
        pieces.concat()
    }

    /// The Hessian, `[parameters, parameters]`, with a 1 for a common shift of all intercepts, which changes nothing: the gradient has no
    /// part along it, and no step needs one.
    fn hessian(&self, parameters: &[f64]) -> Mat<f64> {
        let samples = self.samples;
        let (count, classes) = (samples.coordinates.count(), samples.class_count);
        let width = count + 1;
        let shares = self.shares(parameters);
        // With a column of ones for the intercepts.
        let mut features = vec![1.0; self.rows.len() * width];
        for (features, row) in features.chunks_exact_mut(width).zip(self.rows) {
            samples.coordinates.copy(&[*row], &mut features[..count]);
        }
        let inverse = (self.rows.len() as f64).recip();
        let pairs: Vec<_> = (0..classes).flat_map(|a| (0..=a).map(move |b| (a, b))).collect();
        let blocks: Vec<Mat<f64>> = pairs
            .par_iter()
            .map(|(a, b)| {
                let mut block = Mat::zeros(width, width);
                let mut weighted = vec![0.0; BLOCK * width];
                for (features, shares) in features.chunks(BLOCK * width).zip(shares.chunks(BLOCK * classes)) {
                    let weighted = &mut weighted[..features.len()];
                    weighted.copy_from_slice(features);
                    for (row, shares) in weighted.chunks_exact_mut(width).zip(shares.chunks_exact(classes)) {
                        let own = if a == b { shares[*a] } else { 0.0 };
                        let weight = inverse * (own - shares[*a] * shares[*b]);
                        row.iter_mut().for_each(|value| *value *= weight);
                    }
                    add_transposed_product(block.as_mut(), features, weighted);
                }
                block
            })
            .collect();
        let mut hessian = Mat::zeros(width * classes, width * classes);
        for ((a, b), block) in pairs.iter().zip(&blocks) {
            for i in 0..width {
                for j in 0..width {
                    let ridge = if a == b && i == j && i < count { self.penalty } else { 0.0 };
                    let shift = if i == count && j == count { 1.0 } else { 0.0 };
                    let value = block[(i, j)] + ridge + shift;
                    hessian[(i * classes + a, j * classes + b)] = value;
                    hessian[(j * classes + b, i * classes + a)] = value;
                }
            }
        }
        hessian
    }
}

impl Curved for Problem<'_> {
    fn evaluate(&self, parameters: &[f64]) -> Evaluation {
        let (samples, classes) = (self.samples, self.samples.class_count);
        let empty = || Sums::new(samples.coordinates.width(), classes);
        let pieces = samples.logits(self.rows, parameters, empty, |sums, block| {
            let Block { rows, features, logits: outputs, .. } = block;
            for (outputs, row) in outputs.chunks_exact_mut(classes).zip(rows) {
                let class = samples.classes[*row];
                sums.loss += probabilities(outputs, class);
                sums.spread += 1.0 - outputs.iter().map(|p| p * p).sum::<f64>();
                // Less than 1 by those of the others, which says more digits of it.
                outputs[class] = 0.0;
                outputs[class] = -outputs.iter().sum::<f64>();
                sums.intercepts.iter_mut().zip(&*outputs).for_each(|(sum, output)| *sum += output);
            }
            add_transposed_product(sums.gradient.as_mut(), features, outputs);
        });
        let total = Sums::total(pieces, empty());
        let inverse = (self.rows.len() as f64).recip();
        let norm: f64 = samples.split(parameters).0.iter().map(|weight| weight * weight).sum();
        Evaluation {
            value: inverse * total.loss + 0.5 * self.penalty * norm,
            curvature: (inverse * total.spread / classes as f64).max(1e-12),
            gradient: self.by_parameters(total, parameters),
        }
    }

    fn newton(&mut self, parameters: &[f64], current: &Evaluation) -> Option<Step> {
        let factor = cholesky(self.hessian(parameters))?;
        let mut values: Vec<f64> = current.gradient.iter().map(|value| -value).collect();
        solve_by_cholesky(&factor, &mut values);
        let change = self.change(&values);
        // The next step is far smaller.
        Some(Step { values, change, left: change, evaluations: 0 })
    }
}

/// What samples add to the loss and its gradient, or to a product with the Hessian.
struct Sums {
    loss: f64,
    /// Sum of `1 - Σ p²`, the trace of the softmax's Hessian.
    spread: f64,
    gradient: Mat<f64>,
    intercepts: Vec<f64>,
}

impl Sums {
    fn new(width: usize, classes: usize) -> Self {
        Self { loss: 0.0, spread: 0.0, gradient: Mat::zeros(width, classes), intercepts: vec![0.0; classes] }
    }

    fn total(pieces: Vec<Self>, empty: Self) -> Self {
        pieces.iter().fold(empty, |mut total, piece| {
            total.loss += piece.loss;
            total.spread += piece.spread;
            total.gradient += &piece.gradient;
            total.intercepts.iter_mut().zip(&piece.intercepts).for_each(|(sum, term)| *sum += term);
            total
        })
    }
}

/// Turns logits into probabilities and returns the cross-entropy of `class`.
pub(super) fn probabilities(logits: &mut [f64], class: usize) -> f64 {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let own = logits[class] - largest;
    let mut sum = 0.0;
    for logit in logits.iter_mut() {
        *logit = (*logit - largest).exp();
        sum += *logit;
    }
    logits.iter_mut().for_each(|value| *value /= sum);
    sum.ln() - own
}

/// Takes the mean off; softmax does not see it.
fn centre(values: &mut [f64]) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter_mut().for_each(|value| *value -= mean);
}

#[cfg(test)]
mod tests;

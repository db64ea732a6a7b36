//! The loss of multinomial logistic regression, its gradient and its Hessian.

use faer::Mat;
use rayon::prelude::*;

use super::coordinates::Coordinates;
use super::lbfgs::{Convergence, Evaluation, Limits, Verdict, minimize, small_gradient};
use super::newton::{Curved, finish};
use super::remainder::Remainder;
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
/// Gradient norm at which penalties are compared, and from which on it is watched how much is left to change.
pub(super) const NEAR: f64 = 1e-4;

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

    /// Minimises, over these rows, the mean cross-entropy plus half of `penalty` times the squared norm of the weights, from
    /// `parameters`, until the gradient's norm is at most [`NEAR`].
    pub(super) fn approach(
        &self,
        rows: &[usize],
        penalty: f64,
        parameters: Vec<f64>,
        iterations: usize,
    ) -> Fit {
        let problem = Problem { samples: self, rows, penalty };
        problem.minimize(parameters, iterations, small_gradient(NEAR))
    }

    /// As [`approach`](Self::approach), until no logit of these rows is left to change by more than the tolerance.
    ///
    /// L-BFGS goes on for as long as a factorisation of the Hessian would take; then, where there is room for one, Newton's method ends
    /// it.
    pub(super) fn fit(&self, rows: &[usize], penalty: f64, parameters: Vec<f64>, limits: &Limits) -> Fit {
        let problem = Problem { samples: self, rows, penalty };
        let mut remainder = Remainder::new(limits.tolerance);
        let (dense, mut near) = (problem.evaluations_of_a_factorisation(), None);
        let judge = |point: &[f64], state: &mut Convergence| {
            if near.is_none() && state.gradient_norm > NEAR {
                return Verdict::GoOn;
            }
            let near = *near.get_or_insert(state.evaluations);
            if state.gradient_norm == 0.0 || remainder.is_small(point, state, |step| problem.change(step)) {
                Verdict::Converged
            } else if dense.is_some_and(|dense| state.evaluations - near >= dense) {
                Verdict::Leave
            } else {
                Verdict::GoOn
            }
        };
        let mut fit = problem.minimize(parameters, limits.iterations, judge);
        if !fit.convergence.converged && dense.is_some() {
            let (end, convergence) = finish(&mut fit.parameters, &problem, fit.convergence, limits);
            (fit.loss, fit.convergence) = (end.value, convergence);
        }
        fit
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
                let mut features = vec![0.0; BLOCK.min(rows.len()) * width];
                let mut logits = vec![0.0; BLOCK.min(rows.len()) * self.class_count];
                for rows in rows.chunks(BLOCK) {
                    let features = &mut features[..rows.len() * width];
                    self.coordinates.copy(rows, features);
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
struct Problem<'a> {
    samples: &'a Samples<'a>,
    rows: &'a [usize],
    penalty: f64,
}

impl Problem<'_> {
    fn minimize(
        &self,
        mut parameters: Vec<f64>,
        iterations: usize,
        judge: impl FnMut(&[f64], &mut Convergence) -> Verdict,
    ) -> Fit {
        let (end, convergence) = minimize(
            &mut parameters,
            |parameters| self.evaluate(parameters),
            |curvature, vector| self.precondition(curvature, vector),
            iterations,
            judge,
        );
        Fit { parameters, loss: end.value, convergence }
    }

    /// Divides by an estimate of the Hessian's diagonal; `curvature` is the mean of `p (1 - p)`.
    fn precondition(&self, curvature: f64, vector: &mut [f64]) {
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

    fn newton(&self, parameters: &[f64], gradient: &[f64]) -> Option<Vec<f64>> {
        let factor = cholesky(self.hessian(parameters))?;
        let mut step: Vec<f64> = gradient.iter().map(|value| -value).collect();
        solve_by_cholesky(&factor, &mut step);
        Some(step)
    }

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

//! The loss of multinomial logistic regression, its gradient and its Hessian.

use std::sync::{Mutex, PoisonError};

use faer::Mat;
use rayon::prelude::*;

use super::coordinates::Coordinates;
use super::lbfgs::{Convergence, Evaluation, Limits, minimize};
use super::newton::{Curved, Direction, conjugate_gradients, finish};
use crate::algebra::{BLOCK, add_transposed_product, cholesky, multiply, solve_by_cholesky};
use crate::error::NumericError;
use crate::features::Features;
use crate::scaling::Scaling;

/// Pieces that a pass over the samples is cut into, whatever the number of threads; fewer where each has many sums.
const PIECES: usize = 32;
const FEW_PIECES: usize = 8;
const MANY_SUMS: usize = 1 << 20;
/// Parameters up to which the Hessian is made and factorised, and multiplications that making it may cost.
const DENSE: usize = 1024;
const DENSE_WORK: usize = 4_000_000_000;
/// Parameters up to which the Hessian of some of the rows, for no more than that work, is factorised: it preconditions conjugate
/// gradients.
const SKETCHED: usize = 2048;
/// Products after which such a factor is made anew, at the point that has been come to.
const STALE: usize = 60;
/// Probabilities that are held while a step is looked for; of more, they are computed again for each product.
const SHARES: usize = 1 << 24;
/// Gradient norm from which Newton's method takes over.
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

    /// Minimises, over these rows, the mean cross-entropy plus half of `penalty` times the squared
    /// norm of the weights, from `parameters`, until the gradient's norm is at most the tolerance.
    pub(super) fn approach(
        &self,
        rows: &[usize],
        penalty: f64,
        mut parameters: Vec<f64>,
        limits: &Limits,
    ) -> Fit {
        let problem = Problem { samples: self, rows, penalty, sketch: Mutex::default() };
        let (end, convergence) = minimize(
            &mut parameters,
            |parameters| problem.evaluate(parameters),
            |curvature, vector| problem.precondition(&vec![curvature; self.class_count], vector),
            limits,
        );
        Fit { parameters, loss: end.value, convergence }
    }

    /// As [`approach`](Self::approach), until a step of Newton's method leaves no logit of these rows to change by more than the
    /// tolerance.
    pub(super) fn fit(&self, rows: &[usize], penalty: f64, parameters: Vec<f64>, limits: &Limits) -> Fit {
        let near = Limits { tolerance: NEAR, iterations: limits.iterations };
        let Fit { mut parameters, convergence, .. } = self.approach(rows, penalty, parameters, &near);
        let problem = Problem { samples: self, rows, penalty, sketch: Mutex::default() };
        let (end, convergence) = finish(&mut parameters, &problem, convergence, limits);
        Fit { parameters, loss: end.value, convergence }
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
            .enumerate()
            .map(|(number, rows)| {
                let mut piece = empty();
                let mut features = vec![0.0; BLOCK.min(rows.len()) * width];
                let mut logits = vec![0.0; BLOCK.min(rows.len()) * self.class_count];
                for (block, rows) in rows.chunks(BLOCK).enumerate() {
                    let features = &mut features[..rows.len() * width];
                    self.coordinates.copy(rows, features);
                    let logits = &mut logits[..rows.len() * self.class_count];
                    multiply(logits, features, weights.as_ref());
                    for logits in logits.chunks_exact_mut(self.class_count) {
                        logits.iter_mut().zip(intercepts).for_each(|(logit, intercept)| *logit += intercept);
                    }
                    let first = number * length + block * BLOCK;
                    each(&mut piece, Block { first, rows, features, logits });
                }
                piece
            })
            .collect()
    }
}

/// Some rows of a pass.
pub(super) struct Block<'a> {
    /// Place of the first among the rows of the pass.
    first: usize,
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
    /// The factor that preconditions conjugate gradients, if one was made and has served well.
    sketch: Mutex<Option<Mat<f64>>>,
}

impl Problem<'_> {
    /// Divides by an estimate of the Hessian's diagonal; `curvatures` are the means of `p (1 - p)` of each class.
    fn precondition(&self, curvatures: &[f64], vector: &mut [f64]) {
        let classes = self.samples.class_count;
        let variances = &self.samples.coordinates.variances;
        let (weights, intercepts) = vector.split_at_mut(variances.len() * classes);
        for (row, variance) in weights.chunks_exact_mut(classes).zip(variances) {
            for (value, curvature) in row.iter_mut().zip(curvatures) {
                *value /= curvature * variance + self.penalty;
            }
        }
        intercepts.iter_mut().zip(curvatures).for_each(|(value, curvature)| *value /= curvature);
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

    fn dense(&self) -> bool {
        let samples = self.samples;
        let parameters = (samples.coordinates.count() + 1) * samples.class_count;
        let work = self.rows.len().saturating_mul(parameters.saturating_mul(parameters));
        samples.coordinates.held() && parameters <= DENSE && work <= DENSE_WORK
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

    /// The solution of `Hessian x = -gradient` by a Cholesky factorisation.
    fn by_cholesky(&self, parameters: &[f64], gradient: &[f64]) -> Option<Vec<f64>> {
        let factor = cholesky(self.hessian(parameters))?;
        let mut step: Vec<f64> = gradient.iter().map(|value| -value).collect();
        solve_by_cholesky(&factor, &mut step);
        Some(step)
    }

    /// The factor of the Hessian of evenly spaced rows, where it is worth its cost.
    fn sketch(&self, parameters: &[f64]) -> Option<Mat<f64>> {
        let coordinates = &self.samples.coordinates;
        if !coordinates.held() || parameters.len() > SKETCHED {
            return None;
        }
        let most = DENSE_WORK / (parameters.len() * parameters.len());
        let rows: Vec<_> = self.rows.iter().copied().step_by(self.rows.len().div_ceil(most).max(1)).collect();
        // Fewer would leave directions without any row.
        if rows.len() < 2 * coordinates.count() {
            return None;
        }
        let some =
            Problem { samples: self.samples, rows: &rows, penalty: self.penalty, sketch: Mutex::default() };
        cholesky(some.hessian(parameters))
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

    /// The product of the Hessian at a point with a vector; `shares` are the probabilities there, where they are held.
    fn curve(&self, parameters: &[f64], shares: Option<&[f64]>, vector: &[f64]) -> Vec<f64> {
        let (samples, classes) = (self.samples, self.samples.class_count);
        let add = |sums: &mut Sums, features: &[f64], changes: &mut [f64], shares: &[f64]| {
            for (changes, shares) in changes.chunks_exact_mut(classes).zip(shares.chunks_exact(classes)) {
                let mean: f64 = shares.iter().zip(&*changes).map(|(share, change)| share * change).sum();
                changes.iter_mut().zip(shares).for_each(|(change, share)| *change = share * (*change - mean));
                sums.intercepts.iter_mut().zip(&*changes).for_each(|(sum, change)| *sum += change);
            }
            add_transposed_product(sums.gradient.as_mut(), features, changes);
        };
        let empty = || Sums::new(samples.coordinates.width(), classes);
        let pieces = match shares {
            Some(shares) => samples.logits(self.rows, vector, empty, |sums, block| {
                let shares = &shares[block.first * classes..][..block.logits.len()];
                add(sums, block.features, block.logits, shares);
            }),
            None => {
                let weights = samples.coordinates.weights(samples.split(vector).0, classes);
                samples.logits(self.rows, parameters, empty, |sums, block| {
                    let Block { rows, features, logits, .. } = block;
                    for (logits, row) in logits.chunks_exact_mut(classes).zip(rows) {
                        probabilities(logits, samples.classes[*row]);
                    }
                    let mut changes = vec![0.0; logits.len()];
                    multiply(&mut changes, features, weights.as_ref());
                    for changes in changes.chunks_exact_mut(classes) {
                        let intercepts = samples.split(vector).1;
                        changes.iter_mut().zip(intercepts).for_each(|(change, more)| *change += more);
                    }
                    add(sums, features, &mut changes, logits);
                })
            }
        };
        self.by_parameters(Sums::total(pieces, empty()), vector)
    }

    /// Means of `p (1 - p)` of each class, by which a Hessian is estimated.
    fn curvatures(&self, parameters: &[f64]) -> Vec<f64> {
        let (samples, classes) = (self.samples, self.samples.class_count);
        let pieces = samples.logits(
            self.rows,
            parameters,
            || vec![0.0; classes],
            |sums, block| {
                for (shares, row) in block.logits.chunks_exact_mut(classes).zip(block.rows) {
                    probabilities(shares, samples.classes[*row]);
                    sums.iter_mut().zip(&*shares).for_each(|(sum, share)| *sum += share * (1.0 - share));
                }
            },
        );
        let mut total = vec![0.0; classes];
        for piece in pieces {
            total.iter_mut().zip(piece).for_each(|(sum, term)| *sum += term);
        }
        total.iter().map(|sum| (sum / self.rows.len() as f64).max(1e-12)).collect()
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

    fn newton(&self, parameters: &[f64], gradient: &[f64], most: usize) -> Direction {
        if self.dense()
            && let Some(step) = self.by_cholesky(parameters, gradient)
        {
            return Direction { step, products: 1, left: 1.0 };
        }
        let mut sketch = self.sketch.lock().unwrap_or_else(PoisonError::into_inner);
        let factor = sketch.take().or_else(|| self.sketch(parameters));
        let curvatures = self.curvatures(parameters);
        let few = self.rows.len().saturating_mul(self.samples.class_count) <= SHARES;
        let shares = few.then(|| self.shares(parameters));
        let direction = conjugate_gradients(
            gradient,
            |vector| self.curve(parameters, shares.as_deref(), vector),
            |vector| match &factor {
                Some(factor) => solve_by_cholesky(factor, vector),
                None => self.precondition(&curvatures, vector),
            },
            most,
        );
        *sketch = factor.filter(|_| direction.products <= STALE);
        direction
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

//! The loss of multinomial logistic regression, its gradient and the shape of its Hessian.

use faer::{Mat, MatRef};
use rayon::prelude::*;

use super::lbfgs::{Convergence, Evaluation, Limits, minimize};
use crate::algebra::{BLOCK, CHUNK, Gram, add_transposed_product, eigen, multiply, product};
use crate::error::NumericError;
use crate::features::Features;
use crate::scaling::Scaling;

/// Pieces that a pass over the samples is cut into, whatever the number of threads.
const PIECES: usize = 32;

/// Training samples in the coordinates in which they are fitted: scaled, then rotated into the
/// eigenbasis of their covariance. A rotation changes neither the loss nor the penalty, but makes the
/// covariance, which the Hessian follows, a diagonal that L-BFGS can be preconditioned with.
pub(super) struct Samples<'a> {
    features: &'a Features<'a>,
    scaling: &'a Scaling,
    /// Class of each row of `features`, among the classes that occur.
    classes: Vec<usize>,
    class_count: usize,
    /// Eigenvectors of the covariance as columns.
    basis: Mat<f64>,
    variances: Vec<f64>,
}

/// Parameters `[width + 1, classes]`, row-major; the last row holds the intercepts.
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
        let samples = features.samples();
        let mut gram = Gram::new(features.width());
        for start in (0..samples).step_by(CHUNK) {
            gram.add(&scaling.widened(features, start..(start + CHUNK).min(samples)));
        }
        let (mut variances, basis) = eigen(gram.finish().as_ref())?;
        variances.iter_mut().for_each(|value| *value /= samples as f64);
        Ok(Self { features, scaling, classes, class_count, basis, variances })
    }

    /// Weights 0, intercepts the logarithms of the classes' shares.
    pub(super) fn start(&self) -> Vec<f64> {
        let width = self.basis.nrows();
        let mut counts = vec![0usize; self.class_count];
        self.classes.iter().for_each(|class| counts[*class] += 1);
        let mut parameters = vec![0.0; (width + 1) * self.class_count];
        for (value, count) in parameters[width * self.class_count..].iter_mut().zip(counts) {
            *value = (count as f64).ln();
        }
        centre(&mut parameters[width * self.class_count..]);
        parameters
    }

    /// Minimises, over these rows, the mean cross-entropy plus half of `penalty` times the squared
    /// norm of the weights, from `parameters`.
    pub(super) fn fit(&self, rows: &[usize], penalty: f64, mut parameters: Vec<f64>, limits: &Limits) -> Fit {
        let classes = self.class_count;
        let precondition = |curvature: f64, vector: &mut [f64]| {
            let (weights, intercepts) = vector.split_at_mut(self.variances.len() * classes);
            for (row, variance) in weights.chunks_exact_mut(classes).zip(&self.variances) {
                let diagonal = curvature * variance + penalty;
                row.iter_mut().for_each(|value| *value /= diagonal);
            }
            intercepts.iter_mut().for_each(|value| *value /= curvature);
        };
        let (end, convergence) = minimize(
            &mut parameters,
            |parameters| self.evaluate(rows, penalty, parameters),
            precondition,
            limits,
        );
        Fit { parameters, loss: end.value, convergence }
    }

    /// Weights of the scaled features, `[width, classes]`.
    pub(super) fn weights(&self, parameters: &[f64]) -> Mat<f64> {
        let width = self.basis.nrows();
        let rotated = &parameters[..width * self.class_count];
        product(self.basis.as_ref(), MatRef::from_row_major_slice(rotated, width, self.class_count))
    }

    /// Intercepts of the scaled features.
    pub(super) fn intercepts<'p>(&self, parameters: &'p [f64]) -> &'p [f64] {
        &parameters[self.basis.nrows() * self.class_count..]
    }

    fn evaluate(&self, rows: &[usize], penalty: f64, parameters: &[f64]) -> Evaluation {
        let (width, classes) = (self.basis.nrows(), self.class_count);
        let weights = self.weights(parameters);
        let intercepts = self.intercepts(parameters);
        let pieces: Vec<Sums> = rows
            .par_chunks(rows.len().div_ceil(PIECES).max(BLOCK))
            .map(|rows| self.sums(rows, &weights, intercepts))
            .collect();
        let mut total = Sums::new(width, classes);
        for piece in &pieces {
            total.add(piece);
        }

        let inverse = (rows.len() as f64).recip();
        let rotated = product(self.basis.transpose(), total.gradient.as_ref());
        let mut gradient = Vec::with_capacity(parameters.len());
        let mut norm = 0.0;
        for (j, row) in parameters[..width * classes].chunks_exact(classes).enumerate() {
            for (class, weight) in row.iter().enumerate() {
                gradient.push(inverse * rotated[(j, class)] + penalty * weight);
                norm += weight * weight;
            }
        }
        gradient.extend(total.intercepts.iter().map(|sum| inverse * sum));
        Evaluation {
            value: inverse * total.loss + 0.5 * penalty * norm,
            gradient,
            curvature: (inverse * total.spread / classes as f64).max(1e-12),
        }
    }

    fn sums(&self, rows: &[usize], weights: &Mat<f64>, intercepts: &[f64]) -> Sums {
        let (width, classes) = (self.basis.nrows(), self.class_count);
        let mut sums = Sums::new(width, classes);
        let mut features = vec![0.0; BLOCK.min(rows.len()) * width];
        let mut outputs = vec![0.0; BLOCK.min(rows.len()) * classes];
        for rows in rows.chunks(BLOCK) {
            let features = &mut features[..rows.len() * width];
            let outputs = &mut outputs[..rows.len() * classes];
            self.scaling.widen(self.features, rows.iter().copied(), features);
            multiply(outputs, features, weights.as_ref());
            for (outputs, row) in outputs.chunks_exact_mut(classes).zip(rows) {
                outputs.iter_mut().zip(intercepts).for_each(|(output, intercept)| *output += intercept);
                let class = self.classes[*row];
                sums.loss += probabilities(outputs, class);
                sums.spread += 1.0 - outputs.iter().map(|p| p * p).sum::<f64>();
                outputs[class] -= 1.0;
                sums.intercepts.iter_mut().zip(&*outputs).for_each(|(sum, output)| *sum += output);
            }
            add_transposed_product(sums.gradient.as_mut(), features, outputs);
        }
        sums
    }
}

/// What samples add to the loss and its gradient.
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

    fn add(&mut self, other: &Self) {
        self.loss += other.loss;
        self.spread += other.spread;
        self.gradient += &other.gradient;
        self.intercepts.iter_mut().zip(&other.intercepts).for_each(|(sum, term)| *sum += term);
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

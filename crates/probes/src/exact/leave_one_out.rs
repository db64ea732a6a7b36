//! The ridge solution for every penalty at once, and its leave-one-out errors.
//!
//! With the features centred, the prediction of sample i by a ridge that has not seen it differs from
//! its target by `(y_i - ŷ_i) / (1 - h_i)`, where `h_i = 1/n + x_iᵀ (XᵀX + penalty)⁻¹ x_i` is the
//! sample's leverage, the 1/n that of the intercept. One eigendecomposition serves all penalties.

use std::ops::Range;

use faer::{Mat, MatRef};
use rayon::prelude::*;

use super::config::RidgeConfig;
use crate::algebra::{BLOCK, CHUNK, Gram, add_transposed_product, eigen, multiply, product};
use crate::error::NumericError;
use crate::features::Targeted;
use crate::scaling::Scaling;

pub(super) struct Solution {
    /// Weights of the features, `[width, outputs]`.
    pub(super) weights: Mat<f64>,
    pub(super) penalties: Vec<f64>,
    /// Mean squared leave-one-out error of each output.
    pub(super) errors: Vec<f64>,
}

pub(super) fn solve(
    data: &Targeted<'_>,
    scaling: &Scaling,
    target_means: &[f64],
    config: &RidgeConfig,
) -> Result<Solution, NumericError> {
    let mut penalties = config.penalties.clone();
    penalties.sort_unstable_by(|a, b| b.total_cmp(a));
    penalties.dedup();
    let problem = Problem { data, scaling, target_means, penalties };
    let (samples, width) = (data.features().samples(), data.features().width());
    // Centred, n samples span n - 1 dimensions: the dual is the smaller problem below that, and the
    // one in which small leverages' complements do not cancel.
    let (candidates, errors) = if samples > width + 1 { problem.primal()? } else { problem.dual()? };
    Ok(problem.choose(&candidates, &errors, config.shared_penalty))
}

/// Centred data, and penalties in descending order without repeats.
struct Problem<'a> {
    data: &'a Targeted<'a>,
    scaling: &'a Scaling,
    target_means: &'a [f64],
    penalties: Vec<f64>,
}

/// Weights by penalty, then output, as columns of `basis * coefficients`.
struct Candidates {
    basis: Mat<f64>,
    coefficients: Mat<f64>,
}

impl Problem<'_> {
    fn outputs(&self) -> usize {
        self.data.outputs()
    }

    fn chunks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let samples = self.data.features().samples();
        (0..samples).step_by(CHUNK).map(move |start| start..(start + CHUNK).min(samples))
    }

    /// Scaled features and centred targets of some rows.
    fn rows(&self, rows: Range<usize>) -> (Vec<f64>, Vec<f64>) {
        let targets = &self.data.targets()[rows.start * self.outputs()..rows.end * self.outputs()];
        let centred =
            targets.iter().zip(self.target_means.iter().cycle()).map(|(t, mean)| f64::from(*t) - mean);
        (self.scaling.widened(self.data.features(), rows), centred.collect())
    }

    /// More samples than features: in the eigenbasis of `XᵀX`.
    fn primal(&self) -> Result<(Candidates, Vec<f64>), NumericError> {
        let width = self.data.features().width();
        let mut gram = Gram::new(width);
        let mut products = Mat::zeros(width, self.outputs());
        for rows in self.chunks() {
            let (features, targets) = self.rows(rows);
            gram.add(&features);
            add_transposed_product(products.as_mut(), &features, &targets);
        }
        let (values, basis) = eigen(gram.finish().as_ref())?;
        let projected = product(basis.transpose(), products.as_ref());
        let inverse = |j: usize, penalty: usize| (values[j] + self.penalties[penalty]).recip();
        let coefficients = Mat::from_fn(width, self.penalties.len() * self.outputs(), |j, column| {
            projected[(j, column % self.outputs())] * inverse(j, column / self.outputs())
        });
        let inverses = Mat::from_fn(width, self.penalties.len(), inverse);
        let candidates = Candidates { basis, coefficients };

        let mut errors = vec![0.0; self.penalties.len() * self.outputs()];
        for rows in self.chunks() {
            let (features, targets) = self.rows(rows);
            let blocks: Vec<Vec<f64>> = features
                .par_chunks(BLOCK * width)
                .zip(targets.par_chunks(BLOCK * self.outputs()))
                .map(|(features, targets)| self.primal_errors(features, targets, &candidates, &inverses))
                .collect();
            for block in blocks {
                errors.iter_mut().zip(block).for_each(|(error, sum)| *error += sum);
            }
        }
        Ok((candidates, errors))
    }

    /// Sums of squared leave-one-out errors over a block of rows.
    fn primal_errors(
        &self,
        features: &[f64],
        targets: &[f64],
        candidates: &Candidates,
        inverses: &Mat<f64>,
    ) -> Vec<f64> {
        let rows = targets.len() / self.outputs();
        let (count, columns) = (self.penalties.len(), candidates.coefficients.ncols());
        let mut rotated = vec![0.0; features.len()];
        multiply(&mut rotated, features, candidates.basis.as_ref());
        let mut predictions = vec![0.0; rows * columns];
        multiply(&mut predictions, &rotated, candidates.coefficients.as_ref());
        rotated.iter_mut().for_each(|value| *value *= *value);
        let mut leverages = vec![0.0; rows * count];
        multiply(&mut leverages, &rotated, inverses.as_ref());

        let intercept = (self.data.features().samples() as f64).recip();
        let mut sums = vec![0.0; columns];
        for (row, targets) in targets.chunks_exact(self.outputs()).enumerate() {
            for column in 0..columns {
                let residual = targets[column % self.outputs()] - predictions[row * columns + column];
                let leverage = intercept + leverages[row * count + column / self.outputs()];
                sums[column] += (residual / (1.0 - leverage).max(f64::EPSILON)).powi(2);
            }
        }
        sums
    }

    /// No more samples than features: in the eigenbasis of `XXᵀ`. With `s = penalty / (e + penalty)`
    /// for each eigenvalue e, residuals are `Q s Qᵀ y` and `1 - h_i = Σ_j Q_ij² s_j - 1/n`, where
    /// nothing cancels as the penalty vanishes.
    fn dual(&self) -> Result<(Candidates, Vec<f64>), NumericError> {
        let (samples, width) = (self.data.features().samples(), self.data.features().width());
        let (features, targets) = self.rows(0..samples);
        let by_samples = MatRef::from_row_major_slice(&features, samples, width);
        let mut gram = Gram::new(samples);
        let transposed: Vec<f64> =
            (0..width).flat_map(|column| (0..samples).map(move |row| by_samples[(row, column)])).collect();
        gram.add(&transposed);
        let (values, vectors) = eigen(gram.finish().as_ref())?;
        let targets = MatRef::from_row_major_slice(&targets, samples, self.outputs());
        let projected = product(vectors.transpose(), targets);

        let shrink =
            |j: usize, penalty: usize| self.penalties[penalty] / (values[j] + self.penalties[penalty]);
        let count = self.penalties.len();
        let shrunk = Mat::from_fn(samples, count * self.outputs(), |j, column| {
            projected[(j, column % self.outputs())] * shrink(j, column / self.outputs())
        });
        let residuals = product(vectors.as_ref(), shrunk.as_ref());
        let squares = Mat::from_fn(samples, samples, |row, j| vectors[(row, j)].powi(2));
        let shrinks = Mat::from_fn(samples, count, shrink);
        let complements = product(squares.as_ref(), shrinks.as_ref());
        let intercept = (samples as f64).recip();
        let mut errors = vec![0.0; residuals.ncols()];
        for (column, error) in errors.iter_mut().enumerate() {
            for row in 0..samples {
                let complement = complements[(row, column / self.outputs())] - intercept;
                *error += (residuals[(row, column)] / complement.max(f64::EPSILON)).powi(2);
            }
        }
        // The weights are Xᵀ of the dual coefficients, which are residuals over penalties.
        let coefficients = Mat::from_fn(samples, residuals.ncols(), |row, column| {
            residuals[(row, column)] / self.penalties[column / self.outputs()]
        });
        let basis = by_samples.transpose().to_owned();
        Ok((Candidates { basis, coefficients }, errors))
    }

    /// The candidates of least error, the larger penalty among equals.
    fn choose(&self, candidates: &Candidates, errors: &[f64], shared: bool) -> Solution {
        let outputs = self.outputs();
        let least = |error: &dyn Fn(usize) -> f64| {
            (1..self.penalties.len())
                .fold(0, |best, next| if error(next) < error(best) { next } else { best })
        };
        let chosen: Vec<usize> = if shared {
            vec![least(&|penalty| errors[penalty * outputs..(penalty + 1) * outputs].iter().sum()); outputs]
        } else {
            (0..outputs).map(|output| least(&|penalty| errors[penalty * outputs + output])).collect()
        };
        let column = |output: usize| chosen[output] * outputs + output;
        let coefficients = Mat::from_fn(candidates.coefficients.nrows(), outputs, |row, output| {
            candidates.coefficients[(row, column(output))]
        });
        let samples = self.data.features().samples() as f64;
        Solution {
            weights: product(candidates.basis.as_ref(), coefficients.as_ref()),
            penalties: chosen.iter().map(|penalty| self.penalties[*penalty]).collect(),
            errors: (0..outputs).map(|output| errors[column(output)] / samples).collect(),
        }
    }
}

//! Passes over samples in f32, which take less than half the time of those in f64 and do for all but the last digits of a fit.

use faer::{Accum, Mat, MatMut, MatRef};
use rayon::prelude::*;

use super::block::{jacobian, largest_change, residuals, shares, sum};
use super::coordinates::Coordinates;
use super::lbfgs::Evaluation;
use crate::algebra::{BLOCK, multiply_into};
use crate::vectorized::{narrow, vectorized};

/// Pieces that a pass over the samples is cut into, whatever the number of threads; fewer where each has many sums.
const PIECES: usize = 16;
const FEW_PIECES: usize = 8;
const MANY_SUMS: usize = 1 << 20;

/// Some rows with their classes, whose mean cross-entropy and penalty are evaluated in f32; sums over pieces are f64.
pub(super) struct Single<'a> {
    coordinates: &'a Coordinates<'a>,
    rows: &'a [usize],
    /// Class of each of these rows.
    classes: Vec<usize>,
    class_count: usize,
    values: Values,
}

enum Values {
    /// `[rows, coordinates]`, row-major.
    Held(Vec<f32>),
    /// Copied when they are asked for. It is the weights that are rotated, by this, `[features, coordinates]`.
    Features(Mat<f32>),
}

/// What a pass shows of some rows.
struct Block<'a> {
    /// Place of the first among the rows.
    start: usize,
    classes: &'a [usize],
    /// `[rows, width]`, row-major.
    values: &'a [f32],
    /// `[classes, rows]`, row-major, to be written over.
    logits: &'a mut [f32],
}

/// What a pass sums over a piece: features times outputs, outputs, and whatever else.
struct Sums<T> {
    /// `[width, classes]`
    gradient: Mat<f32>,
    intercepts: Vec<f64>,
    other: T,
}

impl<'a> Single<'a> {
    /// `classes` has those of all samples.
    pub(super) fn new(
        coordinates: &'a Coordinates<'a>,
        rows: &'a [usize],
        classes: &[usize],
        class_count: usize,
    ) -> Self {
        let values = if coordinates.held() {
            let mut values = vec![0.0; rows.len() * coordinates.width()];
            let blocks = values.par_chunks_mut(BLOCK * coordinates.width()).zip(rows.par_chunks(BLOCK));
            blocks.for_each(|(values, rows)| coordinates.copy_single(rows, values));
            Values::Held(values)
        } else {
            Values::Features(coordinates.rotation())
        };
        let classes = rows.iter().map(|row| classes[*row]).collect();
        Self { coordinates, rows, classes, class_count, values }
    }

    /// Mean cross-entropy plus half of `penalty` times the squared norm of the weights.
    pub(super) fn evaluate(&self, penalty: f64, parameters: &[f64]) -> Evaluation {
        let pieces = self.pass(parameters, (0.0, 0.0), |(loss, spread), block| {
            let (more_loss, more_spread) = residuals(block.logits, block.classes);
            *loss += more_loss;
            *spread += more_spread;
        });
        let total = |of: fn(&(f64, f64)) -> f64| pieces.iter().map(|piece| of(&piece.other)).sum::<f64>();
        let (loss, spread) = (total(|sums| sums.0), total(|sums| sums.1));
        let weights = &parameters[..self.coordinates.count() * self.class_count];
        let norm: f64 = weights.iter().map(|weight| weight * weight).sum();
        let inverse = (self.rows.len() as f64).recip();
        Evaluation {
            value: inverse * loss + 0.5 * penalty * norm,
            curvature: (inverse * spread / self.class_count as f64).max(1e-12),
            gradient: self.by_parameters(&pieces, penalty, parameters),
        }
    }

    /// Probabilities at a point, for [`curve`](Self::curve).
    pub(super) fn shares(&self, parameters: &[f64]) -> Vec<f32> {
        let pieces = self.blocks(parameters, Vec::new, |piece, block| {
            shares(block.logits, block.classes.len());
            piece.extend_from_slice(block.logits);
        });
        pieces.concat()
    }

    /// The product of the Hessian, where probabilities are `shares`, with a vector; and the most by which the vector as a step changes
    /// the logarithm of a probability.
    pub(super) fn curve(&self, shares: &[f32], penalty: f64, vector: &[f64]) -> (Vec<f64>, f64) {
        let pieces = self.pass(vector, 0.0_f32, |most, block| {
            let from = block.start * self.class_count;
            let shares = &shares[from..from + block.logits.len()];
            *most = most.max(jacobian(block.logits, shares, block.classes.len()));
        });
        let most = pieces.iter().fold(0.0, |most: f32, piece| most.max(piece.other));
        (self.by_parameters(&pieces, penalty, vector), f64::from(most))
    }

    /// The most by which a step changes a logit, counted from the mean over classes.
    pub(super) fn change(&self, step: &[f64]) -> f64 {
        let pieces = self.blocks(
            step,
            || 0.0_f32,
            |most, block| *most = most.max(largest_change(block.logits, block.classes.len())),
        );
        f64::from(pieces.into_iter().fold(0.0, f32::max))
    }

    /// What `each` makes of block after block of logits, and its products with the features, piece by piece.
    fn pass<T: Copy + Send + Sync>(
        &self,
        parameters: &[f64],
        none: T,
        each: impl Fn(&mut T, &mut Block<'_>) + Sync,
    ) -> Vec<Sums<T>> {
        let (width, classes) = (self.coordinates.width(), self.class_count);
        let empty =
            || Sums { gradient: Mat::zeros(width, classes), intercepts: vec![0.0; classes], other: none };
        self.blocks(parameters, empty, |sums, mut block| {
            each(&mut sums.other, &mut block);
            let rows = block.classes.len();
            vectorized(|| {
                for (total, outputs) in sums.intercepts.iter_mut().zip(block.logits.chunks_exact(rows)) {
                    *total += f64::from(sum(outputs));
                }
            });
            let values = MatRef::from_row_major_slice(block.values, rows, width);
            let outputs = MatRef::from_column_major_slice(block.logits, rows, classes);
            multiply_into(sums.gradient.as_mut(), Accum::Add, values.transpose(), outputs);
        })
    }

    /// Shows `each` the logits of all rows, block by block, in pieces that are the same for any number of threads; hands out what it
    /// makes of each piece.
    fn blocks<T: Send>(
        &self,
        parameters: &[f64],
        empty: impl Fn() -> T + Sync,
        each: impl Fn(&mut T, Block<'_>) + Sync,
    ) -> Vec<T> {
        let (weights, intercepts) = self.weights(parameters);
        let (width, classes) = (self.coordinates.width(), self.class_count);
        let pieces = if width * classes > MANY_SUMS { FEW_PIECES } else { PIECES };
        let length = self.rows.len().div_ceil(pieces).max(1).next_multiple_of(BLOCK);
        let piece = |(index, of_piece): (usize, &[usize])| {
            let mut piece = empty();
            let mut space = match self.values {
                Values::Held(_) => Vec::new(),
                Values::Features(_) => vec![0.0; BLOCK.min(of_piece.len()) * width],
            };
            let mut logits = vec![0.0; BLOCK.min(of_piece.len()) * classes];
            for (block, of_rows) in of_piece.chunks(BLOCK).enumerate() {
                let (start, rows) = (index * length + block * BLOCK, of_rows.len());
                let values = self.values(start, rows, &mut space);
                let logits = &mut logits[..rows * classes];
                for (logits, intercept) in logits.chunks_exact_mut(rows).zip(&intercepts) {
                    logits.fill(*intercept);
                }
                multiply_into(
                    MatMut::from_column_major_slice_mut(logits, rows, classes),
                    Accum::Add,
                    MatRef::from_row_major_slice(values, rows, width),
                    weights.as_ref(),
                );
                each(&mut piece, Block { start, classes: of_rows, values, logits });
            }
            piece
        };
        self.classes.par_chunks(length).enumerate().map(piece).collect()
    }

    fn values<'s>(&'s self, start: usize, rows: usize, space: &'s mut [f32]) -> &'s [f32] {
        let width = self.coordinates.width();
        match &self.values {
            Values::Held(values) => &values[start * width..(start + rows) * width],
            Values::Features(_) => {
                let space = &mut space[..rows * width];
                self.coordinates.copy_single(&self.rows[start..start + rows], space);
                space
            }
        }
    }

    /// Weights of the values, `[width, classes]`, and intercepts.
    fn weights(&self, parameters: &[f64]) -> (Mat<f32>, Vec<f32>) {
        let (count, classes) = (self.coordinates.count(), self.class_count);
        let parameters: Vec<f32> = parameters.iter().map(|value| narrow(*value)).collect();
        let (weights, intercepts) = parameters.split_at(count * classes);
        let weights = MatRef::from_row_major_slice(weights, count, classes);
        let weights = match &self.values {
            Values::Held(_) => weights.to_owned(),
            Values::Features(rotation) => {
                let mut rotated = Mat::zeros(rotation.nrows(), classes);
                multiply_into(rotated.as_mut(), Accum::Replace, rotation.as_ref(), weights);
                rotated
            }
        };
        (weights, intercepts.to_vec())
    }

    /// Sums over rows as means by the parameters, with those of the penalty, which is quadratic in `parameters`. Sums over classes,
    /// which are 0 but for rounding, are made so: a common shift of logits has no slope.
    fn by_parameters<T>(&self, pieces: &[Sums<T>], penalty: f64, parameters: &[f64]) -> Vec<f64> {
        let (width, classes, count) = (self.coordinates.width(), self.class_count, self.coordinates.count());
        // `[classes, width]`, row-major.
        let mut sums = vec![0.0; width * classes];
        let mut intercepts = vec![0.0; classes];
        for piece in pieces {
            for (class, sums) in sums.chunks_exact_mut(width).enumerate() {
                let terms = piece.gradient.col_as_slice(class);
                sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += f64::from(*term));
            }
            intercepts.iter_mut().zip(&piece.intercepts).for_each(|(sum, term)| *sum += term);
        }
        if let Values::Features(rotation) = &self.values {
            let by_features: Vec<f32> = sums.iter().map(|value| narrow(*value)).collect();
            let by_features = MatRef::from_column_major_slice(&by_features, width, classes);
            let mut rotated = Mat::zeros(count, classes);
            multiply_into(rotated.as_mut(), Accum::Replace, rotation.transpose(), by_features);
            let columns = (0..classes).flat_map(|class| rotated.col_as_slice(class));
            sums = columns.map(|value| f64::from(*value)).collect();
        }
        let inverse = (self.rows.len() as f64).recip();
        let mut gradient = Vec::with_capacity(parameters.len());
        for (j, weights) in parameters[..count * classes].chunks_exact(classes).enumerate() {
            let sum = |class: usize| sums[class * count + j];
            let mean = (0..classes).map(sum).sum::<f64>() / classes as f64;
            let slope = |(class, weight): (usize, &f64)| inverse * (sum(class) - mean) + penalty * weight;
            gradient.extend(weights.iter().enumerate().map(slope));
        }
        let mean = intercepts.iter().sum::<f64>() / classes as f64;
        gradient.extend(intercepts.iter().map(|sum| inverse * (sum - mean)));
        gradient
    }
}

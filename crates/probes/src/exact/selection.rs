//! The choice of the logistic regression's penalty.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::config::LogisticConfig;
use super::lbfgs::Limits;
use super::softmax::{Samples, probabilities};
use crate::algebra::{BLOCK, multiply};
use crate::features::Features;
use crate::metrics::rank;
use crate::scaling::Scaling;

/// Gradient norm at which the fits that are only compared may stop.
const TOLERANCE: f64 = 1e-4;

/// Rows to fit and rows to judge by, both in ascending order.
pub(super) struct Split {
    pub(super) fitted: Vec<usize>,
    pub(super) held_out: Vec<usize>,
}

impl Split {
    /// Holds out a share of each class, rounded; which samples, the seed decides (Fisher & Yates).
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a number of rows, rounded"
    )]
    pub(super) fn new(classes: &[usize], class_count: usize, share: f64, seed: u64) -> Self {
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); class_count];
        classes.iter().enumerate().for_each(|(row, class)| members[*class].push(row));
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut fitted, mut held_out) = (Vec::new(), Vec::new());
        for mut rows in members {
            let count = (share * rows.len() as f64).round() as usize;
            // One sample at least stays to learn the class from.
            let count = count.min(rows.len().saturating_sub(1));
            for place in 0..count {
                let other = rng.random_range(place..rows.len());
                rows.swap(place, other);
            }
            held_out.extend_from_slice(&rows[..count]);
            fitted.extend_from_slice(&rows[count..]);
        }
        fitted.sort_unstable();
        held_out.sort_unstable();
        Self { fitted, held_out }
    }
}

/// The inverse penalty of highest held-out accuracy, among equals that of the least held-out
/// cross-entropy, and the parameters that were fitted with it. From strong to weak penalties, each fit
/// starts from the one before; the search ends when two in a row have brought neither.
pub(super) fn select(
    samples: &Samples<'_>,
    features: &Features<'_>,
    scaling: &Scaling,
    classes: &[usize],
    config: &LogisticConfig,
    penalty: impl Fn(f64, usize) -> f64,
) -> Option<(f64, Vec<f64>)> {
    let mut inverses = config.inverse_penalties.clone();
    inverses.sort_unstable_by(f64::total_cmp);
    inverses.dedup();
    let class_count = classes.iter().max().map_or(0, |class| class + 1);
    let split = Split::new(classes, class_count, config.held_out, config.seed);
    if split.held_out.is_empty() {
        return None;
    }
    let limits = Limits { tolerance: config.tolerance.max(TOLERANCE), iterations: config.max_iterations };
    let mut parameters = samples.start();
    let mut best: Option<(Score, f64, Vec<f64>)> = None;
    let mut least_loss = f64::INFINITY;
    let mut worse = 0;
    for inverse in inverses {
        parameters =
            samples.fit(&split.fitted, penalty(inverse, split.fitted.len()), parameters, &limits).parameters;
        let score = score(samples, features, scaling, classes, &split.held_out, &parameters);
        tracing::debug!(inverse_penalty = inverse, ?score, of = split.held_out.len(), "held-out samples");
        let loss_falls = score.loss < least_loss;
        least_loss = least_loss.min(score.loss);
        let improves = best.as_ref().is_none_or(|(best, ..)| score.beats(best));
        if improves {
            best = Some((score, inverse, parameters.clone()));
        }
        worse = if improves || loss_falls { 0 } else { worse + 1 };
        if worse == 2 {
            break;
        }
    }
    best.map(|(_, inverse, parameters)| (inverse, parameters))
}

/// What a fit makes of the held-out rows.
#[derive(Clone, Copy, Debug)]
struct Score {
    /// Rows that are predicted right; among equal logits the lower class is.
    correct: usize,
    /// Sum of cross-entropies.
    loss: f64,
}

impl Score {
    fn beats(&self, other: &Self) -> bool {
        self.correct > other.correct || self.correct == other.correct && self.loss < other.loss
    }
}

fn score(
    samples: &Samples<'_>,
    features: &Features<'_>,
    scaling: &Scaling,
    classes: &[usize],
    rows: &[usize],
    parameters: &[f64],
) -> Score {
    let weights = samples.weights(parameters);
    let intercepts = samples.intercepts(parameters);
    let blocks: Vec<Score> = rows
        .par_chunks(BLOCK)
        .map(|rows| {
            let mut scaled = vec![0.0; rows.len() * weights.nrows()];
            scaling.widen(features, rows.iter().copied(), &mut scaled);
            let mut logits = vec![0.0; rows.len() * weights.ncols()];
            multiply(&mut logits, &scaled, weights.as_ref());
            let mut sum = Score { correct: 0, loss: 0.0 };
            for (logits, row) in logits.chunks_exact_mut(weights.ncols()).zip(rows) {
                logits.iter_mut().zip(intercepts).for_each(|(logit, intercept)| *logit += intercept);
                sum.correct += usize::from(rank(logits, classes[*row]) == 0);
                sum.loss += probabilities(logits, classes[*row]);
            }
            sum
        })
        .collect();
    blocks.into_iter().fold(Score { correct: 0, loss: 0.0 }, |sum, block| Score {
        correct: sum.correct + block.correct,
        loss: sum.loss + block.loss,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_every_class_is_held_out() {
        let classes: Vec<usize> = (0..100).map(|row| usize::from(row >= 90)).chain([2]).collect();
        let split = Split::new(&classes, 3, 0.2, 7);
        assert_eq!((split.fitted.len(), split.held_out.len()), (81, 20));
        assert_eq!(split.held_out.iter().filter(|row| classes[**row] == 1).count(), 2);
        assert!(split.fitted.contains(&100));
        let mut all: Vec<usize> = split.fitted.iter().chain(&split.held_out).copied().collect();
        all.sort_unstable();
        assert_eq!(all, (0..101).collect::<Vec<_>>());
        assert_ne!(split.held_out, Split::new(&classes, 3, 0.2, 8).held_out);
    }
}

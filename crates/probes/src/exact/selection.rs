//! The choice of the logistic regression's penalty.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::config::LogisticConfig;
use super::softmax::{Samples, probabilities};
use crate::metrics::rank;

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
    config: &LogisticConfig,
    penalty: impl Fn(f64, usize) -> f64,
) -> Option<(f64, Vec<f64>)> {
    let mut inverses = config.inverse_penalties.clone();
    inverses.sort_unstable_by(f64::total_cmp);
    inverses.dedup();
    let classes = samples.classes();
    let class_count = classes.iter().max().map_or(0, |class| class + 1);
    let split = Split::new(classes, class_count, config.held_out, config.seed);
    if split.held_out.is_empty() {
        return None;
    }
    let single = samples.single(&split.fitted);
    let mut parameters = samples.start();
    let mut best: Option<(Score, f64, Vec<f64>)> = None;
    let mut least_loss = f64::INFINITY;
    let mut worse = 0;
    for inverse in inverses {
        parameters = samples
            .approach(
                &single,
                &split.fitted,
                penalty(inverse, split.fitted.len()),
                parameters,
                config.max_iterations,
            )
            .parameters;
        let score = score(samples, &split.held_out, &parameters);
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

fn score(samples: &Samples<'_>, rows: &[usize], parameters: &[f64]) -> Score {
    let classes = samples.intercepts(parameters).len();
    let none = || Score { correct: 0, loss: 0.0 };
    let pieces = samples.logits(rows, parameters, none, |sum, block| {
        for (logits, row) in block.logits.chunks_exact_mut(classes).zip(block.rows) {
            let class = samples.classes()[*row];
            sum.correct += usize::from(rank(logits, class) == 0);
            sum.loss += probabilities(logits, class);
        }
    });
    pieces.into_iter().fold(none(), |sum, piece| Score {
        correct: sum.correct + piece.correct,
        loss: sum.loss + piece.loss,
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

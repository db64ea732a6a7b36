//! How well predicted representations are told apart from others: predictor quality.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::algebra::BLOCK;
use crate::bootstrap::{Bootstrap, Estimate};
use crate::cosine::{normalize, similarities, unit_rows};
use crate::error::{InputError, check_size};
use crate::features::Features;

/// Candidate rows that predictions are compared with at a time.
const CANDIDATES: usize = 2048;

/// The rank of each prediction's true representation among its candidates, by cosine similarity to
/// the prediction; 1 is best.
///
/// Ties count against the prediction: candidates as similar as the true one, to a multiple of 2^-40,
/// rank before it. A collapsed model, to which all candidates are the same, therefore ranks last
/// instead of first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranks {
    ranks: Vec<usize>,
    candidates: usize,
}

/// What [`Ranks`] come to, beside what guessing would. Shares, not percent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RankingScore {
    /// Mean reciprocal rank; absent without predictions.
    pub mean_reciprocal_rank: Option<Estimate>,
    /// Share of predictions whose true representation ranks first; absent without predictions, or
    /// with a single candidate.
    pub hit1: Option<Estimate>,
    /// Share of predictions whose true representation is among the first five; absent without
    /// predictions, or with five candidates or fewer.
    pub hit5: Option<Estimate>,
    /// Mean reciprocal rank of a random order.
    pub chance_mean_reciprocal_rank: f64,
    /// Share of first ranks in a random order.
    pub chance_hit1: f64,
    /// Share of ranks up to five in a random order.
    pub chance_hit5: f64,
    /// Candidates of each prediction, with the true one.
    pub candidates: usize,
    /// Number of predictions.
    pub predictions: usize,
    /// How the intervals were drawn.
    pub bootstrap: Bootstrap,
}

impl Ranks {
    /// Ranks among candidates of each prediction's own, as other views of the same image.
    ///
    /// `candidates` has as many rows for each prediction, those of the first before those of the second;
    /// `truths` says for each prediction which of its candidates, from 0, is the true one.
    ///
    /// # Errors
    ///
    /// If sizes or widths do not fit, there are no candidates, or a truth is out of range.
    ///
    /// ```
    /// use seqjepa_probes::{Bootstrap, Features};
    /// use seqjepa_probes::ranking::Ranks;
    ///
    /// // Two predictions with three candidates each.
    /// let predictions = Features::new(&[1.0, 0.0, 0.0, 1.0], 2)?;
    /// let candidates = [0.9, 0.1, 0.5, 0.5, 0.0, 1.0, 0.9, 0.1, 0.5, 0.5, 0.0, 1.0];
    /// let ranks = Ranks::within(&predictions, &Features::new(&candidates, 2)?, &[0, 1])?;
    /// assert_eq!(ranks.ranks(), [1, 2]);
    /// let score = ranks.score(&Bootstrap::default())?;
    /// assert_eq!(score.mean_reciprocal_rank.unwrap().value, 0.75);
    /// # Ok::<(), seqjepa_probes::InputError>(())
    /// ```
    pub fn within(
        predictions: &Features<'_>,
        candidates: &Features<'_>,
        truths: &[usize],
    ) -> Result<Self, InputError> {
        let width = predictions.width();
        check_size("candidates' width", width, candidates.width())?;
        check_size("truths", predictions.samples(), truths.len())?;
        if predictions.samples() == 0 {
            check_size("candidates", 0, candidates.samples())?;
            return Ok(Self { ranks: Vec::new(), candidates: 0 });
        }
        let each = candidates.samples() / predictions.samples();
        check_size("candidates", each.max(1) * predictions.samples(), candidates.samples())?;
        check_truths(truths, each)?;
        let ranks = truths.par_iter().enumerate().map(|(row, truth)| {
            let mut prediction = vec![0.0; width];
            predictions.copy_row(row, &mut prediction, |_, value| value);
            normalize(&mut prediction);
            let mut others = vec![0.0; each * width];
            for (index, other) in others.chunks_exact_mut(width).enumerate() {
                candidates.copy_row(row * each + index, other, |_, value| value);
                normalize(other);
            }
            let mut cosines = vec![0.0; each];
            similarities(&mut cosines, &prediction, &others, width);
            cosines.iter().filter(|cosine| **cosine >= cosines[*truth]).count()
        });
        Ok(Self { ranks: ranks.collect(), candidates: each })
    }

    /// Ranks among candidates that all predictions share, as the representations of other images;
    /// `truths` says for each prediction which row of `candidates` is the true one. Memory is bounded.
    ///
    /// # Errors
    ///
    /// If sizes or widths do not fit, there are no candidates, or a truth is out of range.
    pub fn among(
        predictions: &Features<'_>,
        candidates: &Features<'_>,
        truths: &[usize],
    ) -> Result<Self, InputError> {
        let width = predictions.width();
        check_size("candidates' width", width, candidates.width())?;
        check_size("truths", predictions.samples(), truths.len())?;
        check_truths(truths, candidates.samples())?;
        let mut ranks = vec![0; truths.len()];
        let rows = |block: usize, length: usize| block * BLOCK..block * BLOCK + length;
        // The bar comes from a product of the same shape as those that it is compared with, and from the
        // rounding to 2^-40, so that equal candidates tie.
        let own: Vec<f64> = truths
            .par_chunks(BLOCK)
            .enumerate()
            .flat_map_iter(|(block, truths)| {
                let predictions = unit_rows(predictions, rows(block, truths.len()));
                let cosine = |(prediction, truth): (&[f64], &usize)| {
                    let mut cosine = [0.0];
                    let truth = unit_rows(candidates, *truth..*truth + 1);
                    similarities(&mut cosine, prediction, &truth, width);
                    cosine[0]
                };
                predictions.chunks_exact(width).zip(truths).map(cosine).collect::<Vec<_>>()
            })
            .collect();
        for start in (0..candidates.samples()).step_by(CANDIDATES) {
            let end = (start + CANDIDATES).min(candidates.samples());
            let others = unit_rows(candidates, start..end);
            let blocks = ranks.par_chunks_mut(BLOCK).zip(own.par_chunks(BLOCK).zip(truths.par_chunks(BLOCK)));
            blocks.enumerate().for_each(|(block, (ranks, (own, truths)))| {
                let predictions = unit_rows(predictions, rows(block, ranks.len()));
                let mut cosines = vec![0.0; ranks.len() * (end - start)];
                similarities(&mut cosines, &predictions, &others, width);
                for (index, cosines) in cosines.chunks_exact(end - start).enumerate() {
                    let before = |(row, cosine): (usize, &f64)| row == truths[index] || *cosine >= own[index];
                    ranks[index] += (start..).zip(cosines).filter(|pair| before(*pair)).count();
                }
            });
        }
        Ok(Self { ranks, candidates: candidates.samples() })
    }

    /// These ranks and then `other`'s, as of several blocks of predictions each with candidates of its own.
    ///
    /// # Errors
    ///
    /// If the two have another number of candidates and neither is empty.
    pub fn join(mut self, other: Self) -> Result<Self, InputError> {
        if self.ranks.is_empty() {
            return Ok(other);
        }
        if !other.ranks.is_empty() {
            check_size("candidates of the joined ranks", self.candidates, other.candidates)?;
            self.ranks.extend(other.ranks);
        }
        Ok(self)
    }

    /// The ranks, from 1.
    #[must_use]
    pub fn ranks(&self) -> &[usize] {
        &self.ranks
    }

    /// Candidates of each prediction, with the true one.
    #[must_use]
    pub fn candidates(&self) -> usize {
        self.candidates
    }

    /// Mean reciprocal rank and hits, with intervals over predictions.
    ///
    /// # Errors
    ///
    /// If a setting of the bootstrap is out of range.
    pub fn score(&self, bootstrap: &Bootstrap) -> Result<RankingScore, InputError> {
        let reciprocal: Vec<f64> = self.ranks.iter().map(|rank| (*rank as f64).recip()).collect();
        let hit = |k: usize| -> Result<Option<Estimate>, InputError> {
            let hits: Vec<f64> = self.ranks.iter().map(|rank| f64::from(u8::from(*rank <= k))).collect();
            Ok(bootstrap.mean(&hits)?.filter(|_| self.candidates > k))
        };
        let count = self.candidates.max(1) as f64;
        let harmonic: f64 = (1..=self.candidates).map(|rank| (rank as f64).recip()).sum();
        Ok(RankingScore {
            mean_reciprocal_rank: bootstrap.mean(&reciprocal)?,
            hit1: hit(1)?,
            hit5: hit(5)?,
            chance_mean_reciprocal_rank: harmonic / count,
            chance_hit1: 1.0 / count,
            chance_hit5: 5.0f64.min(count) / count,
            candidates: self.candidates,
            predictions: self.ranks.len(),
            bootstrap: *bootstrap,
        })
    }
}

fn check_truths(truths: &[usize], candidates: usize) -> Result<(), InputError> {
    match truths.iter().find(|truth| **truth >= candidates) {
        None => Ok(()),
        Some(truth) => Err(InputError::setting("truth", format!("below {candidates} candidates"), truth)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(count: usize, factor: f32) -> Vec<f32> {
        (0..count).map(|index| ((index * index % 101) as f32 * factor).sin()).collect()
    }

    /// The plain definition.
    fn reference(prediction: &[f32], candidates: &[f32], truth: usize) -> usize {
        let cosine = |a: &[f32], b: &[f32]| {
            let dot = |a: &[f32], b: &[f32]| -> f64 {
                a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
            };
            dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
        };
        let cosines: Vec<f64> =
            candidates.chunks(prediction.len()).map(|other| cosine(prediction, other)).collect();
        cosines.iter().filter(|other| **other >= cosines[truth] - 1e-12).count()
    }

    #[test]
    fn ranks_are_those_of_the_definition() {
        let (width, count) = (5, 300);
        let (predictions, pool) = (wave(count * width, 0.3), wave(CANDIDATES * width + 15, 0.7));
        let truths: Vec<usize> = (0..count).map(|row| row * 6).collect();
        let features = Features::new(&predictions, width).unwrap();
        let among = Ranks::among(&features, &Features::new(&pool, width).unwrap(), &truths).unwrap();
        for row in [0, 1, 299] {
            let expected = reference(&predictions[row * width..][..width], &pool, truths[row]);
            assert_eq!(among.ranks()[row], expected);
        }
        let own = wave(count * 4 * width, 0.9);
        let truths: Vec<usize> = (0..count).map(|row| row % 4).collect();
        let within = Ranks::within(&features, &Features::new(&own, width).unwrap(), &truths).unwrap();
        for row in [0, 7, 299] {
            let candidates = &own[row * 4 * width..][..4 * width];
            let expected = reference(&predictions[row * width..][..width], candidates, truths[row]);
            assert_eq!(within.ranks()[row], expected);
        }
        assert_eq!((within.candidates(), among.candidates()), (4, CANDIDATES + 3));
    }

    #[test]
    fn joined_ranks_are_those_of_both() {
        let values = wave(12, 0.3);
        let features = Features::new(&values, 2).unwrap();
        let all = |truths: &[usize]| Ranks::among(&features, &features, truths).unwrap();
        let both = all(&[0, 1, 2, 3, 4, 5]).join(all(&[0, 1, 2, 3, 4, 5])).unwrap();
        assert_eq!((both.ranks().len(), both.candidates()), (12, 6));
        let none = Features::new(&[], 2).unwrap();
        let empty = || Ranks::within(&none, &none, &[]).unwrap();
        assert_eq!(empty().join(both.clone()).unwrap(), both);
        assert_eq!(both.clone().join(empty()).unwrap(), both);
        let four = Ranks::within(&features, &Features::new(&wave(48, 0.7), 2).unwrap(), &[0; 6]).unwrap();
        assert!(both.join(four).is_err());
    }

    #[test]
    fn a_collapsed_model_ranks_last() {
        let values = [0.3, 0.1, 0.7].repeat(40);
        let features = Features::new(&values, 3).unwrap();
        let truths: Vec<usize> = (0..40).collect();
        let score =
            Ranks::among(&features, &features, &truths).unwrap().score(&Bootstrap::default()).unwrap();
        assert!((score.mean_reciprocal_rank.unwrap().value - 1.0 / 40.0).abs() < 1e-12);
        assert_eq!((score.hit1.unwrap().value, score.hit5.unwrap().value), (0.0, 0.0));
        assert_eq!((score.chance_hit1, score.chance_hit5), (0.025, 0.125));
        let four = Ranks::within(&Features::new(&values[..30], 3).unwrap(), &features, &[0; 10]).unwrap();
        assert_eq!(four.ranks(), [4; 10]);
        let score = four.score(&Bootstrap::default()).unwrap();
        assert_eq!(score.hit5, None);
        assert!((score.chance_mean_reciprocal_rank - (1.0 + 0.5 + 1.0 / 3.0 + 0.25) / 4.0).abs() < 1e-12);
    }

    #[test]
    fn degenerate_and_bad_input() {
        let one = Features::new(&[1.0, 2.0], 2).unwrap();
        let none = Features::new(&[], 2).unwrap();
        let score = Ranks::within(&none, &none, &[]).unwrap().score(&Bootstrap::default()).unwrap();
        assert_eq!((score.mean_reciprocal_rank, score.hit1, score.predictions), (None, None, 0));
        assert!(score.chance_mean_reciprocal_rank.is_finite());
        let score = Ranks::among(&one, &one, &[0]).unwrap().score(&Bootstrap::default()).unwrap();
        assert_eq!((score.mean_reciprocal_rank.unwrap().value, score.hit1), (1.0, None));
        assert!(matches!(Ranks::among(&one, &one, &[1]), Err(InputError::Setting { .. })));
        assert!(matches!(Ranks::among(&one, &none, &[0]), Err(InputError::Setting { .. })));
        assert!(matches!(Ranks::within(&one, &none, &[0]), Err(InputError::Size { .. })));
        assert!(matches!(Ranks::within(&one, &one, &[]), Err(InputError::Size { .. })));
        let wide = Features::new(&[1.0, 2.0, 3.0], 3).unwrap();
        assert!(matches!(Ranks::among(&one, &wide, &[0]), Err(InputError::Size { .. })));
    }

    #[test]
    fn a_prediction_of_zeros_is_equally_far_from_all() {
        let zeros = Features::new(&[0.0, 0.0], 2).unwrap();
        let pool = Features::new(&[1.0, 0.0, 0.0, 1.0, 1.0, 1.0], 2).unwrap();
        assert_eq!(Ranks::among(&zeros, &pool, &[1]).unwrap().ranks(), [3]);
    }
}

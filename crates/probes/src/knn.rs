//! k nearest neighbours by cosine similarity, with weighted votes.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::algebra::BLOCK;
use crate::bootstrap::{Bootstrap, Estimate};
use crate::cosine::{similarities, unit_rows};
use crate::error::{InputError, check_classes, check_labels, check_size};
use crate::features::{Features, Labelled};
use crate::metrics::rank;

/// Test rows whose neighbours are looked for at a time.
const QUERIES: usize = 8192;

/// Training rows that they are compared with at a time.
const REFERENCES: usize = 2048;

/// The classifier of instance discrimination (Wu et al. 2018), which DINO's evaluation uses too: the k training samples of
/// highest cosine similarity `s` vote for their classes with weight `exp(s / temperature)`. Both take a temperature of
/// [`KnnConfig::INSTANCE_DISCRIMINATION`], 0.07.
///
/// - Among equally similar samples, those that come first in the training set are nearer. Similarities
///   are compared in f64 after rounding to multiples of 2^-40.
/// - Among equal votes, the lower class wins; classes without votes follow in order of their number.
/// - A k above the number of training samples takes all of them.
/// - Features of zeros have similarity 0 to everything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnnConfig {
    /// The numbers of neighbours k; 20 and 200 by default.
    pub neighbours: Vec<usize>,
    /// Temperature of the weights; 0.1 by default.
    pub temperature: f64,
}

impl KnnConfig {
    /// The temperature of Wu et al. (2018, section 3.4) and of DINO's evaluation (Caron et al. 2021).
    pub const INSTANCE_DISCRIMINATION: f64 = 0.07;
    /// The temperature by which libraries of self-supervised learning often monitor training (lightly's kNN classifier for one).
    pub const MONITORING: f64 = 0.1;
}

impl Default for KnnConfig {
    fn default() -> Self {
        Self { neighbours: vec![20, 200], temperature: Self::MONITORING }
    }
}

impl KnnConfig {
    fn validate(&self) -> Result<(), InputError> {
        if self.neighbours.is_empty() || self.neighbours.contains(&0) {
            let found = format!("{:?}", self.neighbours);
            return Err(InputError::setting("knn.neighbours", "one or more numbers above 0", found));
        }
        if !(self.temperature.is_finite() && self.temperature > 0.0) {
            return Err(InputError::setting("knn.temperature", "above 0", self.temperature));
        }
        Ok(())
    }
}

/// What the neighbours know about the test split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnnResult {
    /// The figures for each k, in the configuration's order.
    pub scores: Vec<KnnScore>,
    /// Temperature of the weights.
    pub temperature: f64,
    /// Number of classes.
    pub classes: usize,
    /// How the intervals were drawn.
    pub bootstrap: Bootstrap,
    /// Number of features.
    pub width: usize,
    /// Samples that vote.
    pub train_samples: usize,
    /// Samples that were predicted.
    pub test_samples: usize,
}

/// Accuracy of k neighbours, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnnScore {
    /// k, as it was asked for.
    pub neighbours: usize,
    /// Top-1 accuracy; absent without test samples.
    pub top1: Option<Estimate>,
    /// Top-5 accuracy; absent without test samples, or with five classes or fewer.
    pub top5: Option<Estimate>,
}

impl KnnResult {
    /// The figures for this k.
    #[must_use]
    pub fn score(&self, neighbours: usize) -> Option<KnnScore> {
        self.scores.iter().find(|score| score.neighbours == neighbours).copied()
    }
}

/// Votes of the training samples on each test sample: for each k of the configuration
/// `[test.samples(), classes]`, row-major, weights relative to that of the nearest neighbour.
///
/// Memory is bounded whatever the splits' sizes: beside the votes, blocks of both splits in f64 and
/// the nearest neighbours of 8192 test samples.
///
/// # Errors
///
/// If there are no training samples, widths differ, a label or setting is out of range, or there are more than 2^27 votes (samples
/// times classes, of each k).
pub fn knn_votes(
    train: &Labelled<'_>,
    test: &Features<'_>,
    classes: usize,
    config: &KnnConfig,
) -> Result<Vec<Vec<f64>>, InputError> {
    config.validate()?;
    check_labels(train.labels(), classes)?;
    check_size("width of the test split", train.features().width(), test.width())?;
    let (samples, width) = (train.features().samples(), test.width());
    if samples == 0 {
        return Err(InputError::setting("training samples", "above 0", 0));
    }
    check_classes("votes on test samples", test.samples().saturating_mul(config.neighbours.len()), classes)?;
    let most = config.neighbours.iter().copied().max().unwrap_or(0).min(samples);
    let mut votes: Vec<Vec<f64>> =
        config.neighbours.iter().map(|_| Vec::with_capacity(test.samples() * classes)).collect();
    for start in (0..test.samples()).step_by(QUERIES) {
        let rows = start..(start + QUERIES).min(test.samples());
        let mut nearest: Vec<Nearest> = rows.clone().map(|_| Nearest::new(most)).collect();
        let queries = unit_rows(test, rows);
        for start in (0..samples).step_by(REFERENCES) {
            let end = (start + REFERENCES).min(samples);
            let references = unit_rows(train.features(), start..end);
            queries.par_chunks(BLOCK * width).zip(nearest.par_chunks_mut(BLOCK)).for_each(
                |(queries, nearest)| {
                    let mut cosines = vec![0.0; nearest.len() * (end - start)];
                    similarities(&mut cosines, queries, &references, width);
                    for (nearest, cosines) in nearest.iter_mut().zip(cosines.chunks_exact(end - start)) {
                        nearest.add(start, cosines);
                    }
                },
            );
        }
        for nearest in nearest {
            let nearest = nearest.finish();
            for (votes, k) in votes.iter_mut().zip(&config.neighbours) {
                let from = votes.len();
                votes.resize(from + classes, 0.0);
                for (cosine, row) in &nearest[..(*k).min(nearest.len())] {
                    let weight = ((cosine - nearest[0].0) / config.temperature).exp();
                    votes[from + train.labels()[*row] as usize] += weight;
                }
            }
        }
    }
    Ok(votes)
}

/// Classifies `test` by its nearest neighbours in `train`.
///
/// # Errors
///
/// As [`knn_votes`], or if a test label is out of range.
///
/// ```
/// use seqjepa_probes::knn::{KnnConfig, knn};
/// use seqjepa_probes::{Bootstrap, Features, Labelled};
///
/// let train = Labelled::new(Features::new(&[1.0, 0.0, 0.9, 0.1, 0.0, 1.0], 2)?, &[0, 0, 1])?;
/// let test = Labelled::new(Features::new(&[2.0, 0.1, 0.2, 3.0], 2)?, &[0, 1])?;
/// let config = KnnConfig { neighbours: vec![1], ..Default::default() };
/// let result = knn(&train, &test, 2, &config, &Bootstrap::default())?;
/// assert_eq!(result.score(1).unwrap().top1.unwrap().value, 100.0);
/// # Ok::<(), seqjepa_probes::InputError>(())
/// ```
pub fn knn(
    train: &Labelled<'_>,
    test: &Labelled<'_>,
    classes: usize,
    config: &KnnConfig,
    bootstrap: &Bootstrap,
) -> Result<KnnResult, InputError> {
    bootstrap.validate()?;
    check_labels(test.labels(), classes)?;
    let votes = knn_votes(train, test.features(), classes, config)?;
    let score = |(neighbours, votes): (&usize, &Vec<f64>)| {
        let ranks: Vec<usize> = votes
            .chunks_exact(classes)
            .zip(test.labels())
            .map(|(votes, label)| rank(votes, *label as usize))
            .collect();
        let accuracy = |k: usize| -> Result<Option<Estimate>, InputError> {
            let hits: Vec<f64> = ranks.iter().map(|rank| f64::from(u8::from(*rank < k))).collect();
            Ok(bootstrap.mean(&hits)?.map(|estimate| estimate.scaled(100.0)))
        };
        let top5 = if classes > 5 { accuracy(5)? } else { None };
        Ok(KnnScore { neighbours: *neighbours, top1: accuracy(1)?, top5 })
    };
    Ok(KnnResult {
        scores: config.neighbours.iter().zip(&votes).map(score).collect::<Result<_, InputError>>()?,
        temperature: config.temperature,
        classes,
        bootstrap: *bootstrap,
        width: train.features().width(),
        train_samples: train.features().samples(),
        test_samples: test.features().samples(),
    })
}

/// The nearest rows so far, with some more that are dropped now and then.
struct Nearest {
    count: usize,
    candidates: Vec<(f64, usize)>,
    /// Similarity that a row must exceed, once `count` rows are known: later rows lose ties.
    bar: f64,
}

impl Nearest {
    fn new(count: usize) -> Self {
        Self { count, candidates: Vec::with_capacity(2 * count), bar: f64::NEG_INFINITY }
    }

    fn add(&mut self, start: usize, cosines: &[f64]) {
        for (row, cosine) in (start..).zip(cosines) {
            if *cosine > self.bar {
                self.candidates.push((*cosine, row));
                if self.candidates.len() == 2 * self.count {
                    self.shrink();
                }
            }
        }
    }

    fn shrink(&mut self) {
        if self.candidates.len() > self.count {
            self.candidates.select_nth_unstable_by(self.count - 1, order);
            self.candidates.truncate(self.count);
            self.bar = self.candidates[self.count - 1].0;
        }
    }

    /// Nearest first.
    fn finish(mut self) -> Vec<(f64, usize)> {
        self.shrink();
        self.candidates.sort_unstable_by(order);
        self.candidates
    }
}

fn order(a: &(f64, usize), b: &(f64, usize)) -> std::cmp::Ordering {
    b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labelled<'a>(values: &'a [f32], labels: &'a [u32]) -> Labelled<'a> {
        Labelled::new(Features::new(values, values.len() / labels.len()).unwrap(), labels).unwrap()
    }

    #[test]
    fn weights_fall_with_the_angle() {
        let train = labelled(&[1.0, 0.0, 0.0, 1.0, 3.0, 4.0], &[0, 1, 1]);
        let test = Features::new(&[2.0, 0.0], 2).unwrap();
        let config = KnnConfig { neighbours: vec![2, 9], temperature: 0.5 };
        let votes = knn_votes(&train, &test, 2, &config).unwrap();
        let weight = |cosine: f64| ((cosine - 1.0) / 0.5).exp();
        assert!((votes[0][1] - weight(0.6)).abs() < 1e-9 && votes[0][0] == 1.0);
        assert!((votes[1][1] - weight(0.6) - weight(0.0)).abs() < 1e-9);
    }

    #[test]
    fn the_first_of_equal_neighbours_is_nearer_and_the_lower_of_equal_classes_wins() {
        let mut values = [0.3, 0.7].repeat(50);
        values.extend([0.7, 0.3]);
        let mut labels = vec![2; 50];
        labels[0] = 1;
        labels.push(0);
        let train = labelled(&values, &labels);
        let test = labelled(&[0.6, 1.4], &[1]);
        let config = KnnConfig { neighbours: vec![1, 2], temperature: 0.1 };
        let result = knn(&train, &test, 3, &config, &Bootstrap::none()).unwrap();
        assert_eq!(result.score(1).unwrap().top1.unwrap().value, 100.0);
        assert_eq!(result.score(2).unwrap().top1.unwrap().value, 100.0);
    }

    #[test]
    fn zeros_are_far_from_everything_and_no_test_samples_have_no_figures() {
        let train = labelled(&[0.0, 0.0, 1.0, 0.0], &[0, 1]);
        let test = labelled(&[1.0, 1.0], &[1]);
        let config = KnnConfig { neighbours: vec![1], ..Default::default() };
        let result = knn(&train, &test, 2, &config, &Bootstrap::default()).unwrap();
        assert_eq!(result.score(1).unwrap().top1.unwrap().value, 100.0);
        let empty = Labelled::new(Features::new(&[], 2).unwrap(), &[]).unwrap();
        let result = knn(&train, &empty, 2, &config, &Bootstrap::default()).unwrap();
        assert_eq!(result.score(1).unwrap().top1, None);
        assert!(matches!(
            knn(&empty, &train, 2, &config, &Bootstrap::default()),
            Err(InputError::Setting { .. })
        ));
    }

    #[test]
    fn bad_input_is_refused() {
        let train = labelled(&[0.0, 0.0, 1.0, 0.0], &[0, 1]);
        let wide = labelled(&[0.0, 0.0, 1.0, 0.0], &[1]);
        let none = Bootstrap::none();
        let run =
            |test: &Labelled<'_>, classes, config: &KnnConfig| knn(&train, test, classes, config, &none);
        let config = KnnConfig::default();
        assert!(matches!(run(&wide, 2, &config), Err(InputError::Size { .. })));
        assert!(matches!(run(&train, 1, &config), Err(InputError::Label { .. })));
        for config in [
            KnnConfig { neighbours: vec![], ..config.clone() },
            KnnConfig { neighbours: vec![0], ..config.clone() },
            KnnConfig { temperature: 0.0, ..config.clone() },
            KnnConfig { temperature: f64::NAN, ..config.clone() },
        ] {
            assert!(matches!(run(&train, 2, &config), Err(InputError::Setting { .. })));
        }
    }
}

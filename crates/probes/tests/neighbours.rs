//! kNN, ranking and bootstrap intervals against numpy, scikit-learn and scipy.

#![allow(clippy::cast_possible_truncation, reason = "small numbers of tests")]

use seqjepa_probes::knn::{KnnConfig, knn, knn_votes};
use seqjepa_probes::ranking::Ranks;
use seqjepa_probes::{Bootstrap, Features, Labelled, TargetNames, regression_scores};
use serde::Deserialize;

#[derive(Deserialize)]
struct KnnFixture {
    classes: usize,
    width: usize,
    temperature: f64,
    train: Vec<f32>,
    train_labels: Vec<u32>,
    test: Vec<f32>,
    test_labels: Vec<u32>,
    results: Vec<KnnFit>,
}

#[derive(Deserialize)]
struct KnnFit {
    k: usize,
    votes: Vec<f64>,
    predictions: Vec<u32>,
}

/// Predictions exactly, with ties among the neighbours; votes, whose scale is free, to 1e-9.
#[test]
fn knn_agrees_with_numpy_and_scikit_learn() {
    let fixture: KnnFixture = serde_json::from_str(include_str!("fixtures/knn.json")).unwrap();
    let classes = fixture.classes;
    let train = Features::new(&fixture.train, fixture.width).unwrap();
    let train = Labelled::new(train, &fixture.train_labels).unwrap();
    let test = Features::new(&fixture.test, fixture.width).unwrap();
    let neighbours = fixture.results.iter().map(|result| result.k).collect();
    let config = KnnConfig { neighbours, temperature: fixture.temperature };
    let votes = knn_votes(&train, &test, classes, &config).unwrap();
    for (votes, expected) in votes.iter().zip(&fixture.results) {
        let rows = votes.chunks(classes).zip(expected.votes.chunks(classes));
        for ((votes, expected_votes), prediction) in rows.zip(&expected.predictions) {
            let first =
                |votes: &[f64]| (0..classes).fold(0, |best, c| if votes[c] > votes[best] { c } else { best });
            assert_eq!(first(votes) as u32, *prediction, "k {}", expected.k);
            let (sum, expected_sum): (f64, f64) = (votes.iter().sum(), expected_votes.iter().sum());
            for (vote, expected_vote) in votes.iter().zip(expected_votes) {
                assert!((vote / sum - expected_vote / expected_sum).abs() < 1e-9);
            }
        }
    }
    let test = Labelled::new(test, &fixture.test_labels).unwrap();
    let result = knn(&train, &test, classes, &config, &Bootstrap::default()).unwrap();
    for expected in &fixture.results {
        let pairs = expected.predictions.iter().zip(&fixture.test_labels);
        let right = pairs.filter(|(prediction, label)| prediction == label).count();
        let top1 = result.score(expected.k).unwrap().top1.unwrap();
        assert!((top1.value - 100.0 * right as f64 / fixture.test_labels.len() as f64).abs() < 1e-9);
        let [low, high] = top1.interval.unwrap();
        assert!(low <= top1.value && top1.value <= high);
    }
}

#[derive(Deserialize)]
struct RankingFixture {
    width: usize,
    views: usize,
    predictions: Vec<f32>,
    candidates: Vec<f32>,
    truths: Vec<usize>,
    within: RankingExpected,
    among: RankingExpected,
}

#[derive(Deserialize)]
struct RankingExpected {
    ranks: Vec<usize>,
    mean_reciprocal_rank: f64,
    hit1: f64,
    hit5: f64,
}

/// Ties among candidates included: scipy's `rankdata` with `method="max"`.
#[test]
fn ranks_agree_with_scipy() {
    let fixture: RankingFixture = serde_json::from_str(include_str!("fixtures/ranking.json")).unwrap();
    let predictions = Features::new(&fixture.predictions, fixture.width).unwrap();
    let candidates = Features::new(&fixture.candidates, fixture.width).unwrap();
    let rows: Vec<usize> =
        fixture.truths.iter().enumerate().map(|(row, truth)| row * fixture.views + truth).collect();
    for (ranks, expected) in [
        (Ranks::within(&predictions, &candidates, &fixture.truths).unwrap(), &fixture.within),
        (Ranks::among(&predictions, &candidates, &rows).unwrap(), &fixture.among),
    ] {
        assert_eq!(ranks.ranks(), expected.ranks);
        let score = ranks.score(&Bootstrap::default()).unwrap();
        assert!((score.mean_reciprocal_rank.unwrap().value - expected.mean_reciprocal_rank).abs() < 1e-12);
        assert!((score.hit1.unwrap().value - expected.hit1).abs() < 1e-12);
        assert!((score.hit5.unwrap().value - expected.hit5).abs() < 1e-12);
    }
}

#[derive(Deserialize)]
struct BootstrapFixture {
    targets: Vec<f32>,
    predictions: Vec<f32>,
    r2: f64,
    r2_interval: [f64; 2],
    hits: Vec<f64>,
    mean_interval: [f64; 2],
}

/// scipy draws other resamples: 50 000 there and 20 000 here leave the ends of an interval uncertain by
/// about 1 % of its length, and hits move a mean in steps of 1/150.
#[test]
fn intervals_agree_with_scipy() {
    let fixture: BootstrapFixture = serde_json::from_str(include_str!("fixtures/bootstrap.json")).unwrap();
    let bootstrap = Bootstrap { resamples: 20_000, ..Default::default() };
    let close = |got: [f64; 2], expected: [f64; 2], step: f64| {
        let tolerance = 0.04 * (expected[1] - expected[0]) + step;
        got.iter().zip(expected).all(|(got, expected)| (got - expected).abs() < tolerance)
    };
    let predictions: Vec<f64> = fixture.predictions.iter().copied().map(f64::from).collect();
    let names = TargetNames::new(["a"]);
    let scores = regression_scores(&predictions, &fixture.targets, &names, &bootstrap).unwrap();
    let r2 = scores.output("a").unwrap();
    assert!((r2.value - fixture.r2).abs() < 1e-9);
    assert!(close(r2.interval.unwrap(), fixture.r2_interval, 0.0), "{r2:?} for {:?}", fixture.r2_interval);
    let mean = bootstrap.mean(&fixture.hits).unwrap().unwrap();
    assert!(
        close(mean.interval.unwrap(), fixture.mean_interval, 1.0 / 150.0),
        "{mean:?} for {:?}",
        fixture.mean_interval
    );
}

/// The same bits with one thread and with several.
#[test]
fn thread_counts_do_not_matter() {
    let values: Vec<f32> = (0..3000 * 7).map(|index| ((index * index % 1013) as f32 * 0.37).sin()).collect();
    let features = Features::new(&values, 7).unwrap();
    let labels: Vec<u32> = (0..3000).map(|row| row % 9).collect();
    let data = Labelled::new(features.clone(), &labels).unwrap();
    let rows: Vec<usize> = (0..3000).rev().collect();
    let run = || {
        let bootstrap = Bootstrap { resamples: 50, ..Default::default() };
        let votes = knn_votes(&data, &features, 9, &KnnConfig::default()).unwrap();
        let result = knn(&data, &data, 9, &KnnConfig::default(), &bootstrap).unwrap();
        let ranks = Ranks::among(&features, &features, &rows).unwrap().score(&bootstrap).unwrap();
        (votes, result, ranks)
    };
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let one = pool(1).install(run);
    assert!(one == pool(2).install(run));
    assert!(one == pool(5).install(run));
}

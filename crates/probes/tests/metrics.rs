//! The metrics against scikit-learn, and against themselves in other batches.

use proptest::prelude::*;
use seqjepa_probes::metrics::{Mean, R2, TopK};
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixture {
    targets: Vec<f32>,
    predictions: Vec<f32>,
    r2: Vec<f64>,
    r2_mean: f64,
    scores: Vec<f32>,
    labels: Vec<u32>,
    top1: f64,
    top3: f64,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("fixtures/metrics.json")).unwrap()
}

/// Accumulates `batch` rows at a time, half of the batches apart and merged.
fn streamed(predictions: &[f32], targets: &[f32], outputs: usize, batch: usize) -> R2 {
    let (mut first, mut second) = (R2::new(outputs), R2::new(outputs));
    let batches = predictions.chunks(batch * outputs).zip(targets.chunks(batch * outputs));
    for (index, (predictions, targets)) in batches.enumerate() {
        let part = if index % 2 == 0 { &mut first } else { &mut second };
        part.update(predictions, targets).unwrap();
    }
    first.merge(&second).unwrap();
    first
}

/// Both sides compute in f64 from the same numbers, multiples of 1/64 that f32 holds exactly; the
/// targets around 1000 leave the fewest digits, more than nine.
#[test]
fn r2_agrees_with_scikit_learn() {
    let fixture = fixture();
    for batch in [1, 7, 101] {
        let score = streamed(&fixture.predictions, &fixture.targets, 4, batch).value().unwrap();
        for (got, expected) in score.outputs.iter().zip(&fixture.r2) {
            assert!((got - expected).abs() < 1e-9, "batch {batch}: {got} for {expected}");
        }
        assert!((score.mean() - fixture.r2_mean).abs() < 1e-9);
        assert_eq!(score.constant, [false, false, false, true]);
    }
}

#[test]
fn accuracy_agrees_with_scikit_learn() {
    let fixture = fixture();
    let (mut first, mut second) = (TopK::new(&[1, 3]).unwrap(), TopK::new(&[1, 3]).unwrap());
    first.update(&fixture.scores[..7 * 40], 7, &fixture.labels[..40]).unwrap();
    second.update(&fixture.scores[7 * 40..], 7, &fixture.labels[40..]).unwrap();
    first.merge(&second).unwrap();
    assert_eq!(first.samples(), 101);
    assert!((first.value(1).unwrap() - fixture.top1).abs() < 1e-12);
    assert!((first.value(3).unwrap() - fixture.top3).abs() < 1e-12);
}

/// The plain two-pass formula on all samples at once.
fn reference(predictions: &[f32], targets: &[f32]) -> f64 {
    let mean = targets.iter().map(|t| f64::from(*t)).sum::<f64>() / targets.len() as f64;
    let total: f64 = targets.iter().map(|t| (f64::from(*t) - mean).powi(2)).sum();
    let pairs = targets.iter().zip(predictions);
    let residual: f64 = pairs.map(|(t, p)| (f64::from(*t) - f64::from(*p)).powi(2)).sum();
    1.0 - residual / total
}

proptest! {
    #[test]
    fn r2_does_not_depend_on_batches(
        rows in prop::collection::vec((-5.0f32..5.0, -5.0f32..5.0), 2..60),
        offset in -100.0f32..100.0,
        batch in 1usize..20,
    ) {
        let targets: Vec<f32> = rows.iter().map(|row| row.0 + offset).collect();
        let predictions: Vec<f32> = rows.iter().map(|row| row.1 + offset).collect();
        prop_assume!(targets.iter().any(|target| (target - targets[0]).abs() > 0.1));
        let got = streamed(&predictions, &targets, 1, batch).value().unwrap().mean();
        let expected = reference(&predictions, &targets);
        prop_assert!((got - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{got} for {expected}");
    }

    #[test]
    fn top_k_counts_a_stable_sort(
        scores in prop::collection::vec(0u8..4, 5 * 8),
        labels in prop::collection::vec(0u32..5, 8),
        k in 1usize..6,
    ) {
        let scores: Vec<f32> = scores.into_iter().map(f32::from).collect();
        let mut top = TopK::new(&[k]).unwrap();
        top.update(&scores, 5, &labels).unwrap();
        let hits = scores.chunks(5).zip(&labels).filter(|(row, label)| {
            let mut classes: Vec<usize> = (0..5).collect();
            classes.sort_by(|a, b| row[*b].total_cmp(&row[*a]));
            classes[..k].contains(&(**label as usize))
        });
        prop_assert_eq!(top.value(k).unwrap(), hits.count() as f64 / 8.0);
    }
}

/// Two million samples in batches of uneven sizes, far from zero, against integers.
#[test]
fn millions_of_samples_far_from_zero_lose_no_digits() {
    const SAMPLES: i64 = 2_000_000;
    // In sixteenths, so that f32 holds 10^6 + step/16 exactly. The prediction is off by one step in
    // seven samples of 23.
    let step = |index: i64| (index * index * 31 + 7 * index) % 61;
    let off = |index: i64| i64::from(index % 23 < 7);
    let value = |steps: i64| 1.0e6f32 + steps as f32 / 16.0;

    let (mut r2, mut apart) = (R2::new(1), R2::new(1));
    let mut index = 0;
    for batch in [1, 3, 250, 1000, 4096].into_iter().cycle() {
        let rows = index..(index + batch).min(SAMPLES);
        let targets: Vec<f32> = rows.clone().map(|index| value(step(index))).collect();
        let predictions: Vec<f32> = rows.clone().map(|index| value(step(index) + off(index))).collect();
        let part = if batch == 250 { &mut apart } else { &mut r2 };
        part.update(&predictions, &targets).unwrap();
        index = rows.end;
        if index == SAMPLES {
            break;
        }
    }
    r2.merge(&apart).unwrap();
    assert_eq!(r2.samples(), SAMPLES as u64);

    let sum: i128 = (0..SAMPLES).map(|index| i128::from(step(index))).sum();
    let squares: i128 = (0..SAMPLES).map(|index| i128::from(step(index)).pow(2)).sum();
    let residual: i64 = (0..SAMPLES).map(off).sum();
    // SS_tot times the number of samples, exactly.
    let total = squares * i128::from(SAMPLES) - sum * sum;
    let expected = 1.0 - residual as f64 * SAMPLES as f64 / total as f64;
    let got = r2.value().unwrap().mean();
    assert!((got - expected).abs() < 1e-11, "{got} for {expected}");
}

/// As many losses, whose plain f32 sum would be off in the second digit.
#[test]
fn means_of_millions_of_numbers_lose_no_digits() {
    let mut mean = Mean::new();
    for index in 0..3_000_000u32 {
        mean.update(1.0e8 + f64::from(index % 3));
    }
    assert_eq!(mean.value(), Some(1.0e8 + 1.0));
}

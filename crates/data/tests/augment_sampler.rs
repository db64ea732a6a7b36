//! The crop sampler against histograms of torchvision's `RandomResizedCrop.get_params`
//! (`scripts/goldens/augmentation.py`, torch seed 0).

use std::collections::HashMap;

use seqjepa_data::{AugmentPolicy, ShuffleKey, Split};
use serde::Deserialize;

#[derive(Deserialize)]
struct Histograms {
    source_height: usize,
    source_width: usize,
    scale: [f32; 2],
    draws: usize,
    counts: HashMap<String, Vec<f64>>,
}

/// Pearson's statistic of two equally large samples over the bins that hold enough, and their number.
fn chi_square(a: &[f64], b: &[f64]) -> (f64, usize) {
    let bins: Vec<f64> =
        a.iter().zip(b).filter(|(a, b)| *a + *b >= 20.0).map(|(a, b)| (a - b).powi(2) / (a + b)).collect();
    (bins.iter().sum(), bins.len())
}

#[test]
fn crops_are_distributed_as_in_torchvision() {
    let histograms: Vec<Histograms> =
        serde_json::from_str(include_str!("fixtures/augment/sampler.json")).expect("the fixture is JSON");
    for (seed, expected) in histograms.iter().enumerate() {
        let policy = AugmentPolicy { crop_scale: expected.scale, ..AugmentPolicy::observed(32) };
        let mut rng = ShuffleKey { seed: seed as u64, split: Split::Train, epoch: 0 }.rng();
        let mut counts: HashMap<&str, Vec<f64>> =
            ["top", "left", "height", "width"].map(|name| (name, vec![0.0; 41])).into();
        for _ in 0..expected.draws {
            let crop = policy.sample(&mut rng, expected.source_height, expected.source_width).crop;
            for (name, value) in
                [("top", crop.top), ("left", crop.left), ("height", crop.height), ("width", crop.width)]
            {
                counts.get_mut(name).expect("one of the four")[value] += 1.0;
            }
        }
        for (name, counts) in counts {
            let (statistic, bins) = chi_square(&counts, &expected.counts[name]);
            // The statistic has mean n and standard deviation sqrt(2 n), n = bins - 1: five deviations.
            let n = (bins - 1) as f64;
            assert!(statistic < n + 5.0 * (2.0 * n).sqrt(), "{name}: {statistic} over {bins} bins");
            assert!(bins >= 8, "{name} has only {bins} bins");
        }
    }
}

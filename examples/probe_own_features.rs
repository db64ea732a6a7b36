//! The exact probes on features of one's own, of any model: top-1 of their labels, R2 of their targets, with 95 % intervals. On files,
//! `seqjepa probe` does the same.
//!
//! ```text
//! cargo run --release --example probe_own_features
//! ```

use anyhow::Result;
use seqjepa::probes::exact::{LogisticConfig, RidgeConfig, classification, regression};
use seqjepa::probes::{Bootstrap, Estimate, Features, Labelled, TargetNames, Targeted};

/// Features `[samples, 3]` that tell a class of three, with some noise; their classes; and their sums.
fn samples(first: usize, count: usize) -> (Vec<f32>, Vec<u32>, Vec<f32>) {
    let noise = |at: usize| (at as f32 * 12.9898).sin() * 0.3;
    let row = |row: usize| (0..3).map(move |class| f32::from(row % 3 == class) + noise(3 * row + class));
    let features: Vec<f32> = (first..first + count).flat_map(row).collect();
    let sums = features.chunks(3).map(|row| row.iter().sum()).collect();
    (features, (0..3).cycle().skip(first % 3).take(count).collect(), sums)
}

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn main() -> Result<()> {
    let (train, test) = (samples(0, 600), samples(10_000, 300));
    let [train_features, test_features] = [Features::new(&train.0, 3)?, Features::new(&test.0, 3)?];
    // Intervals come from resampling the test samples.
    let bootstrap = Bootstrap::default();

    let [fit, score] =
        [Labelled::new(train_features.clone(), &train.1)?, Labelled::new(test_features.clone(), &test.1)?];
    let found = classification(&fit, &score, 3, &LogisticConfig::default(), &bootstrap)?;
    println!("top-1 of three classes: {}", text(found.top1));

    let [fit, score] =
        [Targeted::new(train_features, &train.2, 1)?, Targeted::new(test_features, &test.2, 1)?];
    let found = regression(&fit, &score, &TargetNames::new(["sum"]), &RidgeConfig::default(), &bootstrap)?;
    for output in &found.scores.outputs {
        println!("R2 of the {}: {}", output.name, text(output.r2));
    }
    Ok(())
}

/// A figure with its 95 % interval; there is none of no samples.
fn text(figure: Option<Estimate>) -> String {
    let Some(Estimate { value, interval }) = figure else { return "none".into() };
    let [low, high] = interval.unwrap_or([value; 2]);
    format!("{value:.3} [{low:.3}, {high:.3}]")
}

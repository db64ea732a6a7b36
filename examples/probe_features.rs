//! The probes on features of one's own: top-1 of a class and R2 of a shift, by the frozen *linear* protocol.
//!
//! ```text
//! cargo run --release --example probe_features
//! ```

use std::sync::Arc;

use anyhow::Result;
use burn::tensor::Device;
use seqjepa_probes::OutputGroup;
use seqjepa_probes::frozen::{FeatureBuffers, FeatureSet, FrozenConfig, Representation, frozen_probes};

const CLASSES: usize = 3;

/// 256 samples: an invariant representation that tells the class, and one number of each of two views, whose difference is
/// the action between them.
fn features(offset: usize) -> Result<Arc<FeatureSet>> {
    let rows = offset..offset + 256;
    let labels: Vec<u32> = rows.clone().map(|row| (row % CLASSES) as u32).collect();
    let noise = |row: usize| (row as f32 * 12.9898).sin() * 0.3;
    let aggregate = rows
        .clone()
        .flat_map(|row| {
            (0..CLASSES).map(move |class| f32::from(u8::from(row % CLASSES == class)) + noise(row + class))
        })
        .collect();
    let first: Vec<f32> = rows.clone().map(|row| (row as f32).sin()).collect();
    let second: Vec<f32> = rows.map(|row| (3.0 * row as f32).sin()).collect();
    let relative = first.iter().zip(&second).map(|(first, second)| second - first).collect();
    let buffers =
        FeatureBuffers { aggregate, first, second, relative, labels: Some(labels), ..Default::default() };
    Ok(Arc::new(FeatureSet::new(256, buffers)?))
}

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn main() -> Result<()> {
    let groups = [OutputGroup::new("shift", 0..1)];
    let config = FrozenConfig { epochs: 50, ..FrozenConfig::linear(Some(CLASSES), &groups) };
    let (mut train, mut test) = (features(0)?, features(1000)?);
    let result = frozen_probes(&config, &mut train, &mut test, &Device::flex(), &mut |_| ())?;
    println!("top-1 from the invariant representation: {:?} %", result.top1(Representation::Aggregate));
    println!("R2 of the shift from the two views: {:?}", result.r2("shift"));
    println!("{}", serde_json::to_string_pretty(&result.protocol)?);
    Ok(())
}

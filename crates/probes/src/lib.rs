//! Online and frozen probes, and their metrics, on any representation.
//!
//! A *probe* is a small network that tries to read something (a class, the parameters of an
//! augmentation) out of a representation, without changing the model that made it. This crate sees
//! tensors and targets, never models: sizes, names and groups of outputs come in as data, so that it
//! serves any training loop.
//!
//! - [`metrics`]: streaming top-k accuracy, R² and means in f64; they need no tensors at all.
//! - [`Probe`]: one linear or MLP probe with its own optimizer.
//! - [`online`]: any set of probes beside a training loop, among them seq-JEPA's published four.
//! - [`exact`]: ridge and logistic regression to their optimum, in f64, as scikit-learn's.
//! - [`knn`] and [`ranking`]: nearest neighbours, and whether predicted representations are told apart.
//! - [`diagnostics`]: has the representation collapsed?
//! - [`Bootstrap`]: intervals for all of these.
//! - [`frozen`]: the *linear* and *paper* protocols on a frozen model's features; the result names
//!   the protocol behind every figure.
//!
//! Undefined figures are absent instead of NaN: the accuracy of no samples, the R² of fewer than
//! two. The R² of a constant target is 0, or 1 if hit exactly, and says so. NaN or infinite
//! features are refused by a [`ProbeError`], and so is a probe that diverges.
//!
//! # One's own features
//!
//! ```
//! use std::sync::Arc;
//!
//! use burn::tensor::Device;
//! use seqjepa_probes::OutputGroup;
//! use seqjepa_probes::frozen::{FeatureBuffers, FeatureSet, FrozenConfig, Representation, frozen_probes};
//!
//! // 64 samples: an invariant representation of width 3, the features of two views of width 1, and
//! // an action of one parameter, here the difference of the two.
//! let split = |offset: usize| {
//!     let wave = |index: usize| (index as f32).sin();
//!     let rows = offset..offset + 64;
//!     let labels: Vec<u32> = rows.clone().map(|row| (row % 3) as u32).collect();
//!     let one_hot = |label: u32| (0..3).map(move |class| f32::from(u8::from(class == label)));
//!     let aggregate = labels.iter().copied().flat_map(one_hot).collect();
//!     let first: Vec<f32> = rows.clone().map(wave).collect();
//!     let second: Vec<f32> = rows.clone().map(|row| wave(3 * row)).collect();
//!     let relative = first.iter().zip(&second).map(|(first, second)| second - first).collect();
//!     let labels = Some(labels);
//!     let buffers = FeatureBuffers { aggregate, first, second, relative, labels, ..Default::default() };
//!     FeatureSet::new(64, buffers).map(Arc::new)
//! };
//! let (mut train, mut test) = (split(0)?, split(1000)?);
//!
//! let groups = [OutputGroup::new("shift", 0..1)];
//! let config = FrozenConfig { epochs: 30, batch_size: 16, ..FrozenConfig::linear(Some(3), &groups) };
//! let result = frozen_probes(&config, &mut train, &mut test, &Device::flex(), &mut |_| ())?;
//!
//! assert_eq!(result.top1(Representation::Aggregate), Some(100.0));
//! assert!(result.r2("shift").unwrap() > 0.99);
//! println!("{}", serde_json::to_string_pretty(&result).unwrap());
//! # Ok::<(), seqjepa_probes::ProbeError>(())
//! ```

/// The README's program runs as it stands.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod algebra;
mod bootstrap;
mod cosine;
pub mod diagnostics;
mod error;
pub mod exact;
mod features;
pub mod frozen;
pub mod knn;
pub mod metrics;
pub mod online;
mod probe;
pub mod ranking;
mod scaling;

pub use bootstrap::{
    Bootstrap, Estimate, GroupScore, OutputScore, RegressionScores, TargetNames, regression_scores,
};
pub use error::ProbeError;
pub use features::{Features, Labelled, Targeted};
pub use metrics::{Metrics, OutputGroup};
pub use probe::{Network, Probe, ProbeConfig, ProbeOutput, Targets, Task};

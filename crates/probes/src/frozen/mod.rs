//! Probes on a frozen model's features, by a protocol that the result names.
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
//! # Ok::<(), seqjepa_probes::frozen::FrozenError>(())
//! ```

mod config;
mod error;
mod features;
mod head;
mod result;
mod roles;
mod run;

pub use config::{FrozenConfig, Regressor};
pub use error::FrozenError;
pub use features::{BoxError, FeatureBuffers, FeatureSet, FeatureSource};
pub use result::{ClassifierResult, FrozenResult, ProtocolRecord, RegressorResult, Verdict};
pub use roles::{RegressionTarget, Representation};
pub use run::{FrozenProgress, frozen_probes};

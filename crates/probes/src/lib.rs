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
//! features are refused by a typed error, and so is a probe that diverges.
//!
//! | error | of |
//! |---|---|
//! | [`InputError`] | everything that takes features, targets or settings |
//! | [`NumericError`] | exact probes and diagnostics: input, or a decomposition that does not converge |
//! | [`ProbeError`] | probes by gradient descent: input, divergence, a state that does not fit |
//! | [`online::UpdateError`] | a queued update: which one, and its [`ProbeError`] |
//! | [`frozen::FrozenError`] | the frozen protocols: a probe, or a feature source |
//!
//! # Features
//!
//! - `burn` (default): [`Probe`], [`online`], [`frozen`], and the saved state of a
//!   [`FeatureSample`](diagnostics::FeatureSample). Without it, everything on slices stays: metrics, exact probes,
//!   neighbours, ranking, diagnostics and intervals, with no deep-learning framework behind them.
//! - `flex`: Burn's CPU backend.
//!
//! # One's own features
//!
//! ```
//! use seqjepa_probes::exact::{LogisticConfig, classification};
//! use seqjepa_probes::{Bootstrap, Features, Labelled};
//!
//! // 60 samples of two features, [samples, width], row-major.
//! let values: Vec<f32> = (0..120).map(|index| (index as f32).sin()).collect();
//! let labels: Vec<u32> = values.chunks(2).map(|row| u32::from(row[0] + row[1] > 0.0)).collect();
//! let data = Labelled::new(Features::new(&values, 2)?, &labels)?;
//! let result = classification(&data, &data, 2, &LogisticConfig::default(), &Bootstrap::default())?;
//! assert!(result.top1.unwrap().value > 95.0);
//! # Ok::<(), seqjepa_probes::NumericError>(())
//! ```

#![cfg_attr(
    test,
    allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "small numbers of tests")
)]

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
#[cfg(feature = "burn")]
pub mod frozen;
pub mod knn;
pub mod metrics;
#[cfg(feature = "burn")]
pub mod online;
mod principal;
#[cfg(feature = "burn")]
mod probe;
pub mod ranking;
mod scaling;
#[cfg(feature = "burn")]
mod state;
mod vectorized;

pub use bootstrap::{
    Bootstrap, Estimate, GroupScore, OutputScore, RegressionScores, TargetNames, regression_scores,
};
pub use error::{InputError, NumericError};
pub use features::{Features, Labelled, Targeted};
pub use metrics::{Metrics, OutputGroup};
pub use principal::{PrincipalComponents, principal_components};
#[cfg(feature = "burn")]
pub use probe::{DeviceOutput, Network, Probe, ProbeConfig, ProbeError, ProbeOutput, Targets, Task};
#[cfg(feature = "burn")]
pub use state::StateError;

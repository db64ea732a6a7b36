//! Has it collapsed? Figures of a representation that need no labels, and a verdict.
//!
//! | figure | source | range |
//! |---|---|---|
//! | RankMe | Garrido et al. 2023 | 1 to `min(samples, width)` |
//! | LiDAR, views as surrogate classes | Thilak et al. 2024 | 1 to `min(samples - 1, width)` |
//! | standard deviation of L2-normalised features | Chen & He 2021 (SimSiam) | 0 to about `1/√width` |
//! | alignment and uniformity | Wang & Isola 2020 | 0 to 4; about -4 to 0 |
//! | drift between online and target encoder | mean cosine distance, relative L2, linear CKA | |
//!
//! [`diagnose`] looks at features in memory. [`FeatureSample`] collects, batch by batch, as many
//! samples of an epoch as it may keep, for a look once an epoch.
//!
//! Figures that are not defined are absent: all below two samples, LiDAR and alignment with one view,
//! drift without a target encoder, CKA of features that do not vary. NaN and infinite features are
//! refused. A matrix of zeros has rank 0.

mod config;
mod diagnose;
mod drift;
mod figures;
mod geometry;
mod sample;
#[cfg(feature = "burn")]
mod sample_state;
mod spectrum;
mod verdict;
mod views;

pub use config::DiagnosticsConfig;
pub use diagnose::diagnose;
pub use drift::Drift;
pub use figures::Diagnostics;
pub use sample::FeatureSample;
pub use verdict::{Thresholds, Verdict};
pub use views::ViewFeatures;

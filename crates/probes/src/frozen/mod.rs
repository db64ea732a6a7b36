//! Probes on a frozen model's features, by a protocol that the result names.

mod config;
mod features;
mod head;
mod result;
mod run;

pub use config::{FrozenConfig, RegressionTarget, Regressor};
pub use features::{BoxError, FeatureBuffers, FeatureSet, FeatureSource};
pub use result::{ClassifierResult, FrozenResult, ProtocolRecord, RegressorResult, Representation, Verdict};
pub use run::{FrozenProgress, frozen_probes};

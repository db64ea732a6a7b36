//! Probes that train beside a model.

mod accumulator;
mod probes;
mod spec;
mod standard;

pub use probes::{OnlineProbes, Phase, ProbeInputs};
pub use spec::{MetricNames, OnlineProbeConfig};
pub use standard::{AGGREGATE, FIRST, RELATIVE_ACTION, SECOND, StandardProbes};

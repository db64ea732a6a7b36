//! Probes that train beside a model.
//!
//! An [`update`](OnlineProbes::update) never waits for the device; [`flush`](OnlineProbes::flush) does, once for all
//! updates since the last one.

mod accumulator;
mod error;
mod inputs;
mod phase;
mod probes;
mod queue;
mod spec;
mod standard;
mod uploads;

pub use error::UpdateError;
pub use inputs::ProbeInputs;
pub use phase::Phase;
pub use probes::OnlineProbes;
pub use spec::{MetricNames, OnlineProbeConfig};
pub use standard::{AGGREGATE, FIRST, RELATIVE_ACTION, SECOND, StandardProbes};

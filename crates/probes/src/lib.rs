//! Online and frozen probes, and their metrics, on any representation.

mod error;
pub mod frozen;
pub mod metrics;
pub mod online;
mod probe;

pub use error::ProbeError;
pub use metrics::{Metrics, OutputGroup};
pub use probe::{Network, Probe, ProbeConfig, ProbeOutput, Targets, Task};

//! One probe: a small network on frozen features.

mod config;
mod error;
mod layers;
mod output;
mod targets;
mod trained;

pub use config::{Network, ProbeConfig, Task};
pub use error::ProbeError;
pub(crate) use output::hits;
pub use output::{DeviceOutput, ProbeOutput};
pub(crate) use targets::DeviceTargets;
pub use targets::Targets;
pub use trained::Probe;

//! From one YAML file to one run folder: config, registries of methods and data sets, devices, resume, gates, embedding.
//!
//! The whole of a run is one YAML file and a few lines:
//!
//! ```no_run
//! use std::path::Path;
//! use seqjepa_run::{Config, Run, RunError};
//! use seqjepa_train::observer::Observers;
//!
//! # fn main() -> Result<(), RunError> {
//! let config = Config::load(Path::new("configs/quickstart.yaml"), &["run.epochs=2"])?;
//! let mut run = Run::start(config, &mut Observers::new())?;
//! let verdict = run.train(&mut Observers::new())?;
//! let card = run.evaluate(&mut Observers::new())?;
//! # Ok(())
//! # }
//! ```
//!
//! A method or a data set of one's own is a line: see [`Registry`].

/// The README's program compiles as it stands.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod code;
pub mod config;
mod config_file;
mod data;
pub mod device;
pub mod device_check;
mod device_failure;
pub mod embed;
mod fingerprint;
pub mod folder;
mod gates;
mod kernel_cache;
mod memory;
pub mod model_file;
mod precision;
#[cfg(feature = "progress")]
pub mod progress;
pub mod registry;
pub mod remote;
mod run;
mod run_devices;
pub mod sink;
pub mod sweep;
mod tracking;

pub use code::code_version;
pub use config::{Config, ConfigError};
pub use data::RunData;
pub use device_failure::DeviceFailure;
pub use fingerprint::DataFingerprint;
pub use folder::RunFolder;
pub use gates::{GateVerdict, evaluate_gates};
pub use memory::{MemoryEstimate, MemoryPart, MemoryThere};
pub use model_file::{LoadedModel, MayLack, Pretrained, PretrainedSource, published_probes};
pub use registry::Registry;
pub use run::{DrawPictures, Rehearsal, ResumeOptions, Run, RunCheckpoint, RunError, RunRecord, StepCost};
#[cfg(feature = "fault-injection")]
pub use seqjepa_train::storage::fault as fault_injection;
pub use tracking::{Tracked, TrackingVariables};

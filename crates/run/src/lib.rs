//! Configuration, devices, the training loop, checkpoints and evaluation of seq-JEPA.
//!
//! The whole of a run is one YAML file and a few lines:
//!
//! ```no_run
//! use std::path::Path;
//! use seqjepa_train::{Config, Run, TrainError, observer::Observers};
//!
//! # fn main() -> Result<(), TrainError> {
//! let config = Config::load(Path::new("configs/quickstart.yaml"), &["run.epochs=2"])?;
//! let mut run = Run::start(config, &mut Observers::new())?;
//! let verdict = run.train(&mut Observers::new())?;
//! let card = run.evaluate(&mut Observers::new())?;
//! # Ok(())
//! # }
//! ```
//!
//! [`Trainer`] is the loop alone, for a [`Method`](seqjepa_model::Method), data and probes of one's own.

mod batch;
mod build;
pub mod checkpoint;
mod collapse;
pub mod config;
mod data;
pub mod device;
pub mod embed;
mod error;
pub mod evaluation;
mod fingerprint;
mod gates;
mod lock;
mod metrics;
pub mod observer;
mod pretrained;
#[cfg(feature = "progress")]
pub mod progress;
pub mod report;
mod run;
pub mod run_folder;
mod schedule;
pub mod sink;
pub mod status;
mod stop;
mod storage;
mod trainer;

pub use batch::sequence_input;
pub use config::Config;
pub use data::{DataFingerprint, RunData};
pub use error::TrainError;
pub use evaluation::{EvaluationRequest, ResultCard, evaluate};
pub use gates::{GateVerdict, evaluate_gates};
pub use metrics::MetricsRow;
pub use pretrained::{Pretrained, PretrainedSource, published_probes};
pub use run::{ResumeOptions, Run};
pub use schedule::LearningRateSchedule;
pub use stop::StopFlag;
#[cfg(feature = "fault-injection")]
pub use storage::fault as fault_injection;
pub use trainer::{Advance, Loaders, Trainer};

//! The configuration of a run as plain data: one section a file, with a default for every key.
//!
//! [`Config::load`] reads a YAML file, applies dot overrides (`optim.lr=1e-3`), refuses keys it does not know (naming the
//! nearest one it does), and checks every value, so that a [`Config`] in hand is a config that can run.

mod compare;
#[expect(clippy::module_inception, reason = "the whole config, beside its sections")]
mod config;
mod dataset;
mod error;
mod gating;
mod logging;
mod machine;
mod model;
mod optim;
mod parts;
mod run;
mod schema;
mod wandb;

pub use compare::{ConfigDifference, without_user};
pub use config::Config;
pub use dataset::{DatasetConfig, SaliencyKind};
pub use error::ConfigError;
pub(crate) use error::{UNLOCATED, abridged, invalid};
pub use gating::GatingConfig;
pub use logging::LoggingConfig;
pub use model::{EmaScheduleKind, EncoderKind, ModelConfig, RegularizerKind};
pub use optim::{OptimConfig, OptimizerKind, SchedulerKind};
pub use run::{AllReduceName, BestMode, DeviceCheckLevel, PrecisionName, RunConfig};
pub use schema::ConfigKey;
pub(crate) use wandb::fits;
pub use wandb::{WandbConfig, WandbMode};

//! The YAML configuration of a run: everything a run needs, with a default for every key.
//!
//! [`Config::load`] reads a file, applies dot overrides (`optim.lr=1e-3`), refuses keys it does not know (naming the
//! nearest one it does), and checks every value, so that a [`Config`] in hand is a config that can run.

mod compare;
mod dataset;
mod eval;
mod flag;
mod gating;
mod load;
mod logging;
mod model;
mod optim;
mod run;

use serde::{Deserialize, Serialize};

pub use compare::ConfigDifference;
pub use dataset::DatasetConfig;
pub use eval::{EncoderChoice, EvalConfig, ProbeOptimizer, ProtocolKind, RegressorKind};
pub use gating::GatingConfig;
pub use logging::{LoggingConfig, WandbConfig};
pub use model::{EmaScheduleKind, EncoderKind, ModelConfig};
pub use optim::{OptimConfig, OptimizerKind, SchedulerKind};
pub use run::{BestMode, RunConfig};

use crate::TrainError;

/// Everything that defines a run; one YAML file.
///
/// The keys are those of the published baseline (see `docs/configuration.md` in the repository for the whole list).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The run: name, seed, device, length, where its folder goes.
    pub run: RunConfig,
    /// The data and the sequences formed from them.
    pub dataset: DatasetConfig,
    /// The model's sizes and variants.
    pub model: ModelConfig,
    /// The optimizer and its schedule, and the learning rate of the online probes.
    pub optim: OptimConfig,
    /// The frozen evaluation.
    pub eval: EvalConfig,
    /// Trackers beside the files of the run folder.
    pub logging: LoggingConfig,
    /// Thresholds that the last epoch's metrics must meet.
    pub gating: GatingConfig,
}

impl Config {
    /// Checks every value and the combinations that matter.
    ///
    /// # Errors
    ///
    /// [`TrainError::InvalidValue`] names the first key whose value is out of range, with what was expected and found;
    /// [`TrainError::Model`] for a model that cannot be built, as one whose heads do not divide its width.
    pub fn validate(&self) -> Result<(), TrainError> {
        self.run.validate()?;
        self.dataset.validate()?;
        self.model.validate()?;
        self.optim.validate(self.run.epochs)?;
        self.eval.validate()?;
        self.gating.validate()?;
        Ok(self.model_config().validate()?)
    }
}

/// Builds the error of a value that is out of range.
pub(crate) fn invalid(key: &'static str, expected: impl Into<String>, found: impl ToString) -> TrainError {
    TrainError::InvalidValue { key, expected: expected.into(), found: found.to_string() }
}

/// Refuses zero.
pub(crate) fn at_least_one(key: &'static str, value: usize) -> Result<(), TrainError> {
    if value == 0 { Err(invalid(key, "a whole number of at least 1", value)) } else { Ok(()) }
}

/// Refuses zero and values above `most`.
pub(crate) fn within(key: &'static str, value: usize, most: usize) -> Result<(), TrainError> {
    if (1..=most).contains(&value) { Ok(()) } else { Err(invalid(key, format!("1 to {most}"), value)) }
}

/// Refuses values that are not finite and above zero.
pub(crate) fn positive(key: &'static str, value: f64) -> Result<(), TrainError> {
    if value.is_finite() && value > 0.0 {
        Ok(())
    } else {
        Err(invalid(key, "a finite number above 0", value))
    }
}

/// Refuses values that are not finite or are below zero.
pub(crate) fn non_negative(key: &'static str, value: f64) -> Result<(), TrainError> {
    if value.is_finite() && value >= 0.0 {
        Ok(())
    } else {
        Err(invalid(key, "a finite number of at least 0", value))
    }
}

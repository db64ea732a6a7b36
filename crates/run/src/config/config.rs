use std::collections::BTreeMap;

use seqjepa_evaluation::EvaluationSettings;
use serde::{Deserialize, Serialize};
use serde_yaml::Value;

use super::dataset::DatasetConfig;
use super::error::ConfigError;
use super::gating::GatingConfig;
use super::logging::LoggingConfig;
use super::model::ModelConfig;
use super::optim::OptimConfig;
use super::run::RunConfig;

/// Everything that defines a run; one YAML file.
///
/// The keys are those of the published baseline (see `docs/configuration.md` in the repository for the whole list).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// The method, by its name in the registry. Default `seqjepa`.
    pub method: String,
    /// The run: name, seed, device, length, where its folder goes.
    pub run: RunConfig,
    /// The data and the sequences formed from them.
    pub dataset: DatasetConfig,
    /// The encoder's sizes and variants, and those of seq-JEPA.
    pub model: ModelConfig,
    /// The optimizer and its schedule, and the learning rate of the online probes.
    pub optim: OptimConfig,
    /// The frozen evaluation.
    pub eval: EvaluationSettings,
    /// Trackers beside the files of the run folder.
    pub logging: LoggingConfig,
    /// Thresholds that the last epoch's metrics must meet.
    pub gating: GatingConfig,
    /// The section of the method's own settings, under the method's name. `seqjepa` has none: its keys are in `model`.
    #[serde(flatten)]
    pub method_settings: BTreeMap<String, Value>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            method: "seqjepa".into(),
            run: RunConfig::default(),
            dataset: DatasetConfig::default(),
            model: ModelConfig::default(),
            optim: OptimConfig::default(),
            eval: EvaluationSettings::default(),
            logging: LoggingConfig::default(),
            gating: GatingConfig::default(),
            method_settings: BTreeMap::new(),
        }
    }
}

impl Config {
    /// Checks every value of the sections, and the combinations that matter.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] or [`ConfigError::Evaluation`] for the first key whose value is out of range, with what was
    /// expected and found.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.run.validate()?;
        self.dataset.validate()?;
        self.model.validate()?;
        self.optim.validate(self.run.epochs)?;
        self.eval.validate()?;
        self.logging.validate()?;
        self.gating.validate()
    }

    /// The whole config as YAML, defaults included: what a run folder keeps.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        serde_yaml::to_string(self).expect("a config is plain data")
    }

    /// The whole config as JSON: what a result card keeps.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("a config is plain data")
    }
}

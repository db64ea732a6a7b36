use std::collections::BTreeMap;

use schemars::JsonSchema;
use seqjepa_evaluation::EvaluationSettings;
use serde::{Deserialize, Serialize};
use serde_yaml::Value;

use super::dataset::DatasetConfig;
use super::error::{ConfigError, invalid};
use super::gating::GatingConfig;
use super::logging::LoggingConfig;
use super::model::ModelConfig;
use super::optim::OptimConfig;
use super::run::RunConfig;

/// Everything that defines a run; one YAML file.
///
/// The keys are those of the published baseline (`docs/configuration-reference.md` in the repository lists all).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    #[schemars(with = "BTreeMap<String, BTreeMap<String, serde_json::Value>>")]
    pub method_settings: BTreeMap<String, Value>,
}

/// What one batch of views, or the images of the built-in set, may take.
const MOST_BYTES: u128 = 64 << 30;

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
    /// [`ConfigError::Invalid`] for the first key whose value is out of range, with what was
    /// expected and found.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.run.validate()?;
        self.dataset.validate()?;
        self.model.validate()?;
        self.optim.validate(self.run.epochs)?;
        self.eval.validate()?;
        self.logging.validate()?;
        self.gating.validate()?;
        self.validate_recompute()?;
        self.validate_sizes()
    }

    fn validate_recompute(&self) -> Result<(), ConfigError> {
        let stages = self.encoder().stages();
        match self.run.recompute.iter().find(|stage| !(1..=stages).contains(*stage)) {
            None => Ok(()),
            Some(stage) => {
                let expected = match stages {
                    1 => "nothing but 1, all layers of the vision transformer".to_owned(),
                    stages => format!("stages from 1 to {stages}"),
                };
                Err(invalid("run.recompute", expected, stage))
            }
        }
    }

    /// Refuses batches and images that no machine holds, each value of which is in its range.
    fn validate_sizes(&self) -> Result<(), ConfigError> {
        let view = 3 * (self.model.img_size as u128).pow(2);
        let (dataset, eval) = (&self.dataset, &self.eval);
        let source = 3 * (self.source_size() as u128).pow(2);
        let batch = |size: usize, views: usize| 4 * view * size as u128 * views as u128;
        let images = |count: usize| source * count as u128;
        for (key, what, value, bytes) in [
            (
                "dataset.batch_size",
                "a batch",
                dataset.batch_size,
                batch(dataset.batch_size, dataset.seq_len + 1),
            ),
            (
                "eval.batch_size",
                "a batch",
                eval.batch_size,
                batch(eval.batch_size, eval.views().max(eval.candidates) + 1),
            ),
            ("dataset.synthetic_train", "images", dataset.synthetic_train, images(dataset.synthetic_train)),
            ("dataset.synthetic_val", "images", dataset.synthetic_val, images(dataset.synthetic_val)),
        ] {
            if bytes > MOST_BYTES {
                let gib = bytes >> 30;
                let expected =
                    format!("{what} of at most {} GiB with views of model.img_size", MOST_BYTES >> 30);
                return Err(invalid(key, expected, format!("{value}, which makes {gib} GiB")));
            }
        }
        Ok(())
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

    /// The same with the config of the data that a model was evaluated on, under the key `transfer`, where it was not trained on them.
    #[must_use]
    pub fn to_json_with_transfer(&self, transfer: &Self) -> serde_json::Value {
        let mut json = self.to_json();
        json["transfer"] = transfer.to_json();
        json
    }
}

use seqjepa_train::storage::StorageError;
pub(crate) use seqjepa_train::storage::abridged;
use thiserror::Error;

use crate::config_file::Origins;
use crate::device::DeviceError;

/// A config that cannot be read or used, with what was expected and what was found.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file could not be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Text that is not YAML.
    #[error("{origin}: expected sections of keys as YAML, found {found}")]
    Syntax {
        /// The file.
        origin: String,
        /// What is wrong, with line and column.
        found: String,
    },
    /// A key that no section has.
    #[error("unknown key `{key}` in {origin}; {hint}")]
    UnknownKey {
        /// The key with its section.
        key: String,
        /// The file, or the override.
        origin: String,
        /// The known key most like it, or how the key is written.
        hint: String,
    },
    /// A value of the wrong type.
    #[error("`{key}` in {origin}: expected {expected}, found {found}")]
    Mistyped {
        /// The key with its section.
        key: String,
        /// The file, or the override.
        origin: String,
        /// What would be taken.
        expected: String,
        /// The value.
        found: String,
    },
    /// A value out of range.
    #[error("`{key}`{}: expected {expected}, found {found}", place(origin.as_deref()))]
    Invalid {
        /// The key with its section.
        key: &'static str,
        /// The file, or the override; none for a config that was not read.
        origin: Option<String>,
        /// What would be taken.
        expected: String,
        /// The value.
        found: String,
    },
    /// Values of a config that do not go together, or make something that cannot be.
    #[error("{origin}: {source}{}", listed(keys))]
    In {
        /// The file, and the overrides of these keys.
        origin: String,
        /// The keys that it may be of, or their section; a `*` stands for any ending.
        keys: &'static [&'static str],
        /// What is wrong.
        source: Box<Self>,
    },
    /// An override that cannot be read.
    #[error("the override `{text}`: expected section.key=value, found {found}")]
    Override {
        /// The override.
        text: String,
        /// What is wrong with it.
        found: String,
    },
    /// A device that there is no name for.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A model that cannot be built.
    #[error(transparent)]
    Model(#[from] seqjepa_model::ModelError),
    /// An optimizer that cannot be built.
    #[error(transparent)]
    Optimizer(#[from] seqjepa_nn::NnError),
    /// A data set or a distribution of views that cannot be.
    #[error(transparent)]
    Data(#[from] seqjepa_data::DataError),
}

impl From<seqjepa_evaluation::SettingError> for ConfigError {
    fn from(error: seqjepa_evaluation::SettingError) -> Self {
        Self::Invalid { key: error.key, origin: None, expected: error.expected, found: error.found }
    }
}

/// The place of a value in a config of unknown origin.
pub(crate) const UNLOCATED: &str = "the config";

impl ConfigError {
    /// The error with the file and the overrides that a config was read from: some values are found wrong only when a run is made of
    /// them, as `run.best_metric`.
    #[must_use]
    pub fn located<S: AsRef<str>>(self, file: &str, overrides: &[S]) -> Self {
        self.found_in(&Origins::with_overrides(file, overrides))
    }

    /// The error with the place of its key, or of all that may be behind it.
    pub(crate) fn found_in(self, origins: &Origins<'_>) -> Self {
        match self {
            Self::Invalid { key, origin: None, expected, found } => {
                Self::Invalid { key, origin: Some(origins.of(Some(key))), expected, found }
            }
            Self::Device(_) | Self::Model(_) | Self::Optimizer(_) | Self::Data(_) => {
                let keys = self.keys();
                Self::In { origin: origins.of_any(keys), keys, source: Box::new(self) }
            }
            Self::Mistyped { key, origin, expected, found } if origin == UNLOCATED => {
                Self::Mistyped { origin: origins.of(Some(&key)), key, expected, found }
            }
            error => error,
        }
    }

    /// The keys of a config behind what a part of it says of its own settings.
    fn keys(&self) -> &'static [&'static str] {
        let field = match self {
            Self::Model(seqjepa_model::ModelError::Config { field, .. }) => *field,
            Self::Model(_) => return &["model"],
            Self::Device(_) => return &["run.device"],
            Self::Optimizer(_) => return &["optim"],
            _ => return &["dataset", "model.img_size"],
        };
        match field {
            "layers" => &["model.num_enc_layers"],
            "dropout" => &["model.dropout"],
            "target.ema.decay" => &["model.ema_decay"],
            "predictor.mlp.hidden" => &["model.pred_hidden"],
            "action_dim" => &["model.act_latentdim"],
            "heads" => &["model.num_heads"],
            "encoder.image_size" | "encoder.patch" => &["model.img_size", "model.vit_patch"],
            field if field.starts_with("encoder.") => &["model.width", "model.vit_*"],
            field if field.starts_with("the token width") => {
                &["model.width", "model.vit_width", "model.act_projdim", "model.num_heads"]
            }
            _ => &["model"],
        }
    }
}

fn listed(keys: &[&str]) -> String {
    let keys: Vec<_> = keys.iter().map(|key| format!("`{key}`")).collect();
    format!("; keys: {}", keys.join(", "))
}

fn place(origin: Option<&str>) -> String {
    origin.map_or_else(String::new, |origin| format!(" in {origin}"))
}

/// Builds the error of a value that is out of range.
pub(crate) fn invalid(key: &'static str, expected: impl Into<String>, found: impl ToString) -> ConfigError {
    ConfigError::Invalid { key, origin: None, expected: expected.into(), found: found.to_string() }
}

/// Refuses zero.
pub(crate) fn at_least_one(key: &'static str, value: usize) -> Result<(), ConfigError> {
    if value == 0 { Err(invalid(key, "a whole number of at least 1", value)) } else { Ok(()) }
}

/// Refuses zero and values above `most`.
pub(crate) fn within(key: &'static str, value: usize, most: usize) -> Result<(), ConfigError> {
    if (1..=most).contains(&value) { Ok(()) } else { Err(invalid(key, format!("1 to {most}"), value)) }
}

/// Refuses values that are not above zero, or are above `most`.
pub(crate) fn positive_to(key: &'static str, value: f64, most: f64) -> Result<(), ConfigError> {
    // Not a number is neither.
    if value > 0.0 && value <= most {
        Ok(())
    } else {
        Err(invalid(key, format!("a number above 0, at most {}", number(most)), number(value)))
    }
}

/// Refuses values outside of `least` to `most`.
pub(crate) fn between(key: &'static str, value: f64, least: f64, most: f64) -> Result<(), ConfigError> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(invalid(key, format!("{} to {}", number(least), number(most)), number(value)))
    }
}

/// A number as people write it: not with 300 digits.
pub(super) fn number(value: f64) -> String {
    let plain = value == 0.0 || (1e-6..1e16).contains(&value.abs());
    if plain { value.to_string() } else { format!("{value:e}") }
}

use seqjepa_train::storage::StorageError;
use thiserror::Error;

use crate::device::DeviceError;

/// A config that cannot be read or used, with what was expected and what was found.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file could not be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Text that is not YAML.
    #[error("{origin} is not valid YAML: {message}")]
    Syntax {
        /// The file.
        origin: String,
        /// The parser's words, with line and column.
        message: String,
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
    #[error("{origin}: {source}{}", keys.map_or_else(String::new, |keys| format!("; keys: {keys}")))]
    In {
        /// The file.
        origin: String,
        /// The keys that it may be of.
        keys: Option<&'static str>,
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

impl ConfigError {
    /// The error with the place that `origin_of` knows for its key, or for the whole config where it has none.
    pub(crate) fn found_in(self, origin_of: impl Fn(Option<&str>) -> String) -> Self {
        match self {
            Self::Invalid { key, origin: None, expected, found } => {
                Self::Invalid { key, origin: Some(origin_of(Some(key))), expected, found }
            }
            Self::Device(_) | Self::Model(_) | Self::Optimizer(_) | Self::Data(_) => {
                Self::In { origin: origin_of(None), keys: self.keys(), source: Box::new(self) }
            }
            error => error,
        }
    }
}

impl ConfigError {
    /// The keys of a config behind what a model says of its own settings.
    fn keys(&self) -> Option<&'static str> {
        let Self::Model(seqjepa_model::ModelError::Config { field, .. }) = self else { return None };
        Some(match *field {
            "layers" => "`model.num_enc_layers`",
            "dropout" => "`model.dropout`",
            "target.ema.decay" => "`model.ema_decay`",
            "predictor.mlp.hidden" => "`model.pred_hidden`",
            "action_dim" => "`model.act_latentdim`",
            "heads" => "`model.num_heads`",
            "encoder.image_size" | "encoder.patch" => "`model.img_size` and `model.vit_patch`",
            field if field.starts_with("encoder.") => "`model.width`, or `model.vit_*`",
            field if field.starts_with("the token width") => {
                "`model.width` or `model.vit_width`, `model.act_projdim`, `model.num_heads`"
            }
            _ => "those of the section `model`",
        })
    }
}

fn place(origin: Option<&str>) -> String {
    origin.map_or_else(String::new, |origin| format!(" in {origin}"))
}

/// Builds the error of a value that is out of range.
pub(crate) fn invalid(key: &'static str, expected: impl Into<String>, found: impl ToString) -> ConfigError {
    ConfigError::Invalid { key, origin: None, expected: expected.into(), found: found.to_string() }
}

/// A text for a message: its beginning, where it is long.
pub(crate) fn abridged(text: &str) -> String {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}... ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
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

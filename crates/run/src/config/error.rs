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
    #[error("`{key}` in {origin}: {message}")]
    Mistyped {
        /// The key with its section.
        key: String,
        /// The file, or the override.
        origin: String,
        /// What was expected and found.
        message: String,
    },
    /// A value out of range.
    #[error("`{key}`: expected {expected}, found {found}")]
    Invalid {
        /// The key with its section.
        key: &'static str,
        /// What would be taken.
        expected: String,
        /// The value.
        found: String,
    },
    /// An override that cannot be read.
    #[error("override `{text}`: expected section.key=value, but {message}")]
    Override {
        /// The override.
        text: String,
        /// What is wrong with it.
        message: String,
    },
    /// A device that there is no name for.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A setting of the frozen evaluation.
    #[error(transparent)]
    Evaluation(#[from] seqjepa_evaluation::SettingError),
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

/// Builds the error of a value that is out of range.
pub(crate) fn invalid(key: &'static str, expected: impl Into<String>, found: impl ToString) -> ConfigError {
    ConfigError::Invalid { key, expected: expected.into(), found: found.to_string() }
}

/// Refuses zero.
pub(crate) fn at_least_one(key: &'static str, value: usize) -> Result<(), ConfigError> {
    if value == 0 { Err(invalid(key, "a whole number of at least 1", value)) } else { Ok(()) }
}

/// Refuses zero and values above `most`.
pub(crate) fn within(key: &'static str, value: usize, most: usize) -> Result<(), ConfigError> {
    if (1..=most).contains(&value) { Ok(()) } else { Err(invalid(key, format!("1 to {most}"), value)) }
}

/// Refuses values that are not finite and above zero.
pub(crate) fn positive(key: &'static str, value: f64) -> Result<(), ConfigError> {
    if value.is_finite() && value > 0.0 {
        Ok(())
    } else {
        Err(invalid(key, "a finite number above 0", value))
    }
}

/// Refuses values that are not finite or are below zero.
pub(crate) fn non_negative(key: &'static str, value: f64) -> Result<(), ConfigError> {
    if value.is_finite() && value >= 0.0 {
        Ok(())
    } else {
        Err(invalid(key, "a finite number of at least 0", value))
    }
}

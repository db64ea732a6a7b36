use thiserror::Error;

/// A setting whose value is out of range.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{key}`: expected {expected}, found {found}")]
#[non_exhaustive]
pub struct SettingError {
    /// The setting, as `eval.seq_len`.
    pub key: &'static str,
    /// What would be taken.
    pub expected: String,
    /// The value.
    pub found: String,
}

impl SettingError {
    pub(super) fn new(key: &'static str, expected: impl Into<String>, found: impl ToString) -> Self {
        Self { key, expected: expected.into(), found: found.to_string() }
    }
}

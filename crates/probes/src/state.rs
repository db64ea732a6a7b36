//! Saved states that do not fit.

/// An entry of a saved state that is missing, unknown, or does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("probe state entry `{name}`: {problem}")]
#[non_exhaustive]
pub struct StateError {
    /// The entry.
    pub name: String,
    /// What was expected, and what is wrong with it.
    pub problem: String,
}

impl StateError {
    pub(crate) fn new(name: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { name: name.into(), problem: problem.into() }
    }
}

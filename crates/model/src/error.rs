//! The crate's error type.

/// Why a model cannot be built, fed, loaded or saved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A configuration value is out of its range or contradicts another one.
    #[error("model configuration: {field} must be {expected}, found {found}")]
    Config {
        /// The field or combination of fields.
        field: &'static str,
        /// What is allowed.
        expected: String,
        /// What was given.
        found: String,
    },
    /// An input tensor has a shape that the model cannot take.
    #[error("model input `{input}`: expected shape {expected}, found {found:?}")]
    InputShape {
        /// The input tensor.
        input: &'static str,
        /// The expected shape, symbolic where it is free.
        expected: String,
        /// The shape found.
        found: Vec<usize>,
    },
    /// A module refused named tensors.
    #[error(transparent)]
    Nn(#[from] seqjepa_nn::NnError),
}

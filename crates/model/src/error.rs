//! Why a model cannot be built or fed. What goes wrong with files is in [`ExchangeError`](crate::ExchangeError).

/// Why a model cannot be built or fed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A configuration value is out of its range or contradicts another one.
    #[error("model configuration: {field}: expected {expected}, found {found}")]
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
    /// An input tensor that the model needs is not there.
    #[error("model input `{input}`: expected shape {expected}, found none")]
    MissingInput {
        /// The input tensor.
        input: &'static str,
        /// The expected shape, symbolic where it is free.
        expected: String,
    },
    /// A module refused named tensors.
    #[error(transparent)]
    Nn(#[from] seqjepa_nn::NnError),
}

impl ModelError {
    /// An error about one value of a configuration.
    pub(crate) fn config(field: &'static str, expected: impl Into<String>, found: impl ToString) -> Self {
        Self::Config { field, expected: expected.into(), found: found.to_string() }
    }

    /// An error about the shape of an input.
    pub(crate) fn shape(input: &'static str, expected: String, found: &[usize]) -> Self {
        Self::InputShape { input, expected, found: found.to_vec() }
    }
}

//! The crate's error type.

/// What can go wrong when named tensors are put into a module or an optimizer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NnError {
    /// The module has a tensor that the state dict lacks.
    #[error("the state dict has no tensor `{name}`, the module expects it with shape {expected:?}")]
    MissingTensor {
        /// Dotted path of the tensor.
        name: String,
        /// Shape that the module expects.
        expected: Vec<usize>,
    },
    /// The state dict has a tensor that the module does not know.
    #[error("the module has no tensor `{name}`, the state dict brings it with shape {found:?}")]
    UnexpectedTensor {
        /// Dotted path of the tensor.
        name: String,
        /// Shape that was found.
        found: Vec<usize>,
    },
    /// The same name occurs twice in a state dict.
    #[error("the state dict holds the tensor `{name}` twice")]
    DuplicateTensor {
        /// Dotted path of the tensor.
        name: String,
    },
    /// A tensor has another shape than the module's.
    #[error("tensor `{name}`: expected shape {expected:?}, found {found:?}")]
    ShapeMismatch {
        /// Dotted path of the tensor.
        name: String,
        /// Shape that the module expects.
        expected: Vec<usize>,
        /// Shape that was found.
        found: Vec<usize>,
    },
    /// A tensor's elements cannot stand for the module's.
    #[error("tensor `{name}`: expected {expected} elements, found {found}")]
    KindMismatch {
        /// Dotted path of the tensor.
        name: String,
        /// Kind of elements that the module expects, `float` or `integer`.
        expected: &'static str,
        /// Data type that was found.
        found: String,
    },
    /// A counter holds something that is not a count.
    #[error("tensor `{name}`: expected a count from 0 to {expected}, found {found}")]
    CountOutOfRange {
        /// Dotted path of the tensor.
        name: String,
        /// The largest count.
        expected: i32,
        /// What was found.
        found: f64,
    },
    /// An optimizer's setting, or a learning rate, is out of its range.
    #[error("optimizer setting `{setting}` must be {expected}, got {found}")]
    OptimizerSetting {
        /// The setting.
        setting: &'static str,
        /// Its range.
        expected: &'static str,
        /// What was given.
        found: f64,
    },
    /// An optimizer's state dict has an entry that the configured rule does not keep.
    #[error("state entry `{name}` is not one that {rule} keeps (it keeps {expected})")]
    UnknownOptimizerState {
        /// Dotted path of the entry.
        name: String,
        /// The configured rule.
        rule: &'static str,
        /// The entries that the rule keeps for each parameter.
        expected: String,
    },
    /// An optimizer got the gradient of a parameter that the module does not have.
    #[error("there is a gradient for `{name}`, which is not a parameter of this module")]
    StrayGradient {
        /// Dotted path of the parameter.
        name: String,
    },
}

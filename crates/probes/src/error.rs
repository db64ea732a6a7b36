//! The crate's error type.

use seqjepa_nn::NnError;

/// What can go wrong in probes and metrics.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// A buffer or tensor does not have the size that its companions ask for.
    #[error("{what}: expected {expected}, found {found}")]
    Size {
        /// What was measured.
        what: String,
        /// The size that was expected.
        expected: usize,
        /// The size that was found.
        found: usize,
    },
    /// A class label is not below the number of classes.
    #[error("label {label} of sample {index} is out of range: expected less than {classes}")]
    Label {
        /// The label.
        label: u32,
        /// Its position in the batch.
        index: usize,
        /// Number of classes.
        classes: usize,
    },
    /// Something that was given holds a NaN or an infinity.
    #[error("{what} must be finite, found {found} at index {index}")]
    NonFinite {
        /// What was looked at.
        what: String,
        /// Position of the first such value.
        index: usize,
        /// The value.
        found: f64,
    },
    /// A probe's loss or predictions are no longer finite, though its features are.
    #[error(
        "probe `{probe}` diverged at step {step}: its features are finite, its predictions are not; \
         lower its learning rate (now {lr}) or standardise its features"
    )]
    Diverged {
        /// The probe.
        probe: String,
        /// Its step, counted from 1.
        step: u64,
        /// Its learning rate.
        lr: f64,
    },
    /// A setting is out of range.
    #[error("probe setting `{setting}` must be {expected}, found {found}")]
    Setting {
        /// The setting.
        setting: String,
        /// Its range.
        expected: String,
        /// What was found.
        found: String,
    },
    /// A probe asks for a representation or target that the caller did not give.
    #[error("probe `{probe}` needs {what} `{name}`, which was not given")]
    Missing {
        /// The probe.
        probe: String,
        /// What kind of thing is missing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A saved state does not fit.
    #[error("probe state entry `{name}`: {problem}")]
    State {
        /// The entry.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A matrix decomposition did not converge.
    #[error("the {what} of a {size} x {size} matrix did not converge")]
    Decomposition {
        /// The decomposition.
        what: &'static str,
        /// Rows and columns of the matrix.
        size: usize,
    },
    /// Optimizer or parameter trouble.
    #[error(transparent)]
    Nn(#[from] NnError),
    /// A feature source could not deliver.
    #[error("the {split} features of pass {pass} could not be had")]
    Source {
        /// `train` or `test`.
        split: &'static str,
        /// The pass that was asked for.
        pass: usize,
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ProbeError {
    pub(crate) fn setting(
        setting: impl Into<String>,
        expected: impl Into<String>,
        found: impl ToString,
    ) -> Self {
        Self::Setting { setting: setting.into(), expected: expected.into(), found: found.to_string() }
    }
}

/// Refuses another size than the expected one.
pub(crate) fn check_size(what: &str, expected: usize, found: usize) -> Result<(), ProbeError> {
    if expected == found { Ok(()) } else { Err(ProbeError::Size { what: what.to_owned(), expected, found }) }
}

/// Refuses values that are not finite.
pub(crate) fn check_finite<T: Into<f64> + Copy>(what: &str, values: &[T]) -> Result<(), ProbeError> {
    match values.iter().position(|value| !(*value).into().is_finite()) {
        None => Ok(()),
        Some(index) => {
            Err(ProbeError::NonFinite { what: what.to_owned(), index, found: values[index].into() })
        }
    }
}

/// Refuses labels out of range.
pub(crate) fn check_labels(labels: &[u32], classes: usize) -> Result<(), ProbeError> {
    match labels.iter().position(|label| *label as usize >= classes) {
        None => Ok(()),
        Some(index) => Err(ProbeError::Label { label: labels[index], index, classes }),
    }
}

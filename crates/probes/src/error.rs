//! What the functions on slices refuse.

/// Features, targets or settings that cannot be measured.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
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
}

impl InputError {
    pub(crate) fn setting(
        setting: impl Into<String>,
        expected: impl Into<String>,
        found: impl ToString,
    ) -> Self {
        Self::Setting { setting: setting.into(), expected: expected.into(), found: found.to_string() }
    }
}

/// Why an exact probe or a spectrum cannot be computed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NumericError {
    /// Features, targets or a setting are refused.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A matrix decomposition did not converge.
    #[error("the {what} of a {size} x {size} matrix did not converge")]
    Decomposition {
        /// The decomposition.
        what: &'static str,
        /// Rows and columns of the matrix.
        size: usize,
    },
}

/// Refuses another size than the expected one.
pub(crate) fn check_size(what: &str, expected: usize, found: usize) -> Result<(), InputError> {
    if expected == found { Ok(()) } else { Err(InputError::Size { what: what.to_owned(), expected, found }) }
}

/// Refuses values that are not finite.
pub(crate) fn check_finite<T: Into<f64> + Copy>(what: &str, values: &[T]) -> Result<(), InputError> {
    match values.iter().position(|value| !(*value).into().is_finite()) {
        None => Ok(()),
        Some(index) => {
            Err(InputError::NonFinite { what: what.to_owned(), index, found: values[index].into() })
        }
    }
}

/// Logits, votes or weights of one fit: 1 GiB of f64.
const MAX_BY_CLASS: usize = 1 << 27;

/// Refuses more classes than there is memory for numbers of each.
pub(crate) fn check_classes(what: &str, each: usize, classes: usize) -> Result<(), InputError> {
    if each.saturating_mul(classes) <= MAX_BY_CLASS {
        return Ok(());
    }
    let expected = format!("at most {MAX_BY_CLASS} {what} of all classes together");
    Err(InputError::setting("classes", expected, format!("{classes} classes of {each}")))
}

/// Refuses labels out of range.
pub(crate) fn check_labels(labels: &[u32], classes: usize) -> Result<(), InputError> {
    match labels.iter().position(|label| *label as usize >= classes) {
        None => Ok(()),
        Some(index) => Err(InputError::Label { label: labels[index], index, classes }),
    }
}

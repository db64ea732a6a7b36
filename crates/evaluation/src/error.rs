//! Why an evaluation ends without a card.

use seqjepa_data::DataError;
use seqjepa_model::ModelError;
use seqjepa_train::observer::ObserverError;
use seqjepa_train::storage::StorageError;
use thiserror::Error;

use crate::settings::SettingError;

/// Why an evaluation ends without a card. What a single figure cannot be had for is no such error: it stands in the card in
/// place of the figure.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EvaluationError {
    /// A setting out of range.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The target encoder is asked for, and there is none.
    #[error("`eval.encoder` is target: expected a target encoder, found {found}")]
    TargetEncoder {
        /// What there is instead.
        found: String,
    },
    /// The two splits are not of one kind.
    #[error("the sequences of the two splits: expected {expected} in both, found {found} in the test split")]
    Splits {
        /// That of the training split.
        expected: String,
        /// That of the test split.
        found: String,
    },
    /// Data that are to be evaluated by their clean images, and have none.
    #[error("the data set `{data}`: expected clean images, from which transfer is measured, found none")]
    Clean {
        /// The data set.
        data: String,
    },
    /// Data that are to be evaluated by their classes, and have none.
    #[error("the data set `{data}`: transfer is measured by classes: {reason}")]
    Classes {
        /// The data set.
        data: String,
        /// What was expected and found.
        reason: String,
    },
    /// A method that does not do what it declares.
    #[error("method `{method}`: expected {expected}, as it declares, found {found}")]
    Method {
        /// Its name.
        method: String,
        /// What it declares.
        expected: String,
        /// What it gives.
        found: String,
    },
    /// Sequences that cannot be made.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A method that does not take the sequences.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A file of features that cannot be written or read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// An observer that could not go on.
    #[error(transparent)]
    Observer(#[from] ObserverError),
}

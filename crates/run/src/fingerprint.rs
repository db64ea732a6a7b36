//! What tells one data set from another, for a resumed run.

use serde::{Deserialize, Serialize};

use crate::registry::DataSet;

/// The fingerprints of both splits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFingerprint {
    /// Of the training split.
    pub train: String,
    /// Of the test split.
    pub test: String,
}

impl DataFingerprint {
    /// The fingerprint of a data set.
    #[must_use]
    pub fn of(data: &DataSet) -> Self {
        Self { train: data.train.fingerprint().to_string(), test: data.test.fingerprint().to_string() }
    }
}

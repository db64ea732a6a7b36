//! What tells one data set from another, for a resumed run.

use serde::{Deserialize, Serialize};

use crate::registry::DataSet;

/// The fingerprints of the splits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFingerprint {
    /// Of the training split.
    pub train: String,
    /// Of the test split.
    pub test: String,
    /// Of the split that frozen probes are fitted to, where it is one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe_train: Option<String>,
}

impl DataFingerprint {
    /// The fingerprint of a data set.
    #[must_use]
    pub fn of(data: &DataSet) -> Self {
        Self {
            train: data.train.fingerprint().to_string(),
            test: data.test.fingerprint().to_string(),
            probe_train: data.probe_train.as_ref().map(|source| source.fingerprint().to_string()),
        }
    }
}

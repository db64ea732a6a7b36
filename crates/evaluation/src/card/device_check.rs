use serde::{Deserialize, Serialize};

/// Whether a run's device was checked before it was trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum DeviceCheck {
    /// It was, and computes rightly.
    Passed(DeviceCheckRecord),
    /// It was not.
    Skipped {
        /// Why, as `run.device_check is off`.
        skipped: String,
    },
}

impl DeviceCheck {
    /// What was found, if there was a check.
    #[must_use]
    pub fn record(&self) -> Option<&DeviceCheckRecord> {
        match self {
            Self::Passed(record) => Some(record),
            Self::Skipped { .. } => None,
        }
    }
}

/// What the check of a device before training has found: its arithmetic was held against a reference's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceCheckRecord {
    /// The backend that was checked.
    pub backend: String,
    /// What it was held against.
    pub reference: String,
    /// Sequences of the batch.
    pub sequences: usize,
    /// How many tensors were compared.
    pub tensors: usize,
    /// The largest distance as a share of what is right for its kind, at most 1.
    pub share: f64,
    /// Of which tensor.
    pub largest: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_which_it_was() {
        let passed = r#"{"backend":"cuda","reference":"flex","sequences":8,"tensors":3,"share":0.5,"largest":"the loss"}"#;
        let skipped = r#"{"skipped":"run.device_check is off"}"#;
        for (text, checked) in [(passed, true), (skipped, false)] {
            let check: DeviceCheck = serde_json::from_str(text).unwrap();
            assert_eq!(check.record().is_some(), checked);
            assert_eq!(serde_json::to_string(&check).unwrap(), text);
        }
    }
}

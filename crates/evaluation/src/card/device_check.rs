use serde::{Deserialize, Serialize};

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

//! A figure and how sure it is.

use serde::{Deserialize, Serialize};

/// A figure over the test samples with its bootstrap interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Lower and upper end of its interval; absent if none was asked for, and for a single sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
}

impl Estimate {
    /// The same in another unit, as percent by a factor of 100.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self { value: factor * self.value, interval: self.interval.map(|ends| ends.map(|end| factor * end)) }
    }
}

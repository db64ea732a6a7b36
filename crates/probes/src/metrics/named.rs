//! An ordered set of named figures.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// Named figures in the order in which they were added: the columns of one line of `metrics.jsonl`.
/// Serializes as a map. A figure that is not defined (no labels, no samples) is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Metrics {
    entries: IndexMap<String, f64>,
}

impl Metrics {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a figure at the end, or replaces the one of that name.
    pub fn insert(&mut self, name: impl Into<String>, value: f64) {
        self.entries.insert(name.into(), value);
    }

    /// The figure of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        self.entries.get(name).copied()
    }

    /// Names and figures in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.entries.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// Number of figures.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no figures.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds all of `other`'s figures.
    pub fn extend(&mut self, other: Self) {
        self.entries.extend(other.entries);
    }
}

impl IntoIterator for Metrics {
    type Item = (String, f64);
    type IntoIter = indexmap::map::IntoIter<String, f64>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_its_order_through_json() {
        let mut metrics = Metrics::new();
        metrics.insert("z", 1.0);
        metrics.insert("a", 2.5);
        metrics.insert("z", 3.0);
        let text = serde_json::to_string(&metrics).unwrap();
        assert_eq!(text, r#"{"z":3.0,"a":2.5}"#);
        assert_eq!(serde_json::from_str::<Metrics>(&text).unwrap(), metrics);
        assert_eq!(metrics.get("a"), Some(2.5));
        assert_eq!(metrics.get("b"), None);
    }
}

use super::message::Item;
use super::number;

/// What is logged at once: one row of the run's history.
#[derive(Debug, Clone, Default)]
pub struct Row {
    pub(super) items: Vec<Item>,
}

impl Row {
    /// A row that holds nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The row with a figure more. One that is not finite stays what it is. A name that begins with `_` may be one of W&B's own.
    #[must_use]
    pub fn with(mut self, name: &str, value: f64) -> Self {
        self.push(name, value);
        self
    }

    /// Adds a figure.
    pub fn push(&mut self, name: &str, value: f64) {
        self.items.push(item(name, number::json(value)));
    }
}

impl<'n> FromIterator<(&'n str, f64)> for Row {
    fn from_iter<I: IntoIterator<Item = (&'n str, f64)>>(figures: I) -> Self {
        Self { items: figures.into_iter().map(|(name, value)| item(name, number::json(value))).collect() }
    }
}

/// A value under a name, which is never split at its dots.
pub(super) fn item(name: &str, value_json: String) -> Item {
    Item { nested_key: vec![name.to_owned()], value_json, ..Item::default() }
}

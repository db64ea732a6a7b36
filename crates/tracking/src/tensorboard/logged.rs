use super::message::{Event, Value};

/// An event that a log holds already, as [`EventLog::resume`](super::EventLog::resume) shows it.
#[derive(Debug)]
pub struct LoggedEvent<'a> {
    pub(super) event: &'a Event,
}

impl LoggedEvent<'_> {
    /// Its step.
    #[must_use]
    pub fn step(&self) -> u64 {
        u64::try_from(self.event.step).unwrap_or(0)
    }

    /// The tags of all that it holds.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.values().map(|value| value.tag.as_str())
    }

    /// The scalar of that tag.
    #[must_use]
    pub fn scalar(&self, tag: &str) -> Option<f32> {
        self.values().find(|value| value.tag == tag)?.simple_value
    }

    fn values(&self) -> impl Iterator<Item = &Value> {
        self.event.summary.iter().flat_map(|summary| &summary.value)
    }
}

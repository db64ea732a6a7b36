use std::fmt;

use serde_json::{Map, Value};

use crate::error::TrackingError;

/// What tells a run from all others of its project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunId(String);

impl RunId {
    /// An id of 1 to 64 letters, digits, `-` and `_`. W&B's own have eight small letters and digits.
    ///
    /// # Errors
    ///
    /// [`TrackingError::RunId`].
    pub fn new(id: impl Into<String>) -> Result<Self, TrackingError> {
        let id = id.into();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if id.is_empty() || id.len() > 64 || !id.bytes().all(plain) {
            return Err(TrackingError::RunId { found: id.chars().take(80).collect() });
        }
        Ok(Self(id))
    }

    /// The id that eight bytes make: eight small letters and digits, as W&B's own. Bytes that no other run has are the caller's to
    /// find.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 8]) -> Self {
        const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
        Self(bytes.map(|byte| char::from(DIGITS[usize::from(byte) % DIGITS.len()])).iter().collect())
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What a run is called and set to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RunDescription {
    /// Its id. A run that goes on has the id that it had.
    pub id: RunId,
    /// The program and version that writes it, as `trainer 1.2`.
    pub program: String,
    /// The project; empty: W&B's `uncategorized`.
    pub project: String,
    /// The user or team that it belongs to; empty: that of whoever sends it.
    pub entity: String,
    /// The group of runs that it is one of; empty: none.
    pub group: String,
    /// The name shown; empty: W&B makes one up.
    pub name: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// What it is set to. Whoever logs a run is to leave out what must not be seen.
    pub config: Map<String, Value>,
    /// The machine.
    pub machine: MachineDescription,
}

impl RunDescription {
    /// A run of which nothing else is known.
    #[must_use]
    pub fn new(id: RunId, program: impl Into<String>) -> Self {
        Self {
            id,
            program: program.into(),
            project: String::new(),
            entity: String::new(),
            group: String::new(),
            name: String::new(),
            tags: Vec::new(),
            config: Map::new(),
            machine: MachineDescription::default(),
        }
    }
}

/// What a run runs on; what is empty or 0 is left out. Neither the machine's name nor its user's is asked for.
#[derive(Debug, Clone, Default)]
pub struct MachineDescription {
    /// The system, as `Linux`.
    pub system: String,
    /// Cores.
    pub cores: u32,
    /// Threads that the processors run at once.
    pub threads: u32,
    /// Memory in bytes.
    pub memory: u64,
    /// The accelerator.
    pub accelerator: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_plain_names() {
        for id in ["a", "abcd1234", "A-b_9", &"x".repeat(64)] {
            assert_eq!(RunId::new(id).unwrap().as_str(), id);
        }
        for id in ["", "..", "a/b", "a b", "ä", &"x".repeat(65), "a\n"] {
            assert!(RunId::new(id).is_err(), "{id}");
        }
        assert_eq!(RunId::from_bytes([0, 9, 10, 35, 36, 71, 255, 128]).as_str(), "09az0z3k");
    }
}

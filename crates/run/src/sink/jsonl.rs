use std::path::Path;

use seqjepa_train::MetricsRow;
use seqjepa_train::observer::{Event, Observer, ObserverError};
use seqjepa_train::storage::{Lines, StorageError};

/// Appends one JSON object an epoch to a file and syncs it.
#[derive(Debug)]
pub struct JsonLinesSink {
    file: Lines,
}

impl JsonLinesSink {
    /// Opens the file for appending after the rows of the epochs before (none for a fresh run).
    ///
    /// What the file holds of them stays as it is. Rows that it lacks are appended; what it holds beyond them, which the
    /// run is about to make again, is cut off.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if it cannot be written.
    pub fn open(path: &Path, rows: &[MetricsRow]) -> Result<Self, StorageError> {
        let text: Vec<u8> = rows.iter().flat_map(line).collect();
        Ok(Self { file: Lines::open(path, &text)? })
    }
}

fn line(row: &MetricsRow) -> Vec<u8> {
    let mut line = serde_json::to_vec(row).expect("a row is plain data");
    line.push(b'\n');
    line
}

impl Observer for JsonLinesSink {
    fn observe(&mut self, event: &Event) -> Result<(), ObserverError> {
        match event {
            Event::EpochFinished { row } => Ok(self.file.append(&line(row))?),
            _ => Ok(()),
        }
    }
}

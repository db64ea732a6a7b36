use seqjepa_train::MetricsRow;
use seqjepa_train::observer::{Event, Observer, ObserverError};
use seqjepa_train::storage::{Folder, Lines, StorageError};

use crate::folder::run_folder::METRICS_JSONL;

/// Appends one JSON object an epoch to `metrics.jsonl` and syncs it.
#[derive(Debug)]
pub struct JsonLinesSink {
    file: Lines,
}

impl JsonLinesSink {
    /// Opens the file in `folder` for appending after the rows of the epochs before (none for a fresh run).
    ///
    /// What the file holds of them stays as it is. Rows that it lacks are appended; what it holds beyond them, which the
    /// run is about to make again, is cut off.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if it cannot be written.
    pub fn open(folder: &Folder, rows: &[MetricsRow]) -> Result<Self, StorageError> {
        let text: Vec<u8> = rows.iter().flat_map(MetricsRow::to_line).collect();
        Ok(Self { file: Lines::open(folder, METRICS_JSONL, &text)? })
    }
}

impl Observer for JsonLinesSink {
    fn observe(&mut self, event: &Event) -> Result<(), ObserverError> {
        match event {
            Event::EpochFinished { row } => Ok(self.file.append(&row.to_line())?),
            _ => Ok(()),
        }
    }
}

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::TrainError;
use crate::metrics::MetricsRow;
use crate::observer::{Event, Observer};
use crate::run_folder::replace_and_append;

/// Appends one JSON object an epoch to a file and syncs it.
#[derive(Debug)]
pub struct JsonLinesSink {
    path: PathBuf,
    file: File,
}

impl JsonLinesSink {
    /// Starts the file anew with the rows of the epochs before (none for a fresh run).
    ///
    /// # Errors
    ///
    /// [`TrainError::Io`] if it cannot be written.
    pub fn create(path: &Path, rows: &[MetricsRow]) -> Result<Self, TrainError> {
        let mut text = Vec::new();
        for row in rows {
            text.extend(line(row));
        }
        let file = replace_and_append(path, &text)?;
        Ok(Self { path: path.to_owned(), file })
    }
}

fn line(row: &MetricsRow) -> Vec<u8> {
    let mut line = serde_json::to_vec(row).expect("a row is plain data");
    line.push(b'\n');
    line
}

impl Observer for JsonLinesSink {
    fn observe(&mut self, event: &Event) -> Result<(), TrainError> {
        if let Event::EpochFinished { row } = event {
            // One write call per line, so that no reader sees half of one.
            self.file
                .write_all(&line(row))
                .and_then(|()| self.file.sync_data())
                .map_err(|source| TrainError::io("append to", &self.path, source))?;
        }
        Ok(())
    }
}

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::TrainError;
use crate::metrics::MetricsRow;
use crate::observer::{Event, Observer};
use crate::run_folder::replace_and_append;

/// The rows of `metrics.jsonl` as CSV; the columns are those of the first row, an undefined figure is an empty cell.
#[derive(Debug)]
pub struct CsvSink {
    path: PathBuf,
    file: File,
    columns: Vec<String>,
}

impl CsvSink {
    /// Starts the file anew with the rows of the epochs before (none for a fresh run).
    ///
    /// # Errors
    ///
    /// [`TrainError::Io`] if it cannot be written.
    pub fn create(path: &Path, rows: &[MetricsRow]) -> Result<Self, TrainError> {
        let columns = rows.first().map(columns).unwrap_or_default();
        let mut text = String::new();
        if !rows.is_empty() {
            text.push_str(&header(&columns));
        }
        for row in rows {
            text.push_str(&cells(row, &columns));
        }
        let file = replace_and_append(path, text.as_bytes())?;
        Ok(Self { path: path.to_owned(), file, columns })
    }
}

fn columns(row: &MetricsRow) -> Vec<String> {
    row.iter().map(|(name, _)| name.to_owned()).collect()
}

// Metric names are identifiers and the cells numbers: nothing needs quoting.
fn header(columns: &[String]) -> String {
    format!("epoch,{}\n", columns.join(","))
}

fn cells(row: &MetricsRow, columns: &[String]) -> String {
    let mut text = row.epoch.to_string();
    for name in columns {
        text.push(',');
        if let Some(value) = row.get(name).filter(|value| value.is_finite()) {
            text.push_str(&value.to_string());
        }
    }
    text.push('\n');
    text
}

impl Observer for CsvSink {
    fn observe(&mut self, event: &Event) -> Result<(), TrainError> {
        if let Event::EpochFinished { row } = event {
            let mut text = String::new();
            if self.columns.is_empty() {
                self.columns = columns(row);
                text.push_str(&header(&self.columns));
            }
            text.push_str(&cells(row, &self.columns));
            self.file
                .write_all(text.as_bytes())
                .and_then(|()| self.file.sync_data())
                .map_err(|source| TrainError::io("append to", &self.path, source))?;
        }
        Ok(())
    }
}

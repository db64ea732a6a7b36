use std::collections::BTreeSet;
use std::path::Path;

use crate::TrainError;
use crate::metrics::MetricsRow;
use crate::observer::{Event, Observer};
use crate::storage::Lines;

/// The rows of `metrics.jsonl` as CSV; the columns are those of the first row, an undefined figure is an empty cell.
#[derive(Debug)]
pub struct CsvSink {
    file: Lines,
    columns: Vec<String>,
    /// Figures that have no column and have been mentioned.
    dropped: BTreeSet<String>,
}

impl CsvSink {
    /// Opens the file for appending after the rows of the epochs before, as [`JsonLinesSink::open`](super::JsonLinesSink::open)
    /// does.
    ///
    /// # Errors
    ///
    /// [`TrainError::Io`] if it cannot be written.
    pub fn open(path: &Path, rows: &[MetricsRow]) -> Result<Self, TrainError> {
        let columns = rows.first().map(columns).unwrap_or_default();
        let mut text = String::new();
        if !rows.is_empty() {
            text.push_str(&header(&columns));
        }
        for row in rows {
            text.push_str(&cells(row, &columns));
        }
        Ok(Self { file: Lines::open(path, text.as_bytes())?, columns, dropped: BTreeSet::new() })
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
            for (name, _) in row.iter().filter(|(name, _)| !self.columns.iter().any(|known| known == name)) {
                if self.dropped.insert(name.to_owned()) {
                    tracing::warn!(
                        "`{name}` is not a figure of the first epoch: it is in metrics.jsonl only"
                    );
                }
            }
            self.file.append(text.as_bytes())?;
        }
        Ok(())
    }
}

use std::collections::BTreeSet;

use seqjepa_train::MetricsRow;
use seqjepa_train::observer::{Event, Observer, ObserverError};
use seqjepa_train::storage::{Folder, Lines, StorageError};

use crate::folder::run_folder::METRICS_CSV;

/// The rows of `metrics.jsonl` as CSV, `metrics.csv`; the columns are those of the first row, an undefined figure is an empty cell.
#[derive(Debug)]
pub struct CsvSink {
    file: Lines,
    columns: Vec<String>,
    /// Figures that have no column and have been mentioned.
    dropped: BTreeSet<String>,
}

impl CsvSink {
    /// Opens the file in `folder` for appending after the rows of the epochs before, as [`JsonLinesSink::open`](super::JsonLinesSink::open)
    /// does.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if it cannot be written.
    pub fn open(folder: &Folder, rows: &[MetricsRow]) -> Result<Self, StorageError> {
        let columns = rows.first().map(columns).unwrap_or_default();
        let mut text = String::new();
        if !rows.is_empty() {
            text.push_str(&header(&columns));
        }
        for row in rows {
            text.push_str(&cells(row, &columns));
        }
        Ok(Self {
            file: Lines::open(folder, METRICS_CSV, text.as_bytes())?,
            columns,
            dropped: BTreeSet::new(),
        })
    }
}

fn columns(row: &MetricsRow) -> Vec<String> {
    row.iter().map(|(name, _)| name.to_owned()).collect()
}

fn header(columns: &[String]) -> String {
    let names = columns.iter().map(String::as_str);
    record(std::iter::once("epoch").chain(names))
}

fn cells(row: &MetricsRow, columns: &[String]) -> String {
    let figure = |name: &String| row.get(name).filter(|value| value.is_finite());
    let figures = columns.iter().map(|name| figure(name).map(|value| value.to_string()).unwrap_or_default());
    record(std::iter::once(row.epoch.to_string()).chain(figures))
}

/// One line of the file.
fn record<S: AsRef<[u8]>>(cells: impl Iterator<Item = S>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(cells).expect("memory takes any record");
    let bytes = writer.into_inner().expect("memory takes any record");
    String::from_utf8(bytes).expect("names and numbers are UTF-8")
}

impl Observer for CsvSink {
    fn observe(&mut self, event: &Event) -> Result<(), ObserverError> {
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

//! What a log holds so far, and where it is to be cut off.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Read};

use prost::Message;

use super::block::{HEAD, Records};
use super::message::{Item, Record, Updates};
use crate::error::TrackingError;
use crate::timestamp::Timestamp;

/// A row of the history that a log holds already, as [`OfflineRun::resume`](super::OfflineRun::resume) shows it.
#[derive(Debug)]
pub struct LoggedRow<'a> {
    items: &'a [Item],
}

impl LoggedRow<'_> {
    /// The names in it, those of W&B's own (`_step`, `_runtime`, `_timestamp`) included.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.items.iter().filter_map(name)
    }

    /// The figure of that name.
    #[must_use]
    pub fn figure(&self, wanted: &str) -> Option<f64> {
        let item = self.items.iter().find(|item| name(item) == Some(wanted))?;
        item.value_json.parse().ok()
    }
}

fn name(item: &Item) -> Option<&str> {
    match item.nested_key.as_slice() {
        [] => Some(&item.key),
        [name] => Some(name),
        _ => None,
    }
}

/// What is to be known of a log to go on with it.
#[derive(Debug, Default)]
pub(super) struct Recovered {
    /// Where what is kept ends.
    pub end: u64,
    pub records: i64,
    /// The next row's `_step`.
    pub next_step: u64,
    pub started: Option<Timestamp>,
    /// Whether the machine is described, the last that a new log says of its run.
    described: bool,
    pub axes: BTreeSet<String>,
    pub config: BTreeMap<String, String>,
    pub summary: BTreeMap<String, String>,
    pub output: String,
}

/// Reads a log up to its end, to what a killed process has left half-written, to the record by which the run ended, or to the first row
/// that is not kept. `None`: it is not even begun.
pub(super) fn recover(
    file: &mut File,
    path: &str,
    keep: &mut dyn FnMut(&LoggedRow<'_>) -> bool,
) -> Result<Option<Recovered>, TrackingError> {
    let mut head = Vec::new();
    let mut from = BufReader::new(file);
    from.by_ref().take(HEAD.len() as u64).read_to_end(&mut head).map_err(TrackingError::io("read", path))?;
    if !HEAD.starts_with(&head) {
        return Err(TrackingError::NotALog { path: path.to_owned(), expected: HEAD, found: head });
    }
    if head.len() < HEAD.len() {
        return Ok(None);
    }
    let mut found = Recovered { end: HEAD.len() as u64, ..Recovered::default() };
    let mut records = Records::after_head(from);
    while let Some((data, end)) = records.next().map_err(TrackingError::io("read", path))? {
        let Ok(record) = Record::decode(data.as_slice()) else { break };
        if record.exit.is_some() || !found.take(record, keep) {
            break;
        }
        (found.end, found.records) = (end, found.records + 1);
    }
    Ok((found.started.is_some() && found.described).then_some(found))
}

impl Recovered {
    /// Whether a record is kept, and what it says.
    fn take(&mut self, record: Record, keep: &mut dyn FnMut(&LoggedRow<'_>) -> bool) -> bool {
        if let Some(history) = record.history {
            let step = history.step.map_or(0, |step| u64::try_from(step.num).unwrap_or(0));
            if !keep(&LoggedRow { items: &history.item }) {
                return false;
            }
            self.next_step = step + 1;
        }
        if let Some(run) = record.run {
            self.started = Some(run.start_time.as_ref().map(Timestamp::from_proto).unwrap_or_default());
            update(&mut self.config, run.config.unwrap_or_default());
        }
        if let Some(config) = record.config {
            update(&mut self.config, config);
        }
        if let Some(summary) = record.summary {
            update(&mut self.summary, summary);
        }
        self.described |= record.environment.is_some();
        self.axes.extend(record.metric.map(|metric| metric.name));
        if let Some(output) = record.output_raw {
            self.output.push_str(&output.line);
        }
        true
    }
}

fn update(map: &mut BTreeMap<String, String>, updates: Updates) {
    for item in &updates.remove {
        name(item).map(|name| map.remove(name));
    }
    for item in updates.update {
        if let Some(name) = name(&item) {
            map.insert(name.to_owned(), item.value_json);
        }
    }
}

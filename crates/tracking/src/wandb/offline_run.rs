use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use prost::Message;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::block::{self, HEAD, LONGEST};
use super::description::RunDescription;
use super::files;
use super::message::{
    Environment, Exit, File, Files, Header, History, Item, MEDIA, Memory, Metric, MetricOptions, Output,
    Record, Run, STANDARD_OUTPUT, Stats, Step, Updates, Version,
};
use super::number;
use super::recover::{LoggedRow, Recovered, recover};
use super::row::{Row, item};
use super::system::SystemFigures;
use crate::appender::Appender;
use crate::error::TrackingError;
use crate::picture::Picture;
use crate::place::Place;
use crate::timestamp::Timestamp;

/// A run as `wandb sync` takes it: a folder `offline-run-DATE_TIME-ID` with the log `run-ID.wandb` and what lies in `files/`.
///
/// What is logged waits in memory, for as long as it is short, until [`flush`](Self::flush) or the drop. However the process ends, what
/// was flushed can be read and sent: a run that has not [finished](Self::finish) is shown as failed.
pub struct OfflineRun {
    place: Box<dyn Place>,
    folder: String,
    log: Appender,
    /// The file by which the client marks a log that it has sent.
    marker: String,
    /// Where the log ends.
    position: u64,
    records: i64,
    next_step: u64,
    started: Timestamp,
    /// The figure along which the others are drawn; those of which this is said already.
    axis: Option<String>,
    axes: BTreeSet<String>,
    summary: BTreeMap<String, String>,
    /// Names of the summary that have changed since the last flush.
    changed: BTreeSet<String>,
    output: Appender,
}

impl OfflineRun {
    /// Begins a run in `place`, a folder that by custom is called `wandb`. `now` is when it starts.
    ///
    /// # Errors
    ///
    /// [`TrackingError::Io`].
    pub fn create(
        place: impl Place + 'static,
        description: &RunDescription,
        now: Timestamp,
    ) -> Result<Self, TrackingError> {
        let folder = format!("offline-run-{}-{}", now.compact(), description.id);
        Self::open(Box::new(place), folder, description, now, &mut |_| false)
    }

    /// Goes on with the run in `folder`, a name in `place` that [`folder`](Self::folder) gave, under the id that it had. A run of
    /// which nothing is left there is begun anew.
    ///
    /// `keep` is shown every row that the log holds, in order. From the first that it refuses on, the log is cut off: that is what
    /// a run that goes on from a checkpoint will log again. That the run had ended, and what a killed process has left
    /// half-written, is cut off too. A setting that has another value than before is logged; name, group and tags stay.
    ///
    /// # Errors
    ///
    /// [`TrackingError::NotALog`] if the log is another program's, [`TrackingError::Io`].
    pub fn resume(
        place: impl Place + 'static,
        folder: &str,
        description: &RunDescription,
        now: Timestamp,
        mut keep: impl FnMut(&LoggedRow<'_>) -> bool,
    ) -> Result<Self, TrackingError> {
        Self::open(Box::new(place), folder.to_owned(), description, now, &mut keep)
    }

    fn open(
        place: Box<dyn Place>,
        folder: String,
        description: &RunDescription,
        now: Timestamp,
        keep: &mut dyn FnMut(&LoggedRow<'_>) -> bool,
    ) -> Result<Self, TrackingError> {
        let path = format!("{folder}/run-{}.wandb", description.id);
        let mut file = place.open(&path).map_err(TrackingError::io("open", &path))?;
        let found = recover(&mut file, &path, keep)?;
        let (begun, found) = (found.is_some(), found.unwrap_or_default());
        let log = Appender::at(file, &path, found.end)?;
        let output = format!("{folder}/files/output.log");
        let file = place.open(&output).map_err(TrackingError::io("open", &output))?;
        let mut output = Appender::at(file, &output, 0)?;
        output.push(found.output.as_bytes())?;
        let Recovered { end, records, next_step, started, axes, config, summary, .. } = found;
        let mut run = Self {
            marker: format!("{path}.synced"),
            place,
            folder,
            log,
            position: end,
            records,
            next_step,
            started: started.unwrap_or(now),
            axis: None,
            axes,
            summary,
            changed: BTreeSet::new(),
            output,
        };
        if begun {
            run.change_config(description, &config)?
        } else {
            run.begin(description)?
        }
        run.replace("config.yaml", files::config_yaml(&description.config).as_bytes())?;
        let metadata = files::metadata_json(description, run.started);
        run.replace("wandb-metadata.json", metadata.as_bytes())?;
        run.flush()?;
        Ok(run)
    }

    fn begin(&mut self, description: &RunDescription) -> Result<(), TrackingError> {
        self.log.push(&HEAD)?;
        self.position = HEAD.len() as u64;
        let version_info = Some(Version { producer: description.program.clone() });
        self.write(Record { header: Some(Header { version_info }), ..Record::default() })?;
        let update = description.config.iter().map(|(key, value)| setting(key, value));
        let config = Updates { update: update.collect(), remove: Vec::new() };
        let run = Run {
            run_id: description.id.to_string(),
            entity: description.entity.clone(),
            project: description.project.clone(),
            config: Some(config),
            run_group: description.group.clone(),
            display_name: description.name.clone(),
            tags: description.tags.clone(),
            start_time: Some(self.started.to_proto()),
        };
        self.write(Record { run: Some(run), ..Record::default() })?;
        let machine = &description.machine;
        let environment = Environment {
            os: machine.system.clone(),
            started_at: Some(self.started.to_proto()),
            program: description.program.clone(),
            cpu_count: machine.cores,
            cpu_count_logical: machine.threads,
            gpu_type: machine.accelerator.clone(),
            memory: (machine.memory > 0).then_some(Memory { total: machine.memory }),
            writer_id: description.id.to_string(),
        };
        self.write(Record { environment: Some(environment), ..Record::default() })
    }

    /// Logs the settings that are not what they were.
    fn change_config(
        &mut self,
        description: &RunDescription,
        held: &BTreeMap<String, String>,
    ) -> Result<(), TrackingError> {
        let update: Vec<Item> = description
            .config
            .iter()
            .map(|(key, value)| setting(key, value))
            .filter(|item| held.get(&item.key) != Some(&item.value_json))
            .collect();
        let gone = held.keys().filter(|key| !description.config.contains_key(*key));
        let remove: Vec<Item> = gone.map(|key| Item { key: key.clone(), ..Item::default() }).collect();
        if update.is_empty() && remove.is_empty() {
            return Ok(());
        }
        self.write(Record { config: Some(Updates { update, remove }), ..Record::default() })
    }

    /// The name of its folder, by which it is resumed.
    #[must_use]
    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// Draws every figure that is logged from now on along the figure `axis`, which is to be in every row, in place of W&B's own
    /// count of rows.
    #[must_use]
    pub fn along(mut self, axis: &str) -> Self {
        self.axis = Some(axis.to_owned());
        self
    }

    /// Logs a row, the next of the run's history.
    ///
    /// # Errors
    ///
    /// [`TrackingError`].
    pub fn log(&mut self, row: &Row, now: Timestamp) -> Result<(), TrackingError> {
        self.row(row.items.clone(), now)
    }

    /// Logs a picture in a row with other figures. `caption` may be empty.
    ///
    /// # Errors
    ///
    /// [`TrackingError`].
    pub fn picture(
        &mut self,
        name: &str,
        picture: &Picture,
        caption: &str,
        row: &Row,
        now: Timestamp,
    ) -> Result<(), TrackingError> {
        let digest = format!("{:x}", Sha256::digest(picture.png()));
        let path = files::picture_path(name, self.next_step, &digest);
        self.replace(&path, picture.png())?;
        let file = File { path: path.clone(), kind: MEDIA };
        self.write(Record { files: Some(Files { files: vec![file] }), ..Record::default() })?;
        let mut items = row.items.clone();
        items.push(item(name, files::picture_json(&path, &digest, picture, caption)));
        self.row(items, now)
    }

    fn row(&mut self, mut items: Vec<Item>, now: Timestamp) -> Result<(), TrackingError> {
        if let Some(axis) = self.axis.clone() {
            for item in &items {
                let name = &item.nested_key[0];
                if *name != axis && !name.starts_with('_') && self.axes.insert(name.clone()) {
                    let options = Some(MetricOptions { defined: true });
                    let metric = Metric { name: name.clone(), step_metric: axis.clone(), options };
                    self.write(Record { metric: Some(metric), ..Record::default() })?;
                }
            }
        }
        let step = i64::try_from(self.next_step).unwrap_or(i64::MAX);
        items.push(item("_timestamp", number::json(now.as_seconds())));
        items.push(item("_runtime", number::json(now.seconds_since(self.started))));
        items.push(item("_step", step.to_string()));
        for item in &items {
            self.summarise(&item.nested_key[0], item.value_json.clone());
        }
        self.next_step += 1;
        let history = History { item: items, step: Some(Step { num: step }) };
        self.write(Record { history: Some(history), ..Record::default() })
    }

    /// Sets a figure, text or list of the run's summary. The newest row's figures are in it under their names by themselves.
    pub fn set(&mut self, name: &str, value: &Value) {
        self.summarise(name, files::value_json(value));
    }

    fn summarise(&mut self, name: &str, value: String) {
        if self.summary.get(name) != Some(&value) {
            self.summary.insert(name.to_owned(), value);
            self.changed.insert(name.to_owned());
        }
    }

    /// Logs how busy machine and process are.
    ///
    /// # Errors
    ///
    /// [`TrackingError`].
    pub fn system(&mut self, figures: &SystemFigures, now: Timestamp) -> Result<(), TrackingError> {
        let item = |(name, value): (String, f64)| Item {
            key: name,
            value_json: number::json(value),
            ..Item::default()
        };
        let stats = Stats { timestamp: Some(now.to_proto()), item: figures.named().map(item).collect() };
        if stats.item.is_empty() {
            return Ok(());
        }
        self.write(Record { stats: Some(stats), ..Record::default() })
    }

    /// Logs a line of the run's output, its end not included.
    ///
    /// # Errors
    ///
    /// [`TrackingError`].
    pub fn line(&mut self, line: &str, now: Timestamp) -> Result<(), TrackingError> {
        let line = format!("{line}\n");
        self.output.push(line.as_bytes())?;
        let output = Output { output_type: STANDARD_OUTPUT, timestamp: Some(now.to_proto()), line };
        self.write(Record { output_raw: Some(output), ..Record::default() })
    }

    /// Logs the summary, and hands what is logged to the system: `wandb sync` sees it, and it outlives this process.
    ///
    /// # Errors
    ///
    /// [`TrackingError::Io`].
    pub fn flush(&mut self) -> Result<(), TrackingError> {
        if !self.changed.is_empty() {
            let changed = std::mem::take(&mut self.changed);
            let update = changed.iter().map(|name| item(name, self.summary[name].clone())).collect();
            let summary = Updates { update, remove: Vec::new() };
            self.write(Record { summary: Some(summary), ..Record::default() })?;
            self.replace("wandb-summary.json", files::summary_json(&self.summary).as_bytes())?;
        }
        self.log.flush()?;
        self.output.flush()?;
        // There is more to send now.
        self.place.remove(&self.marker).map_err(TrackingError::io("remove", &self.marker))
    }

    /// Ends the run: 0 is shown as finished, other codes as failed. It can be [resumed](Self::resume).
    ///
    /// # Errors
    ///
    /// [`TrackingError::Io`].
    pub fn finish(mut self, exit_code: i32, now: Timestamp) -> Result<(), TrackingError> {
        self.flush()?;
        #[expect(clippy::cast_possible_truncation, reason = "a float is cut to the nearest that there is")]
        let runtime = now.seconds_since(self.started) as i32;
        self.write(Record { exit: Some(Exit { exit_code, runtime }), ..Record::default() })?;
        self.flush()
    }

    fn write(&mut self, mut record: Record) -> Result<(), TrackingError> {
        record.num = self.records + 1;
        let found = record.encoded_len();
        if found > LONGEST {
            return Err(TrackingError::TooLong { most: LONGEST, found });
        }
        let framed = block::frame(self.position, &record.encode_to_vec());
        self.log.push(&framed)?;
        self.position += framed.len() as u64;
        self.records += 1;
        Ok(())
    }

    /// Writes a file below `files`.
    fn replace(&self, path: &str, bytes: &[u8]) -> Result<(), TrackingError> {
        let path = format!("{}/files/{path}", self.folder);
        self.place.replace(&path, bytes).map_err(TrackingError::io("write", &path))
    }
}

impl fmt::Debug for OfflineRun {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("OfflineRun").field("folder", &self.folder).finish_non_exhaustive()
    }
}

fn setting(key: &str, value: &Value) -> Item {
    Item { key: key.to_owned(), value_json: files::value_json(value), ..Item::default() }
}

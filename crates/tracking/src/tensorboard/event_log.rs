use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufReader, Seek, SeekFrom};

use prost::Message;
use serde_json::Value as Json;

use super::logged::LoggedEvent;
use super::message::{
    Dimension, Event, HParam, HParams, Image, Metadata, PluginData, SESSION_START, STRING, SessionLog,
    SessionStart, Shape, Summary, TENSORS, Tensor, Value,
};
use super::record::{self, LONGEST};
use crate::appender::Appender;
use crate::error::TrackingError;
use crate::picture::Picture;
use crate::place::Place;
use crate::timestamp::Timestamp;

/// What every event file says first.
const VERSION: &str = "brain.Event:2";

/// What the name of every event file holds; readers look for it.
const PREFIX: &str = "events.out.tfevents.";

/// A run's folder of TensorBoard event files; `tensorboard --logdir` shows it and those beside it.
///
/// Every process that writes has a file of its own, as TensorBoard's readers expect; they read all of them as one. What is
/// logged waits in memory, for as long as it is short, until [`flush`](Self::flush) or the drop.
pub struct EventLog {
    file: Appender,
}

impl EventLog {
    /// Begins a log in `place`, which holds none yet. `now` becomes part of the file's name.
    ///
    /// # Errors
    ///
    /// [`TrackingError::Io`].
    pub fn create(place: &dyn Place, now: Timestamp) -> Result<Self, TrackingError> {
        Self::begin(place, now, None)
    }

    /// Goes on with the log in `place`, or begins it.
    ///
    /// `keep` is shown every event that the log holds, in order. From the first that it refuses on, its file is cut off: that is what
    /// a run that goes on from a checkpoint will log again. What a killed process has left half-written is cut off too. A
    /// TensorBoard that is open meanwhile forgets what it has seen of the steps from `first_step` on, the first that the run
    /// will log.
    ///
    /// # Errors
    ///
    /// [`TrackingError::Io`].
    pub fn resume(
        place: &dyn Place,
        now: Timestamp,
        first_step: u64,
        mut keep: impl FnMut(&LoggedEvent<'_>) -> bool,
    ) -> Result<Self, TrackingError> {
        let mut names = place.names().map_err(TrackingError::io("list", "."))?;
        names.retain(|name| name.starts_with(PREFIX));
        names.sort();
        for name in &names {
            cut(place, name, &mut keep)?;
        }
        let first_step = (!names.is_empty()).then_some(first_step);
        Self::begin(place, now, first_step)
    }

    fn begin(place: &dyn Place, now: Timestamp, resumed: Option<u64>) -> Result<Self, TrackingError> {
        let names = place.names().map_err(TrackingError::io("list", "."))?;
        // Readers take files in the order of their names: a clock that was set back must not bring this one before an earlier.
        let last = names.iter().filter_map(|name| name.strip_prefix(PREFIX)?.split('.').next()?.parse().ok());
        let number = last.max().map_or(0, |last: u64| last.saturating_add(1)).max(now.whole_seconds());
        let name = format!("{PREFIX}{number:010}.log");
        let file = place.open(&name).map_err(TrackingError::io("open", &name))?;
        let mut log = Self { file: Appender::at(file, &name, 0)? };
        log.write(&Event {
            wall_time: now.as_seconds(),
            file_version: Some(VERSION.into()),
            ..Event::default()
        })?;
        if let Some(step) = resumed {
            let session_log = Some(SessionLog { status: SESSION_START });
            log.write(&Event { session_log, ..event(step, now) })?;
        }
        log.flush()?;
        Ok(log)
    }

    /// Logs figures of a step, under their names as tags. TensorBoard holds them as 32-bit floats; what is not finite stays what
    /// it is.
    ///
    /// # Errors
    ///
    /// [`TrackingError`].
    pub fn scalars<'n>(
        &mut self,
        step: u64,
        now: Timestamp,
        figures: impl IntoIterator<Item = (&'n str, f64)>,
    ) -> Result<(), TrackingError> {
        #[expect(clippy::cast_possible_truncation, reason = "the format has single precision")]
        let value = |(tag, figure): (&str, f64)| Value {
            tag: tag.to_owned(),
            simple_value: Some(figure as f32),
            ..Value::default()
        };
        self.summary(step, now, figures.into_iter().map(value).collect())
    }

    /// Logs a picture of a step.
    ///
    /// # Errors
    ///
    /// [`TrackingError`].
    pub fn picture(
        &mut self,
        step: u64,
        now: Timestamp,
        tag: &str,
        picture: &Picture,
    ) -> Result<(), TrackingError> {
        let image = Image {
            height: picture.height(),
            width: picture.width(),
            colorspace: picture.colour_channels(),
            encoded_image_string: picture.png().to_vec(),
        };
        self.summary(step, now, vec![Value { tag: tag.into(), image: Some(image), ..Value::default() }])
    }

    /// Logs a text, which is shown as Markdown.
    ///
    /// # Errors
    ///
    /// [`TrackingError`].
    pub fn text(&mut self, step: u64, now: Timestamp, tag: &str, text: &str) -> Result<(), TrackingError> {
        let tensor = Tensor {
            dtype: STRING,
            tensor_shape: Some(Shape { dim: vec![Dimension { size: 1 }] }),
            string_val: vec![text.as_bytes().to_vec()],
        };
        let value = Value {
            tag: tag.into(),
            tensor: Some(tensor),
            metadata: Some(metadata("text", Vec::new(), TENSORS)),
            ..Value::default()
        };
        self.summary(step, now, vec![value])
    }

    /// Logs what the run was set to, for the table of hyperparameters. `name` is that of the run. Numbers, booleans and texts are
    /// shown as such, other values as JSON; `null` is left out.
    ///
    /// # Errors
    ///
    /// [`TrackingError`].
    pub fn hyperparameters(
        &mut self,
        now: Timestamp,
        name: &str,
        settings: &BTreeMap<String, Json>,
    ) -> Result<(), TrackingError> {
        let hparam = |value: &Json| {
            let value = match value {
                Json::Null => return None,
                Json::Bool(value) => HParam { bool_value: Some(*value), ..HParam::default() },
                Json::Number(value) => HParam { number_value: value.as_f64(), ..HParam::default() },
                Json::String(value) => HParam { string_value: Some(value.clone()), ..HParam::default() },
                other => HParam { string_value: Some(other.to_string()), ..HParam::default() },
            };
            Some(value)
        };
        let hparams =
            settings.iter().filter_map(|(key, value)| Some((key.clone(), hparam(value)?))).collect();
        let session =
            SessionStart { hparams, group_name: name.to_owned(), start_time_secs: now.as_seconds() };
        let content = HParams { session_start_info: Some(session) }.encode_to_vec();
        // The name that the plugin looks for.
        let tag = "_hparams_/session_start_info".to_owned();
        let metadata = Some(metadata("hparams", content, 0));
        self.summary(0, now, vec![Value { tag, metadata, ..Value::default() }])
    }

    /// Hands what is logged to the system: readers see it, and it outlives this process.
    ///
    /// # Errors
    ///
    /// [`TrackingError::Io`].
    pub fn flush(&mut self) -> Result<(), TrackingError> {
        self.file.flush()
    }

    fn summary(&mut self, step: u64, now: Timestamp, value: Vec<Value>) -> Result<(), TrackingError> {
        if value.is_empty() {
            return Ok(());
        }
        self.write(&Event { summary: Some(Summary { value }), ..event(step, now) })
    }

    fn write(&mut self, event: &Event) -> Result<(), TrackingError> {
        let found = event.encoded_len();
        if found > LONGEST {
            return Err(TrackingError::TooLong { most: LONGEST, found });
        }
        self.file.push(&record::frame(&event.encode_to_vec()))
    }
}

impl fmt::Debug for EventLog {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("EventLog").field("file", &self.file).finish_non_exhaustive()
    }
}

fn event(step: u64, now: Timestamp) -> Event {
    Event { wall_time: now.as_seconds(), step: i64::try_from(step).unwrap_or(i64::MAX), ..Event::default() }
}

fn metadata(plugin_name: &str, content: Vec<u8>, data_class: i32) -> Metadata {
    Metadata { plugin_data: Some(PluginData { plugin_name: plugin_name.into(), content }), data_class }
}

/// Cuts a file off where its whole records end, or at the first that is not kept.
fn cut(
    place: &dyn Place,
    name: &str,
    keep: &mut impl FnMut(&LoggedEvent<'_>) -> bool,
) -> Result<(), TrackingError> {
    let mut file = place.open(name).map_err(TrackingError::io("open", name))?;
    let mut kept = 0;
    let mut records = BufReader::new(&mut file);
    while let Some(data) = record::read(&mut records).map_err(TrackingError::io("read", name))? {
        let Ok(event) = Event::decode(data.as_slice()) else { break };
        if event.summary.is_some() && !keep(&LoggedEvent { event: &event }) {
            break;
        }
        kept += data.len() as u64 + 16;
    }
    let length = file.seek(SeekFrom::End(0)).map_err(TrackingError::io("read", name))?;
    if length > kept {
        file.set_len(kept).map_err(TrackingError::io("cut", name))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::place::LocalFolder;

    /// Every scalar that a folder holds: step, tag, value.
    fn scalars(place: &LocalFolder) -> Vec<(u64, String, f32)> {
        let mut found = Vec::new();
        let again = |logged: &LoggedEvent<'_>| {
            for tag in logged.tags() {
                found.extend(logged.scalar(tag).map(|value| (logged.step(), tag.to_owned(), value)));
            }
            true
        };
        drop(EventLog::resume(place, Timestamp::default(), 0, again).unwrap());
        found
    }

    fn at(second: u64) -> Timestamp {
        Timestamp::new(1_700_000_000 + second, 0)
    }

    #[test]
    fn a_resumed_log_goes_on_where_it_is_told() {
        let scratch = tempfile::tempdir().unwrap();
        let place = LocalFolder::at(scratch.path());
        let mut log = EventLog::create(&place, at(0)).unwrap();
        for step in 0..5_u8 {
            log.scalars(step.into(), at(1), [("loss", f64::from(step))]).unwrap();
        }
        drop(log);
        // The clock was set back meanwhile.
        let mut log = EventLog::resume(&place, Timestamp::default(), 3, |logged| logged.step() < 3).unwrap();
        log.scalars(3, at(2), [("loss", 30.0)]).unwrap();
        drop(log);
        let mut names = place.names().unwrap();
        names.sort();
        assert_eq!(names.len(), 2);
        assert!(names[0].contains("1700000000") && names[1].contains("1700000001"), "{names:?}");
        let expected: Vec<_> = [(0, 0.0), (1, 1.0), (2, 2.0), (3, 30.0)]
            .map(|(step, value)| (step, "loss".into(), value))
            .into();
        assert_eq!(scalars(&place), expected);
    }

    #[test]
    fn a_torn_tail_is_cut_off() {
        let scratch = tempfile::tempdir().unwrap();
        let place = LocalFolder::at(scratch.path());
        let mut log = EventLog::create(&place, at(0)).unwrap();
        log.scalars(1, at(1), [("a", 1.0), ("b", f64::NAN)]).unwrap();
        log.scalars(2, at(1), [("a", f64::INFINITY)]).unwrap();
        drop(log);
        let file = scratch.path().join(&place.names().unwrap()[0]);
        let whole = fs::read(&file).unwrap();
        for torn in [1, 4, 20, 30] {
            fs::write(&file, &whole[..whole.len() - torn]).unwrap();
            let found = scalars(&place);
            assert_eq!(found.len(), 2, "{torn}: {found:?}");
            assert!(found[1].2.is_nan());
        }
        // Rubbish in its place is emptied, not believed.
        fs::write(&file, [7; 100]).unwrap();
        assert!(scalars(&place).is_empty());
    }

    #[test]
    fn nothing_and_strange_names_are_logged_as_they_are() {
        let scratch = tempfile::tempdir().unwrap();
        let place = LocalFolder::at(scratch.path());
        let mut log = EventLog::create(&place, at(0)).unwrap();
        let long = "ä".repeat(70_000);
        log.scalars(0, at(0), []).unwrap();
        log.scalars(u64::MAX, at(0), [("", 1.0), ("Verlust/ü 🦀\n", 2.0), (&long, 3.0)]).unwrap();
        drop(log);
        let found = scalars(&place);
        assert_eq!(found.len(), 3);
        assert_eq!((found[2].0, found[2].1.len()), (i64::MAX as u64, 140_000));
    }
}

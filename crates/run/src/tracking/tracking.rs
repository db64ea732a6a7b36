use std::time::Instant;

use image::RgbImage;
use seqjepa_evaluation::ResultCard;
use seqjepa_tracking::tensorboard::EventLog;
use seqjepa_tracking::wandb::Row;
use seqjepa_tracking::{Picture, Timestamp, TrackingError};
use seqjepa_train::MetricsRow;
use seqjepa_train::observer::Event;
use seqjepa_train::storage::Folder;
use serde_json::{Value, json};

use super::describe;
use super::given_up::GivenUp;
use super::place::StoredFolder;
use super::progress::{EPOCH, Held, Progress, STEP, VIEWS};
use super::system::Monitor;
use super::wandb::{Problem, WandbTracker, is_on};
use crate::config::{Config, WandbConfig};
use crate::data::RunData;
use crate::gates::GateVerdict;

/// The folder of the event files in a run folder.
const TENSORBOARD: &str = "tensorboard";

/// A run as trackers see it.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    pub config: &'a Config,
    /// `logging.wandb`, completed.
    pub wandb: &'a WandbConfig,
    pub root: &'a Folder,
    pub data: &'a RunData,
    pub backend: &'a str,
    /// What `nvidia-smi -i` calls the GPU that it computes on, where that is known.
    pub gpu: Option<&'a str>,
    pub rows: &'a [MetricsRow],
    /// Steps done, and in an epoch.
    pub steps: (u64, u64),
    /// Whether it is about to be evaluated, not trained.
    pub evaluating: bool,
    /// What has failed before.
    pub given_up: &'a GivenUp,
}

/// The trackers of a run. One that fails is given up, with one warning; the run goes on.
#[derive(Debug)]
pub(crate) struct Tracking {
    events: Option<EventLog>,
    wandb: Option<WandbTracker>,
    given_up: GivenUp,
    monitor: Monitor,
    log_every: u64,
    batch_size: f64,
    /// Steps handed to the device.
    step: u64,
    /// When the loss of which step came last.
    looked: (Instant, u64),
}

impl Tracking {
    /// Goes on with what a run has logged, or begins it, as its config asks; `None` where it asks for nothing.
    pub(crate) fn open(part: &Part<'_>) -> Option<Self> {
        let config = part.config;
        let events = config.logging.tensorboard && !part.given_up.events();
        let wandb = is_on(part.wandb) && !part.given_up.wandb();
        if !events && !wandb {
            return None;
        }
        let mut tracking = Self {
            events: None,
            wandb: None,
            given_up: part.given_up.clone(),
            monitor: Monitor::new(part.gpu.filter(|_| !part.evaluating)),
            log_every: config.logging.log_every as u64,
            batch_size: config.dataset.batch_size as f64,
            step: part.steps.0,
            looked: (Instant::now(), part.steps.0),
        };
        let progress = Progress {
            rows: part.rows.to_vec(),
            step: part.steps.0,
            steps_per_epoch: part.steps.1,
            evaluating: part.evaluating,
        };
        let views = |held: &Held| {
            if held.views || part.evaluating {
                return None;
            }
            let drawn = describe::views(config, part.data);
            drawn.inspect_err(|problem| tracing::warn!("no picture of views is logged: {problem}")).ok()
        };
        if events {
            let mut held = Held::default();
            let opened = open_events(part, &progress, &mut held);
            tracking.events = part.given_up.unless_events(opened);
            tracking.complete(&progress, &held, views(&held), Some(true));
        }
        if wandb {
            let mut held = Held::default();
            let settings = describe::settings(config, part.backend);
            let described = (&settings, part.backend);
            let opened = WandbTracker::open(
                part.wandb,
                config,
                part.root,
                described,
                &tracking.monitor,
                (&progress, &mut held),
            );
            tracking.wandb = part.given_up.unless_wandb(opened);
            tracking.complete(&progress, &held, views(&held), Some(false));
        }
        tracking.flush();
        Some(tracking)
    }

    /// Logs what a log lacks of what the run has behind it.
    fn complete(&mut self, progress: &Progress, held: &Held, views: Option<Picture>, only: Option<bool>) {
        if let Some(picture) = views {
            let now = Timestamp::now();
            self.each(
                only,
                |events| events.picture(0, now, VIEWS, &picture),
                |wandb| {
                    let row = Row::new().with(STEP, 0.0);
                    Ok(wandb.run.picture(
                        VIEWS,
                        &picture,
                        "views of training images, with their actions",
                        &row,
                        now,
                    )?)
                },
            );
        }
        for (step, row) in progress.missing(held) {
            self.row(step, row, only);
        }
    }

    /// Whether anything is tracked.
    fn is_on(&self) -> bool {
        self.events.is_some() || self.wandb.is_some()
    }

    /// Tells the trackers of an event.
    pub(crate) fn observe(&mut self, event: &Event<'_>) {
        if !self.is_on() {
            return;
        }
        match event {
            Event::RunStarted { .. } => self.looked.0 = Instant::now(),
            Event::StepFinished { step, .. } => self.step = *step,
            Event::StepLogged { step, loss, terms, learning_rate } if step.is_multiple_of(self.log_every) => {
                self.look(*step, *loss, terms, *learning_rate);
            }
            Event::StepSkipped { step, what, .. } => {
                self.line(&format!("left out the step after step {step}: {what}"));
            }
            Event::EpochFinished { row } => {
                self.row(self.step, row, None);
                let figure = |name: &str| row.get(name).unwrap_or(f64::NAN);
                self.line(&format!(
                    "epoch {}: loss {:.4}, {:.1} s",
                    row.epoch,
                    figure("ep_loss"),
                    figure("ep_time")
                ));
                self.system();
                self.flush();
            }
            Event::CheckpointSaved { .. } => self.each(None, EventLog::flush, WandbTracker::checkpoint),
            _ => {}
        }
    }

    /// The loss of a step with its terms, its learning rate, and how fast the run was since the look before.
    fn look(&mut self, step: u64, loss: f64, terms: &[(&'static str, f64)], learning_rate: f64) {
        let (then, before) = self.looked;
        let rate = step.saturating_sub(before) as f64 * self.batch_size / then.elapsed().as_secs_f64();
        self.looked = (Instant::now(), step);
        let mut figures = vec![("train/loss".to_owned(), loss)];
        figures.extend(terms.iter().map(|(name, value)| (format!("train/{name}"), *value)));
        figures.push(("train/learning_rate".into(), learning_rate));
        // After a wait for the device several looks come at once: they have no rate.
        if rate.is_finite() && then.elapsed().as_millis() > 0 {
            figures.push(("train/sequences_per_second".into(), rate));
        }
        self.figures(step, &figures, None);
        self.system();
    }

    /// Every figure of an epoch under its own name.
    fn row(&mut self, step: u64, row: &MetricsRow, only: Option<bool>) {
        let mut figures = vec![(EPOCH.to_owned(), row.epoch as f64)];
        figures.extend(row.iter().map(|(name, value)| (name.to_owned(), value)));
        self.figures(step, &figures, only);
    }

    fn figures(&mut self, step: u64, figures: &[(String, f64)], only: Option<bool>) {
        let now = Timestamp::now();
        let figures = || figures.iter().map(|(name, value)| (name.as_str(), *value));
        self.each(
            only,
            |events| events.scalars(step, now, figures()),
            |wandb| {
                // An epoch's figures have it among them.
                let known = figures().any(|(name, _)| name == STEP);
                let step = (!known).then_some((STEP, step as f64));
                let row: Row = step.into_iter().chain(figures()).collect();
                Ok(wandb.run.log(&row, now)?)
            },
        );
    }

    fn system(&mut self) {
        if !self.is_on() {
            return;
        }
        let Some(sample) = self.monitor.sample() else { return };
        let (now, step) = (Timestamp::now(), self.step);
        let names: Vec<_> = sample.named().map(|(name, value)| (format!("system/{name}"), value)).collect();
        let figures = || names.iter().map(|(name, value)| (name.as_str(), *value));
        self.each(
            None,
            |events| events.scalars(step, now, figures()),
            |wandb| Ok(wandb.run.system(&sample, now)?),
        );
    }

    fn line(&mut self, line: &str) {
        let now = Timestamp::now();
        self.each(None, |_| Ok(()), |wandb| Ok(wandb.run.line(line, now)?));
    }

    /// The verdict of the gates, of a run that has any.
    pub(crate) fn gates(&mut self, verdict: &GateVerdict) {
        let (now, step) = (Timestamp::now(), self.step);
        let word = if verdict.passed { "passed" } else { "failed" };
        let reasons: String = verdict.reasons.iter().map(|reason| format!("\n- {reason}")).collect();
        let text = format!("gates: {word}{reasons}");
        self.each(
            None,
            |events| events.text(step, now, "gates", &text),
            |wandb| {
                wandb.run.set("gates/passed", &verdict.passed.into());
                wandb.run.set("gates/reasons", &json!(verdict.reasons));
                Ok(wandb.run.line(&text, now)?)
            },
        );
    }

    /// Every frozen figure with its protocol, and the pictures in the run folder.
    pub(crate) fn card(&mut self, card: &ResultCard, root: &Folder) {
        let (now, step) = (Timestamp::now(), self.step);
        let mut figures = Vec::new();
        for figure in &card.figures {
            let name = format!("frozen/{}/{}", figure.protocol.name, figure.name);
            figures.extend(figure.trained.value.map(|value| (name.clone(), value)));
            figures.extend(figure.random.value.map(|value| (format!("{name}/random_init"), value)));
        }
        let named = || figures.iter().map(|(name, value)| (name.as_str(), *value));
        self.each(
            None,
            |events| events.scalars(step, now, named()),
            |wandb| {
                named().for_each(|(name, value)| wandb.run.set(name, &Value::from(value)));
                Ok(())
            },
        );
        for (name, picture) in pictures(root) {
            self.picture(&format!("pictures/{name}"), &picture);
        }
    }

    /// The pictures that the report draws of the frozen evaluation.
    pub(crate) fn report(&mut self, drawn: Result<Vec<(String, RgbImage)>, String>) {
        let encoded = drawn.and_then(|drawn| {
            let encode = |(name, bitmap): (String, RgbImage)| Ok((name, describe::drawing(&bitmap)?));
            drawn.into_iter().map(encode).collect::<Result<Vec<_>, String>>()
        });
        match encoded {
            Ok(encoded) => {
                for (name, picture) in encoded {
                    self.picture(&format!("report/{name}"), &picture);
                }
            }
            Err(problem) => tracing::warn!("no picture of the report is logged: {problem}"),
        }
    }

    fn picture(&mut self, name: &str, picture: &Picture) {
        let (now, step) = (Timestamp::now(), self.step);
        let row = Row::new().with(STEP, step as f64);
        self.each(
            None,
            |events| events.picture(step, now, name, picture),
            |wandb| Ok(wandb.run.picture(name, picture, "", &row, now)?),
        );
    }

    /// Hands all that is logged to the system.
    pub(crate) fn flush(&mut self) {
        self.each(None, EventLog::flush, WandbTracker::flush);
    }

    /// Ends the logs: with an exit code, or without, for a run that will go on.
    pub(crate) fn end(mut self, exit_code: Option<i32>, line: Option<&str>) {
        if let Some(line) = line {
            self.line(line);
        }
        self.flush();
        if let (Some(code), Some(wandb)) = (exit_code, self.wandb) {
            self.given_up.unless_wandb(wandb.run.finish(code, Timestamp::now()));
        }
    }

    /// Does the same with each tracker, or with TensorBoard's (`true`) or W&B's (`false`) alone; one that fails is given up.
    fn each(
        &mut self,
        only: Option<bool>,
        events: impl FnOnce(&mut EventLog) -> Result<(), TrackingError>,
        wandb: impl FnOnce(&mut WandbTracker) -> Result<(), Problem>,
    ) {
        if let Some(log) = self.events.as_mut().filter(|_| only != Some(false))
            && self.given_up.unless_events(events(log)).is_none()
        {
            self.events = None;
        }
        if let Some(tracker) = self.wandb.as_mut().filter(|_| only != Some(true)) {
            match wandb(tracker) {
                // What cannot be sent now can be sent later.
                Err(Problem::Upload(error)) => {
                    tracing::warn!("{error}; the run goes on, and sending is tried again at its end");
                }
                result => {
                    if self.given_up.unless_wandb(result).is_none() {
                        self.wandb = None;
                    }
                }
            }
        }
    }
}

fn open_events(part: &Part<'_>, progress: &Progress, held: &mut Held) -> Result<EventLog, Problem> {
    let (now, folder) = (Timestamp::now(), part.root.below(TENSORBOARD));
    folder.make()?;
    let place = StoredFolder(folder);
    let mut begun = false;
    let mut events = EventLog::resume(&place, now, part.steps.0 + 1, |logged| {
        begun = true;
        let step = logged.step() as f64;
        let epoch = logged.scalar(EPOCH).map(f64::from);
        progress.keeps(held, Some(step), epoch, logged.tags())
    })?;
    if !begun {
        let settings = describe::settings(part.config, part.backend);
        events.hyperparameters(now, &part.config.run.name, &describe::flat(&settings))?;
        events.text(0, now, "config", &describe::markdown(&settings))?;
    }
    Ok(events)
}

/// The PNG files that lie in a run folder itself, a few and not the largest.
fn pictures(root: &Folder) -> Vec<(String, Picture)> {
    const MOST: (usize, u64) = (8, 16 << 20);
    let mut names: Vec<String> =
        root.names().unwrap_or_default().into_iter().filter_map(|name| name.into_string().ok()).collect();
    names.retain(|name| name.ends_with(".png"));
    names.sort();
    let read = |name: String| {
        let picture = Picture::from_png(root.read(&name, MOST.1).ok()?).ok()?;
        Some((name, picture))
    };
    names.into_iter().take(MOST.0).filter_map(read).collect()
}

//! What is known of the work, a level each: the run, its epoch, the phase under way.

use std::time::{Duration, Instant};

use seqjepa_train::MetricsRow;
use seqjepa_train::observer::{Event, Stage};

use super::pace::Pace;
use super::words::{clock, rate, share};

const MIB: u64 = 1 << 20;

/// The run, in steps.
#[derive(Debug)]
struct Run {
    epochs: usize,
    step: u64,
    steps: u64,
    pace: Pace,
}

/// The epoch under way, in training batches.
#[derive(Debug)]
struct Epoch {
    number: usize,
    done: u64,
    batches: u64,
    began: Instant,
    pace: Pace,
    learning_rate: f64,
    loss: Option<f64>,
    waited: Duration,
}

/// What is done just now.
#[derive(Debug)]
struct Phase {
    name: &'static str,
    what: Option<String>,
    unit: &'static str,
    done: u64,
    total: u64,
    pace: Pace,
    /// Sequences of training, whose batches are the units.
    sequences: Option<(u64, Pace)>,
    /// Whether units take about the same time each.
    even: bool,
}

/// All three, as far as there are any.
#[derive(Debug)]
pub(super) struct Levels {
    began: Instant,
    run: Option<Run>,
    epoch: Option<Epoch>,
    phase: Option<Phase>,
    first_epoch: usize,
}

/// A level as it is shown.
#[derive(Debug, PartialEq)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) done: u64,
    pub(super) total: u64,
    pub(super) text: String,
}

impl Levels {
    pub(super) fn new(now: Instant) -> Self {
        Self { began: now, run: None, epoch: None, phase: None, first_epoch: 1 }
    }

    /// Takes account of what has happened.
    pub(super) fn take(&mut self, event: &Event, now: Instant) {
        match event {
            Event::RunStarted { first_epoch, epochs, steps: (done, all), .. } => {
                self.first_epoch = *first_epoch;
                self.began = now;
                self.run =
                    Some(Run { epochs: *epochs, step: *done, steps: *all, pace: Pace::new(now, *done) });
            }
            Event::EpochStarted { epoch, batches, done, learning_rate } => {
                let (done, batches) = (*done as u64, *batches as u64);
                self.epoch = Some(Epoch {
                    number: *epoch,
                    done,
                    batches,
                    began: now,
                    pace: Pace::new(now, done),
                    learning_rate: *learning_rate,
                    loss: None,
                    waited: Duration::ZERO,
                });
                self.begin("training", "steps", batches, done, now);
                if let Some(phase) = &mut self.phase {
                    phase.sequences = Some((0, Pace::new(now, 0)));
                }
            }
            Event::StepFinished { step, batch, sequences, data_wait } => {
                let done = *batch as u64 + 1;
                if let Some(run) = &mut self.run {
                    run.step = *step;
                    run.pace.count(now, *step);
                }
                if let Some(epoch) = &mut self.epoch {
                    (epoch.done, epoch.waited) = (done, *data_wait);
                    epoch.pace.count(now, done);
                }
                if let Some(phase) = &mut self.phase {
                    phase.done = done;
                    phase.pace.count(now, done);
                    if let Some((all, pace)) = &mut phase.sequences {
                        *all += *sequences as u64;
                        pace.count(now, *all);
                    }
                }
            }
            Event::StepLogged { loss, learning_rate, .. } => {
                if let Some(epoch) = &mut self.epoch {
                    (epoch.loss, epoch.learning_rate) = (Some(*loss), *learning_rate);
                }
            }
            Event::TestStarted { batches } => self.begin("testing", "batches", *batches as u64, 0, now),
            Event::TestBatchFinished { batch } => self.reach(*batch as u64 + 1, now),
            Event::EpochFinished { .. } => (self.epoch, self.phase) = (None, None),
            Event::Progress { stage, what, done, total } => {
                let (name, unit, size, even) = match stage {
                    Stage::Downloading => ("downloading", "MiB", MIB, true),
                    Stage::Decoding => ("decoding images", "images", 1, true),
                    Stage::ExtractingFeatures => ("encoding", "sequences", 1, true),
                    Stage::FittingProbes => ("fitting probes", "probes", 1, false),
                    Stage::TrainingProbes => ("training probes", "epochs", 1, true),
                    Stage::Embedding => ("embedding", "images", 1, true),
                    _ => ("working", "steps", 1, true),
                };
                let (done, total) = (done / size, total.unwrap_or(0).div_ceil(size));
                let same = |phase: &Phase| phase.name == name && phase.total == total && phase.done <= done;
                if !self.phase.as_ref().is_some_and(same) {
                    self.begin(name, unit, total, 0, now);
                }
                if let Some(phase) = &mut self.phase {
                    phase.even = even;
                    phase.what = what.map(str::to_owned);
                }
                self.reach(done, now);
                if total > 0 && done >= total {
                    self.phase = None;
                }
            }
            _ => {}
        }
    }

    fn begin(&mut self, name: &'static str, unit: &'static str, total: u64, done: u64, now: Instant) {
        let pace = Pace::new(now, done);
        self.phase = Some(Phase { name, what: None, unit, done, total, pace, sequences: None, even: true });
    }

    fn reach(&mut self, done: u64, now: Instant) {
        if let Some(phase) = &mut self.phase {
            phase.done = done;
            phase.pace.count(now, done);
        }
    }

    /// The line of each level that there is.
    pub(super) fn lines(&self, now: Instant) -> [Option<Line>; 3] {
        let run = self.run.as_ref().map(|run| {
            let epoch = self
                .epoch
                .as_ref()
                .map_or(String::new(), |epoch| format!(", epoch {}/{}", epoch.number, run.epochs));
            let left = left(run.pace.left(run.steps), "");
            Line {
                name: "run".into(),
                done: run.step,
                total: run.steps,
                text: format!("{}/{} steps{epoch}{left}", run.step, run.steps),
            }
        });
        let epoch = self.epoch.as_ref().map(|epoch| Line {
            name: format!("epoch {}", epoch.number),
            done: epoch.done,
            total: epoch.batches,
            text: format!(
                "{}/{} steps{}{}, lr {:.1e}",
                epoch.done,
                epoch.batches,
                epoch.loss.map_or_else(String::new, |loss| format!(", loss {loss:.4}")),
                left(epoch.pace.left(epoch.batches), ""),
                epoch.learning_rate
            ),
        });
        let phase = self.phase.as_ref().map(|phase| Line {
            name: phase.name.into(),
            done: phase.done,
            total: phase.total,
            text: self.of_phase(phase, now),
        });
        [run, epoch, phase]
    }

    /// The rate of the phase and what else it knows.
    fn of_phase(&self, phase: &Phase, now: Instant) -> String {
        if let Some((_, pace)) = &phase.sequences {
            let mut parts: Vec<String> =
                pace.rate().map(|found| rate(found, "sequences")).into_iter().collect();
            parts.extend(self.waiting(now));
            return parts.join(", ");
        }
        let total = if phase.total > 0 { format!("/{}", phase.total) } else { String::new() };
        let mut text = format!("{}{total} {}", phase.done, phase.unit);
        if let Some(found) = phase.pace.rate().filter(|_| phase.even && phase.total != phase.done) {
            if phase.unit == "epochs" {
                text += &left(phase.pace.left(phase.total), "");
            } else {
                text += &format!(", {}{}", rate(found, phase.unit), left(phase.pace.left(phase.total), ""));
            }
        }
        match &phase.what {
            Some(what) => text + ": " + what,
            None => text,
        }
    }

    /// What part of the epoch's time so far has gone into waiting for data.
    fn waiting(&self, now: Instant) -> Option<String> {
        let epoch = self.epoch.as_ref()?;
        let time = now.duration_since(epoch.began).as_secs_f64();
        let part = (time > 0.0).then(|| epoch.waited.as_secs_f64() / time)?;
        Some(format!("{} of the time waiting for data", share(part.min(1.0))))
    }

    /// All levels in one line, for a log.
    pub(super) fn one_line(&self, now: Instant) -> Option<String> {
        let phase = self.phase.as_ref()?;
        let text = self.of_phase(phase, now);
        let text = if text.is_empty() { String::new() } else { format!(", {text}") };
        Some(match (&self.run, &self.epoch) {
            (Some(run), Some(epoch)) if phase.name == "training" => format!(
                "epoch {}/{}: step {}/{}{}{text}{}{}",
                epoch.number,
                run.epochs,
                epoch.done,
                epoch.batches,
                epoch.loss.map_or_else(String::new, |loss| format!(", loss {loss:.4}")),
                left(epoch.pace.left(epoch.batches), " in the epoch"),
                left(run.pace.left(run.steps), " in the run"),
            ),
            (Some(run), Some(epoch)) => {
                format!("epoch {}/{}: {}{text}", epoch.number, run.epochs, phase.name)
            }
            _ => format!("{}{text}", phase.name),
        })
    }

    /// What an event is worth a line for good.
    pub(super) fn said(&self, event: &Event, now: Instant) -> Option<String> {
        Some(match event {
            Event::CheckpointDamaged { problem } => format!("warning: {problem}"),
            Event::Resumed { path: Some(path), epoch, batch } => {
                let path = path.display();
                format!("continuing from {path}: {epoch} epochs and {batch} batches done")
            }
            Event::Resumed { path: None, .. } => {
                "the run has no checkpoint yet: starting from the beginning".into()
            }
            Event::StepSkipped { step, what, indices } => {
                format!("warning: {what} at step {step}; left out images {indices:?}")
            }
            Event::RunStarted { parameters, .. } => format!("{parameters} trainable parameters"),
            Event::EpochFinished { row } => self.of_epoch(row, now),
            _ => return None,
        })
    }

    fn of_epoch(&self, row: &MetricsRow, now: Instant) -> String {
        let epochs = self.run.as_ref().map_or(row.epoch, |run| run.epochs);
        let mut text = format!("epoch {}/{epochs} done", row.epoch);
        for (name, label, digits, unit) in [
            ("ep_loss", "loss", 4, ""),
            ("online_linacc_test", "top-1", 2, " %"),
            ("online_r2_test", "R2", 3, ""),
            ("leakage_linacc_test", "leakage: top-1", 2, " %"),
            ("leakage_r2_test", "R2", 3, ""),
        ] {
            if let Some(value) = row.get(name) {
                text.push_str(&format!(", {label} {value:.digits$}{unit}"));
            }
        }
        let time = Duration::try_from_secs_f64(row.get("ep_time").unwrap_or(0.0)).unwrap_or_default();
        let waited = row.get("data_wait_share").unwrap_or(0.0);
        text += &format!("; took {}, {} of it waiting for data", clock(time), share(waited));
        let done = (row.epoch + 1).saturating_sub(self.first_epoch).max(1);
        let rest = epochs.saturating_sub(row.epoch);
        if rest > 0 {
            let each = now.duration_since(self.began).div_f64(done as f64);
            text += &left(Some(each.mul_f64(rest as f64)), " in the run");
        }
        text
    }
}

fn left(time: Option<Duration>, of: &str) -> String {
    time.map_or_else(String::new, |time| format!(", {} left{of}", clock(time)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run of 2 epochs of 10 steps of 32 sequences, a second a step, up to step 4.
    pub(in crate::progress) fn under_way(start: Instant) -> Levels {
        let mut levels = Levels::new(start);
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        levels.take(&Event::RunStarted { first_epoch: 1, epochs: 2, steps: (0, 20), parameters: 7 }, at(0));
        levels.take(&Event::EpochStarted { epoch: 1, batches: 10, done: 0, learning_rate: 1e-3 }, at(0));
        for step in 1..=4u64 {
            let batch = usize::try_from(step).unwrap() - 1;
            let data_wait = Duration::from_millis(100 * step);
            levels.take(&Event::StepFinished { step, batch, sequences: 32, data_wait }, at(step));
            let terms = &[];
            levels.take(&Event::StepLogged { step, loss: 0.5, terms, learning_rate: 1e-3 }, at(step));
        }
        levels
    }

    #[test]
    fn every_level_has_a_line() {
        let start = Instant::now();
        let levels = under_way(start);
        let now = start + Duration::from_secs(4);
        let lines =
            levels.lines(now).map(|line| line.map(|line| (line.name, line.done, line.total, line.text)));
        let line =
            |name: &str, done, total, text: &str| Some((name.to_owned(), done, total, text.to_owned()));
        assert_eq!(
            lines,
            [
                line("run", 4, 20, "4/20 steps, epoch 1/2, 0:00:16 left"),
                line("epoch 1", 4, 10, "4/10 steps, loss 0.5000, 0:00:06 left, lr 1.0e-3"),
                line("training", 4, 10, "32.0 sequences/s, 10 % of the time waiting for data"),
            ]
        );
        assert_eq!(
            levels.one_line(now).unwrap(),
            "epoch 1/2: step 4/10, loss 0.5000, 32.0 sequences/s, 10 % of the time waiting for data, 0:00:06 left in the epoch, \
             0:00:16 left in the run"
        );
    }

    #[test]
    fn phases_follow_one_another() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut levels = under_way(start);
        levels.take(&Event::TestStarted { batches: 4 }, at(10));
        levels.take(&Event::TestBatchFinished { batch: 0 }, at(11));
        assert_eq!(
            levels.one_line(at(11)).unwrap(),
            "epoch 1/2: testing, 1/4 batches, 1.00 batches/s, 0:00:03 left"
        );
        let mut row = MetricsRow::new(1);
        for (name, value) in [("ep_loss", 0.25), ("ep_time", 14.0), ("data_wait_share", 0.1)] {
            row.push(name, value);
        }
        let event = Event::EpochFinished { row: &row };
        levels.take(&event, at(14));
        assert_eq!(
            levels.said(&event, at(14)).unwrap(),
            "epoch 1/2 done, loss 0.2500; took 0:00:14, 10 % of it waiting for data, 0:00:14 left in the run"
        );
        assert_eq!(levels.one_line(at(14)), None);
    }

    #[test]
    fn other_work_is_counted_in_its_units() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut levels = Levels::new(start);
        let mut progress = |stage, what, done, total, second| {
            levels.take(&Event::Progress { stage, what, done, total }, at(second));
            levels.one_line(at(second))
        };
        assert_eq!(progress(Stage::Downloading, None, 3 * MIB, None, 1).unwrap(), "downloading, 3 MiB");
        let encoding = "encoding, 100/400 sequences".to_owned();
        assert_eq!(progress(Stage::ExtractingFeatures, None, 100, Some(400), 2).unwrap(), encoding);
        let faster = progress(Stage::ExtractingFeatures, None, 300, Some(400), 4).unwrap();
        assert_eq!(faster, "encoding, 300/400 sequences, 150 sequences/s, 0:00:00 left");
        // The next pass of as many.
        assert!(progress(Stage::ExtractingFeatures, None, 400, Some(400), 5).is_none());
        assert_eq!(progress(Stage::ExtractingFeatures, None, 100, Some(400), 6).unwrap(), encoding);
        let fitting = progress(Stage::FittingProbes, Some("class from z_1"), 1, Some(3), 9).unwrap();
        assert_eq!(fitting, "fitting probes, 1/3 probes: class from z_1");
    }
}

//! Says once, early, that a run will take hours.

use std::time::{Duration, Instant};

use seqjepa_train::observer::{Event, Observer, ObserverError};

use super::device::may_be_unmeant;
use super::terminal::note;

/// A run shorter than this needs no warning.
const LONG: Duration = Duration::from_secs(2 * 3600);

/// Steps and time that an estimate needs after the first step, which is slower.
const ENOUGH: (u64, Duration) = (3, Duration::from_secs(20));

/// Watches the first steps of a run.
#[derive(Debug)]
pub(super) struct Pace {
    /// The device may not be the one that was meant.
    unmeant: bool,
    all_steps: u64,
    first: Option<(Instant, u64)>,
    done: bool,
}

impl Pace {
    /// For a run on the device that the config calls `requested`.
    pub(super) fn new(requested: &str) -> Self {
        Self { unmeant: may_be_unmeant(requested), all_steps: 0, first: None, done: false }
    }

    fn step(&mut self, step: u64) {
        let (started, first) = *self.first.get_or_insert_with(|| (Instant::now(), step));
        let (steps, elapsed) = (step - first, started.elapsed());
        if steps < ENOUGH.0 || elapsed < ENOUGH.1 {
            return;
        }
        self.done = true;
        let each = elapsed.div_f64(steps as f64);
        let left = each.mul_f64(self.all_steps.saturating_sub(step) as f64);
        if left > LONG {
            let device =
                if self.unmeant { "; `seqjepa devices` lists faster devices, if there are any" } else { "" };
            note!(
                "at {:.2} s a step, the {} steps that are left take about {}{device}",
                each.as_secs_f64(),
                self.all_steps.saturating_sub(step),
                words(left)
            );
        }
    }
}

impl Observer for Pace {
    fn observe(&mut self, event: &Event<'_>) -> Result<(), ObserverError> {
        match event {
            Event::RunStarted { steps: (_, all), .. } => self.all_steps = *all,
            Event::StepFinished { step, .. } if !self.done => self.step(*step),
            _ => {}
        }
        Ok(())
    }
}

/// A duration for people, as `3 h 20 min`.
pub(super) fn words(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => "less than 1 s".into(),
        1..60 => format!("{seconds} s"),
        60..5400 => format!("{} min", (seconds + 30) / 60),
        5400..172_800 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{:.1} days", time.as_secs_f64() / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_for_people() {
        let texts = [0, 7, 59, 61, 3600, 12_000, 500_000].map(|seconds| words(Duration::from_secs(seconds)));
        assert_eq!(texts, ["less than 1 s", "7 s", "59 s", "1 min", "60 min", "3 h 20 min", "5.8 days"]);
    }
}

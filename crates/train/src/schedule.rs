//! Learning-rate schedules, set once an epoch as in the published code, or once a step.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// How a learning rate moves over a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ScheduleShape {
    /// The same throughout.
    Constant,
    /// Linear warm-up `peak * (t + 1) / warm-up`, then half a cosine that reaches `floor` in the last unit:
    /// `floor + (peak - floor) * (1 + cos(pi * (t - warm-up) / (total - warm-up - 1))) / 2`.
    WarmupCosine {
        /// Learning rate at the end.
        floor: f64,
    },
    /// Linear warm-up from `start`, `start + (peak - start) * t / warm-up`, then constant: what the published code does.
    WarmupConstant {
        /// Learning rate at the start.
        start: f64,
    },
}

/// When a schedule sets the learning rate: what `t` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ScheduleUnit {
    /// Once an epoch (the published code).
    #[default]
    Epoch,
    /// Once an optimizer step.
    Step,
}

/// The learning rate of each step of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LearningRateSchedule {
    /// The greatest learning rate.
    pub peak: f64,
    /// How it moves.
    pub shape: ScheduleShape,
    /// When it moves.
    pub unit: ScheduleUnit,
    /// Epochs of warm-up.
    pub warmup_epochs: usize,
    /// Epochs in all.
    pub epochs: usize,
}

impl LearningRateSchedule {
    /// The same learning rate throughout.
    #[must_use]
    pub fn constant(rate: f64) -> Self {
        Self {
            peak: rate,
            shape: ScheduleShape::Constant,
            unit: ScheduleUnit::Epoch,
            warmup_epochs: 0,
            epochs: 0,
        }
    }

    /// The learning rate of step `step` of epoch `epoch`, both counted from 0, where an epoch has `steps_per_epoch`.
    #[must_use]
    pub fn rate(&self, epoch: usize, step: usize, steps_per_epoch: usize) -> f64 {
        match self.unit {
            ScheduleUnit::Epoch => self.at(epoch, self.warmup_epochs, self.epochs),
            ScheduleUnit::Step => self.at(
                epoch * steps_per_epoch + step,
                self.warmup_epochs * steps_per_epoch,
                self.epochs * steps_per_epoch,
            ),
        }
    }

    /// The rate at unit `t` of `total`, `warmup` of which are warm-up.
    fn at(&self, t: usize, warmup: usize, total: usize) -> f64 {
        let Self { peak, .. } = *self;
        match self.shape {
            ScheduleShape::Constant => peak,
            ScheduleShape::WarmupConstant { start } if t < warmup => {
                start + (peak - start) * t as f64 / warmup as f64
            }
            ScheduleShape::WarmupConstant { .. } => peak,
            ScheduleShape::WarmupCosine { .. } if t < warmup => peak * (t + 1) as f64 / warmup as f64,
            ScheduleShape::WarmupCosine { .. } if total <= 1 => peak,
            ScheduleShape::WarmupCosine { floor } => {
                let span = total.saturating_sub(warmup + 1).max(1);
                let progress = ((t - warmup) as f64 / span as f64).min(1.0);
                floor + (peak - floor) * 0.5 * (1.0 + (PI * progress).cos())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosine(peak: f64, floor: f64, warmup_epochs: usize, epochs: usize) -> LearningRateSchedule {
        LearningRateSchedule {
            shape: ScheduleShape::WarmupCosine { floor },
            warmup_epochs,
            epochs,
            ..LearningRateSchedule::constant(peak)
        }
    }

    #[test]
    fn the_paper_schedule_warms_up_peaks_and_reaches_its_floor() {
        let schedule = cosine(4e-4, 1e-5, 20, 2000);
        let rate = |epoch| schedule.rate(epoch, 7, 100);
        assert_eq!(rate(0), 4e-4 / 20.0);
        assert_eq!(rate(9), 4e-4 * 10.0 / 20.0);
        assert_eq!(rate(19), 4e-4);
        assert_eq!(rate(20), 4e-4);
        assert!((rate(1999) - 1e-5).abs() < 1e-18);
        let rates: Vec<_> = (20..2000).map(rate).collect();
        assert!(rates.windows(2).all(|pair| pair[1] < pair[0]));
    }

    #[test]
    fn short_runs_are_defined() {
        assert_eq!(cosine(1.0, 0.1, 0, 1).rate(0, 0, 5), 1.0);
        assert_eq!(cosine(1.0, 0.1, 2, 2).rate(1, 0, 5), 1.0);
        assert_eq!(cosine(1.0, 0.1, 0, 2).rate(1, 0, 5), 0.1);
    }

    #[test]
    fn a_schedule_by_steps_moves_within_an_epoch() {
        let schedule = LearningRateSchedule { unit: ScheduleUnit::Step, ..cosine(1.0, 0.0, 1, 3) };
        assert_eq!([0, 1, 2, 3].map(|step| schedule.rate(0, step, 4)), [0.25, 0.5, 0.75, 1.0]);
        assert_eq!(schedule.rate(1, 0, 4), 1.0);
        assert!(schedule.rate(1, 1, 4) < 1.0);
        assert!(schedule.rate(2, 3, 4).abs() < 1e-15);
    }

    #[test]
    fn the_published_code_warms_up_from_its_start_and_stays() {
        let schedule = LearningRateSchedule {
            shape: ScheduleShape::WarmupConstant { start: 1e-5 },
            ..cosine(4e-4, 0.0, 20, 2000)
        };
        assert_eq!(schedule.rate(0, 3, 10), 1e-5);
        assert!((schedule.rate(10, 0, 10) - (1e-5 + 3.9e-4 / 2.0)).abs() < 1e-18);
        assert_eq!([20, 1999].map(|epoch| schedule.rate(epoch, 0, 10)), [4e-4; 2]);
    }

    #[test]
    fn the_constant_schedule_is_constant() {
        let schedule = LearningRateSchedule::constant(1e-3);
        assert!((0..100).all(|epoch| schedule.rate(epoch, epoch, 100) == 1e-3));
    }
}

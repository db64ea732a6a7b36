//! Learning-rate schedules, set once an epoch as in the published code.

use std::f64::consts::PI;

use crate::config::{OptimConfig, SchedulerKind};

/// The learning rate of each epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LearningRateSchedule {
    /// The same throughout.
    Constant {
        /// The learning rate.
        rate: f64,
    },
    /// Linear warm-up `peak * (epoch + 1) / warmup_epochs`, then half a cosine that reaches `floor` in the last epoch.
    WarmupCosine {
        /// Learning rate at the end of the warm-up.
        peak: f64,
        /// Learning rate of the last epoch.
        floor: f64,
        /// Epochs of warm-up.
        warmup_epochs: usize,
        /// Epochs in all.
        epochs: usize,
    },
}

impl LearningRateSchedule {
    /// The schedule that a config describes for a run of `epochs`.
    #[must_use]
    pub fn from_config(config: &OptimConfig, epochs: usize) -> Self {
        match config.scheduler {
            SchedulerKind::Constant => Self::Constant { rate: config.lr },
            SchedulerKind::Cosine => Self::WarmupCosine {
                peak: config.lr,
                floor: config.min_lr.unwrap_or(config.lr),
                warmup_epochs: config.warmup_epochs,
                epochs,
            },
        }
    }

    /// The learning rate of `epoch`, counted from 0.
    #[must_use]
    pub fn rate(&self, epoch: usize) -> f64 {
        match *self {
            Self::Constant { rate } => rate,
            Self::WarmupCosine { peak, warmup_epochs, .. } if epoch < warmup_epochs => {
                peak * (epoch + 1) as f64 / warmup_epochs as f64
            }
            Self::WarmupCosine { peak, epochs, .. } if epochs <= 1 => peak,
            Self::WarmupCosine { peak, floor, warmup_epochs, epochs } => {
                let span = epochs.saturating_sub(warmup_epochs + 1).max(1);
                let progress = ((epoch - warmup_epochs) as f64 / span as f64).min(1.0);
                floor + (peak - floor) * 0.5 * (1.0 + (PI * progress).cos())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paper_schedule_warms_up_peaks_and_reaches_its_floor() {
        let schedule =
            LearningRateSchedule::WarmupCosine { peak: 4e-4, floor: 1e-5, warmup_epochs: 20, epochs: 2000 };
        assert_eq!(schedule.rate(0), 4e-4 / 20.0);
        assert_eq!(schedule.rate(9), 4e-4 * 10.0 / 20.0);
        assert_eq!(schedule.rate(19), 4e-4);
        assert_eq!(schedule.rate(20), 4e-4);
        assert!((schedule.rate(1999) - 1e-5).abs() < 1e-18);
        let rates: Vec<_> = (20..2000).map(|epoch| schedule.rate(epoch)).collect();
        assert!(rates.windows(2).all(|pair| pair[1] < pair[0]));
    }

    #[test]
    fn short_runs_are_defined() {
        let schedule = |epochs, warmup_epochs| LearningRateSchedule::WarmupCosine {
            peak: 1.0,
            floor: 0.1,
            warmup_epochs,
            epochs,
        };
        assert_eq!(schedule(1, 0).rate(0), 1.0);
        assert_eq!(schedule(2, 2).rate(1), 1.0);
        assert_eq!(schedule(2, 0).rate(1), 0.1);
    }

    #[test]
    fn the_constant_schedule_is_constant() {
        let schedule = LearningRateSchedule::Constant { rate: 1e-3 };
        assert!((0..100).all(|epoch| schedule.rate(epoch) == 1e-3));
    }
}

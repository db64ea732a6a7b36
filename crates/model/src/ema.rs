//! The exponential moving average that the target encoder is.

pub use seqjepa_nn::ema_update;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// How the decay of the moving average changes over training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmaSchedule {
    /// The same decay at every step.
    Constant,
    /// From the first decay to 1 along half a cosine:
    /// `d(t) = 1 - (1 - d_0) (cos(π t / T) + 1) / 2` (Grill et al. 2020, arXiv 2006.07733).
    Cosine,
}

impl EmaSchedule {
    /// The decay after optimizer step `step`, counted from 0, of `total_steps`.
    #[must_use]
    pub fn decay(self, first: f64, step: u64, total_steps: u64) -> f64 {
        match self {
            Self::Constant => first,
            Self::Cosine => {
                let progress = step.min(total_steps) as f64 / total_steps.max(1) as f64;
                1.0 - (1.0 - first) * ((PI * progress).cos() + 1.0) / 2.0
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cosine_schedule_goes_from_the_first_decay_to_one() {
        let decay = |step| EmaSchedule::Cosine.decay(0.996, step, 100);
        assert_eq!(decay(0), 0.996);
        assert!((decay(50) - 0.998).abs() < 1e-12);
        assert_eq!(decay(100), 1.0);
        assert_eq!(decay(101), 1.0, "a step beyond the end keeps the last decay");
        assert_eq!(EmaSchedule::Constant.decay(0.996, 70, 100), 0.996);
    }
}

//! From figures to a verdict.

use serde::{Deserialize, Serialize};

use crate::error::InputError;

/// Whether a representation has collapsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Samples differ, in many directions.
    Healthy = 0,
    /// Samples differ, but little, or in few directions (dimensional collapse).
    PartialCollapse = 1,
    /// All samples have nearly the same features, or lie on nearly one line.
    Collapsed = 2,
}

impl Verdict {
    /// The verdict that [`Diagnostics::metrics`](super::Diagnostics::metrics) writes as a number.
    #[must_use]
    pub fn from_metric(value: f64) -> Option<Self> {
        [Self::Healthy, Self::PartialCollapse, Self::Collapsed]
            .into_iter()
            .find(|verdict| f64::from(*verdict as u8) == value)
    }

    /// What it says of a representation, in words.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Healthy => "features of different images differ, in many directions",
            Self::PartialCollapse => "features of different images differ little, or in few directions",
            Self::Collapsed => "all images have nearly the same features",
        }
    }

    /// Its name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::PartialCollapse => "partial collapse",
            Self::Collapsed => "collapsed",
        }
    }
}

/// Where the verdict changes. The worse of two findings counts:
///
/// | | collapsed | partial collapse |
/// |---|---|---|
/// | standard deviation ratio below | `collapsed_deviation` | `partial_deviation` |
/// | RankMe below | `collapsed_rank` | `partial_rank` times `min(samples, width)` |
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// Ratio of the standard deviation to `1/√D` below which the verdict is *collapsed*.
    pub collapsed_deviation: f64,
    /// Ratio of the standard deviation to `1/√D` below which it is *partial collapse*.
    pub partial_deviation: f64,
    /// RankMe below which the verdict is *collapsed*.
    pub collapsed_rank: f64,
    /// Share of `min(samples, width)`; with RankMe below it the verdict is *partial collapse*.
    pub partial_rank: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { collapsed_deviation: 0.05, partial_deviation: 0.2, collapsed_rank: 1.5, partial_rank: 0.05 }
    }
}

impl Thresholds {
    pub(super) fn validate(&self) -> Result<(), InputError> {
        for (setting, value) in [
            ("collapsed_deviation", self.collapsed_deviation),
            ("partial_deviation", self.partial_deviation),
            ("collapsed_rank", self.collapsed_rank),
            ("partial_rank", self.partial_rank),
        ] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(InputError::setting(format!("thresholds.{setting}"), "0 or more", value));
            }
        }
        Ok(())
    }

    /// The verdict on RankMe, `full` at most, and the ratio of the standard deviation to `1/√D`, with the findings
    /// behind it.
    pub(super) fn judge(&self, rank: f64, full: usize, ratio: f64) -> (Verdict, Vec<String>) {
        // Width 1 or two samples leave no ranks to tell apart.
        let partial_rank = (self.partial_rank * full as f64).max(self.collapsed_rank);
        let collapsed_rank = if full as f64 > self.collapsed_rank { self.collapsed_rank } else { 0.0 };
        let partial_rank = if full as f64 > self.collapsed_rank { partial_rank } else { 0.0 };
        let mut verdict = Verdict::Healthy;
        let mut reasons = Vec::new();
        for (figure, value, collapsed, partial) in [
            (
                "the standard deviation of L2-normalised features over 1/sqrt(D)".to_owned(),
                ratio,
                self.collapsed_deviation,
                self.partial_deviation,
            ),
            (format!("RankMe, of {full} at most,"), rank, collapsed_rank, partial_rank),
        ] {
            let (found, bound) = if value < collapsed {
                (Verdict::Collapsed, collapsed)
            } else if value < partial {
                (Verdict::PartialCollapse, partial)
            } else {
                continue;
            };
            reasons.push(format!("{figure} is {value:.4}, below {bound:.4}: {}", found.name()));
            verdict = verdict.max(found);
        }
        (verdict, reasons)
    }
}

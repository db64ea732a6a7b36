//! Constants of the figures.

use serde::{Deserialize, Serialize};

use super::verdict::Thresholds;
use crate::error::InputError;

/// Constants of the figures, as published by default.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiagnosticsConfig {
    /// Added to each share of the singular values in RankMe: 1e-7.
    pub rank_me_epsilon: f64,
    /// Added to the diagonal of LiDAR's within-class covariance: 1e-4. It is in the features' own
    /// unit, squared.
    pub lidar_delta: f64,
    /// Added to each share of the eigenvalues in LiDAR: 1e-7.
    pub lidar_epsilon: f64,
    /// Factor t of the squared distance in uniformity: 2.
    pub uniformity_t: f64,
    /// What the verdict is decided by.
    pub thresholds: Thresholds,
}

impl Default for DiagnosticsConfig {
    fn default() -> Self {
        Self {
            rank_me_epsilon: 1e-7,
            lidar_delta: 1e-4,
            lidar_epsilon: 1e-7,
            uniformity_t: 2.0,
            thresholds: Thresholds::default(),
        }
    }
}

impl DiagnosticsConfig {
    pub(super) fn validate(&self) -> Result<(), InputError> {
        for (setting, value) in [
            ("rank_me_epsilon", self.rank_me_epsilon),
            ("lidar_delta", self.lidar_delta),
            ("lidar_epsilon", self.lidar_epsilon),
            ("uniformity_t", self.uniformity_t),
        ] {
            if !(value.is_finite() && value > 0.0) {
                return Err(InputError::setting(format!("diagnostics.{setting}"), "above 0", value));
            }
        }
        self.thresholds.validate()
    }
}

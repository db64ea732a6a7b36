use serde::{Deserialize, Serialize};

use super::error::{ConfigError, invalid};

/// `gating`: thresholds on the last epoch's metrics; an absent one does not gate.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatingConfig {
    /// Least `online_linacc_test`, percent.
    pub linacc_test_min: Option<f64>,
    /// Least `online_r2_test`.
    pub r2_test_min: Option<f64>,
    /// Greatest `ep_loss`.
    pub loss_max: Option<f64>,
    /// Greatest `leakage_linacc_test`, percent.
    pub leakage_linacc_test_max: Option<f64>,
    /// Greatest `leakage_r2_test`.
    pub leakage_r2_test_max: Option<f64>,
    /// Least `online_linacc_test - leakage_linacc_test`, percentage points.
    pub leakage_linacc_gap_min: Option<f64>,
    /// Least `online_r2_test - leakage_r2_test`.
    pub leakage_r2_gap_min: Option<f64>,
}

impl GatingConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let thresholds = [
            ("gating.linacc_test_min", self.linacc_test_min),
            ("gating.r2_test_min", self.r2_test_min),
            ("gating.loss_max", self.loss_max),
            ("gating.leakage_linacc_test_max", self.leakage_linacc_test_max),
            ("gating.leakage_r2_test_max", self.leakage_r2_test_max),
            ("gating.leakage_linacc_gap_min", self.leakage_linacc_gap_min),
            ("gating.leakage_r2_gap_min", self.leakage_r2_gap_min),
        ];
        for (key, threshold) in thresholds {
            if let Some(value) = threshold
                && !value.is_finite()
            {
                return Err(invalid(key, "a finite number", value));
            }
        }
        Ok(())
    }
}

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::{ConfigError, invalid};

/// `gating`: thresholds on the last epoch's metrics; an absent one does not gate.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GatingConfig {
    /// Least `online_linacc_test`, percent.
    #[schemars(range(min = 0, max = 100))]
    pub linacc_test_min: Option<f64>,
    /// Least `online_r2_test`.
    #[schemars(range(max = 1))]
    pub r2_test_min: Option<f64>,
    /// Greatest `ep_loss`.
    pub loss_max: Option<f64>,
    /// Greatest `leakage_linacc_test`, percent.
    #[schemars(range(min = 0, max = 100))]
    pub leakage_linacc_test_max: Option<f64>,
    /// Greatest `leakage_r2_test`.
    pub leakage_r2_test_max: Option<f64>,
    /// Least `online_linacc_test - leakage_linacc_test`, percentage points.
    #[schemars(range(min = -100, max = 100))]
    pub leakage_linacc_gap_min: Option<f64>,
    /// Least `online_r2_test - leakage_r2_test`.
    pub leakage_r2_gap_min: Option<f64>,
}

impl GatingConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        // What lies outside is met by every run or by none.
        for (key, threshold, least, most) in [
            ("gating.linacc_test_min", self.linacc_test_min, 0.0, 100.0),
            ("gating.leakage_linacc_test_max", self.leakage_linacc_test_max, 0.0, 100.0),
            ("gating.leakage_linacc_gap_min", self.leakage_linacc_gap_min, -100.0, 100.0),
            ("gating.r2_test_min", self.r2_test_min, f64::MIN, 1.0),
            ("gating.leakage_r2_test_max", self.leakage_r2_test_max, f64::MIN, f64::MAX),
            ("gating.leakage_r2_gap_min", self.leakage_r2_gap_min, f64::MIN, f64::MAX),
            ("gating.loss_max", self.loss_max, f64::MIN, f64::MAX),
        ] {
            let Some(value) = threshold.filter(|value| !(least..=most).contains(value)) else { continue };
            let expected = match (least > f64::MIN, most < f64::MAX) {
                (true, true) => format!("{least} to {most}"),
                (_, true) => format!("a finite number of at most {most}"),
                _ => "a finite number".into(),
            };
            return Err(invalid(key, expected, value));
        }
        Ok(())
    }
}

//! Gates: thresholds on the last epoch's metrics that make a run pass or fail.

use seqjepa_train::MetricsRow;
use serde::{Deserialize, Serialize};

use crate::config::GatingConfig;

/// Whether a run passed its gates, and why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateVerdict {
    /// Every threshold was met.
    pub passed: bool,
    /// One line for every threshold that was not.
    pub reasons: Vec<String>,
}

/// Holds the last epoch's metrics against the thresholds.
///
/// A threshold on a figure that the row does not have, or that is not finite, is not met.
#[must_use]
pub fn evaluate_gates(gates: &GatingConfig, row: &MetricsRow) -> GateVerdict {
    let gap = |of: &str, less: &str| Some(row.get(of)? - row.get(less)?);
    let linacc_gap = gap("online_linacc_test", "leakage_linacc_test");
    let r2_gap = gap("online_r2_test", "leakage_r2_test");
    let at_least = [
        ("online_linacc_test", row.get("online_linacc_test"), gates.linacc_test_min),
        ("online_r2_test", row.get("online_r2_test"), gates.r2_test_min),
        ("online_linacc_test - leakage_linacc_test", linacc_gap, gates.leakage_linacc_gap_min),
        ("online_r2_test - leakage_r2_test", r2_gap, gates.leakage_r2_gap_min),
    ];
    let at_most = [
        ("ep_loss", row.get("ep_loss"), gates.loss_max),
        ("leakage_linacc_test", row.get("leakage_linacc_test"), gates.leakage_linacc_test_max),
        ("leakage_r2_test", row.get("leakage_r2_test"), gates.leakage_r2_test_max),
    ];
    let mut reasons = Vec::new();
    for (name, value, threshold) in at_least {
        if let Some(threshold) = threshold {
            judge(&mut reasons, name, value, "at least", threshold, |value| value >= threshold);
        }
    }
    for (name, value, threshold) in at_most {
        if let Some(threshold) = threshold {
            judge(&mut reasons, name, value, "at most", threshold, |value| value <= threshold);
        }
    }
    GateVerdict { passed: reasons.is_empty(), reasons }
}

fn judge(
    reasons: &mut Vec<String>,
    name: &str,
    value: Option<f64>,
    bound: &str,
    threshold: f64,
    met: impl Fn(f64) -> bool,
) {
    match value {
        Some(value) if met(value) => {}
        Some(value) => reasons.push(format!("{name}: expected {bound} {threshold}, found {value:.4}")),
        None => reasons.push(format!("{name}: expected {bound} {threshold}, but the run did not measure it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> MetricsRow {
        let mut row = MetricsRow::new(1);
        for (name, value) in [
            ("ep_loss", 0.2),
            ("online_linacc_test", 30.0),
            ("leakage_linacc_test", 25.0),
            ("online_r2_test", 0.5),
            ("leakage_r2_test", f64::NAN),
        ] {
            row.push(name, value);
        }
        row
    }

    #[test]
    fn thresholds_that_are_met_pass() {
        let gates = GatingConfig {
            linacc_test_min: Some(30.0),
            loss_max: Some(0.2),
            leakage_linacc_gap_min: Some(5.0),
            ..GatingConfig::default()
        };
        assert_eq!(evaluate_gates(&gates, &row()), GateVerdict { passed: true, reasons: vec![] });
        assert!(evaluate_gates(&GatingConfig::default(), &row()).passed);
    }

    #[test]
    fn each_threshold_that_is_not_met_gives_its_reason() {
        let gates = GatingConfig {
            linacc_test_min: Some(31.0),
            r2_test_min: Some(0.6),
            loss_max: Some(0.1),
            leakage_linacc_test_max: Some(20.0),
            leakage_r2_test_max: Some(0.1),
            leakage_linacc_gap_min: Some(6.0),
            leakage_r2_gap_min: Some(0.0),
        };
        let verdict = evaluate_gates(&gates, &row());
        assert!(!verdict.passed);
        assert_eq!(verdict.reasons.len(), 7, "{:?}", verdict.reasons);
        assert!(evaluate_gates(&gates, &MetricsRow::new(1)).reasons[0].contains("did not measure"));
    }
}

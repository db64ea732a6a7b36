//! The figures of a representation.

use serde::{Deserialize, Serialize};

use super::drift::Drift;
use super::verdict::Verdict;
use crate::metrics::Metrics;

/// What a representation looks like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diagnostics {
    /// Samples that were looked at.
    pub samples: usize,
    /// Views of each sample.
    pub views: usize,
    /// Number of features, D.
    pub width: usize,
    /// RankMe over the first view of each sample: `exp(-Σ p ln p)` with `p = σ / Σσ + ε` of the singular
    /// values of the features, not centred.
    pub rank_me: Option<f64>,
    /// LiDAR over all views: as RankMe, of the eigenvalues of `W^-½ B W^-½`, where `B` is the
    /// covariance of the samples' means (over n - 1) and `W` that of views about their sample's mean
    /// (over n (q - 1)) plus `δ I`.
    pub lidar: Option<f64>,
    /// Standard deviation of each feature after L2 normalisation, averaged over features; first view.
    pub standard_deviation: Option<f64>,
    /// The same over `1/√D`: 1 for features spread evenly over the sphere, 0 for a constant.
    pub standard_deviation_ratio: Option<f64>,
    /// Mean squared distance of two views of a sample after L2 normalisation, over all pairs of views.
    pub alignment: Option<f64>,
    /// `ln mean exp(-t d²)` over all pairs of samples, after L2 normalisation; first view.
    pub uniformity: Option<f64>,
    /// How far online and target encoder are apart, over all views.
    pub drift: Option<Drift>,
    /// The verdict.
    pub verdict: Option<Verdict>,
    /// Why it is not healthy, figure by figure.
    pub reasons: Vec<String>,
}

impl Diagnostics {
    /// The figures that are defined, as columns of a line of metrics: `<prefix>_rankme`, `_lidar`,
    /// `_std`, `_std_ratio`, `_alignment`, `_uniformity`, `_drift_cosine`, `_drift_l2`, `_drift_cka`,
    /// and `_collapse`: 0 healthy, 1 partial collapse, 2 collapsed.
    #[must_use]
    pub fn metrics(&self, prefix: &str) -> Metrics {
        let mut metrics = Metrics::new();
        let drift = self.drift.as_ref();
        for (name, value) in [
            ("rankme", self.rank_me),
            ("lidar", self.lidar),
            ("std", self.standard_deviation),
            ("std_ratio", self.standard_deviation_ratio),
            ("alignment", self.alignment),
            ("uniformity", self.uniformity),
            ("drift_cosine", drift.map(|drift| drift.cosine_distance)),
            ("drift_l2", drift.and_then(|drift| drift.relative_distance)),
            ("drift_cka", drift.and_then(|drift| drift.linear_cka)),
            ("collapse", self.verdict.map(|verdict| f64::from(verdict as u8))),
        ] {
            if let Some(value) = value {
                metrics.insert(format!("{prefix}_{name}"), value);
            }
        }
        metrics
    }
}

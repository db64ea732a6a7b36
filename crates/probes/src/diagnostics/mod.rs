//! Has it collapsed? Figures of a representation that need no labels, and a verdict.
//!
//! | figure | source | range |
//! |---|---|---|
//! | RankMe | Garrido et al. 2023 | 1 to `min(samples, width)` |
//! | LiDAR, views as surrogate classes | Thilak et al. 2024 | 1 to `min(samples - 1, width)` |
//! | standard deviation of L2-normalised features | Chen & He 2021 (SimSiam) | 0 to about `1/√width` |
//! | alignment and uniformity | Wang & Isola 2020 | 0 to 4; about -4 to 0 |
//! | drift between online and target encoder | mean cosine distance, relative L2, linear CKA | |
//!
//! [`diagnose`] looks at features in memory. [`FeatureSample`] collects, batch by batch, as many
//! samples of an epoch as it may keep, for a look once an epoch.
//!
//! Figures that are not defined are absent: all below two samples, LiDAR and alignment with one view,
//! drift without a target encoder, CKA of features that do not vary. NaN and infinite features are
//! refused. A matrix of zeros has rank 0.

mod drift;
mod geometry;
mod sample;
mod spectrum;
mod verdict;
mod views;

use serde::{Deserialize, Serialize};

use crate::error::ProbeError;
use crate::metrics::Metrics;

pub use drift::Drift;
pub use sample::FeatureSample;
pub use verdict::{Thresholds, Verdict};
pub use views::ViewFeatures;

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
    fn validate(&self) -> Result<(), ProbeError> {
        for (setting, value) in [
            ("rank_me_epsilon", self.rank_me_epsilon),
            ("lidar_delta", self.lidar_delta),
            ("lidar_epsilon", self.lidar_epsilon),
            ("uniformity_t", self.uniformity_t),
        ] {
            if !(value.is_finite() && value > 0.0) {
                return Err(ProbeError::setting(format!("diagnostics.{setting}"), "above 0", value));
            }
        }
        self.thresholds.validate()
    }
}

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

/// Computes all figures that are defined.
///
/// # Errors
///
/// If a constant is out of range or a decomposition does not converge.
///
/// ```
/// use seqjepa_probes::Features;
/// use seqjepa_probes::diagnostics::{DiagnosticsConfig, Verdict, ViewFeatures, diagnose};
///
/// // 200 samples of one view each that are all the same.
/// let values = [0.5, 0.1, 0.3].repeat(200);
/// let views = ViewFeatures::new(Features::new(&values, 3)?, 1)?;
/// let diagnostics = diagnose(&views, &DiagnosticsConfig::default())?;
/// assert_eq!(diagnostics.verdict, Some(Verdict::Collapsed));
/// # Ok::<(), seqjepa_probes::ProbeError>(())
/// ```
pub fn diagnose(views: &ViewFeatures<'_>, config: &DiagnosticsConfig) -> Result<Diagnostics, ProbeError> {
    config.validate()?;
    let (samples, width) = (views.samples(), views.features().width());
    let mut diagnostics = Diagnostics {
        samples,
        views: views.views(),
        width,
        rank_me: None,
        lidar: None,
        standard_deviation: None,
        standard_deviation_ratio: None,
        alignment: None,
        uniformity: None,
        drift: None,
        verdict: None,
        reasons: Vec::new(),
    };
    if samples < 2 {
        return Ok(diagnostics);
    }
    let pairs = views.views() > 1;
    let ((rank_me, lidar), drift) = rayon::join(
        || {
            rayon::join(
                || spectrum::rank_me(views, config.rank_me_epsilon),
                || {
                    pairs
                        .then(|| spectrum::lidar(views, config.lidar_delta, config.lidar_epsilon))
                        .transpose()
                },
            )
        },
        || views.target().map(|target| drift::drift(views.features(), target)),
    );
    let deviation = geometry::standard_deviation(views);
    diagnostics.rank_me = Some(rank_me?);
    diagnostics.lidar = lidar?;
    diagnostics.standard_deviation = Some(deviation);
    diagnostics.standard_deviation_ratio = Some(deviation * (width as f64).sqrt());
    diagnostics.uniformity = Some(geometry::uniformity(views, config.uniformity_t));
    diagnostics.alignment = pairs.then(|| geometry::alignment(views));
    diagnostics.drift = drift;
    let (verdict, reasons) = config.thresholds.judge(&diagnostics);
    diagnostics.verdict = verdict;
    diagnostics.reasons = reasons;
    Ok(diagnostics)
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

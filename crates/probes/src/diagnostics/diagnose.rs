//! From features to all figures.

use super::config::DiagnosticsConfig;
use super::figures::Diagnostics;
use super::views::ViewFeatures;
use super::{drift, geometry, spectrum};
use crate::error::NumericError;

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
/// # Ok::<(), seqjepa_probes::NumericError>(())
/// ```
pub fn diagnose(views: &ViewFeatures<'_>, config: &DiagnosticsConfig) -> Result<Diagnostics, NumericError> {
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
    let rank_me = rank_me?;
    let deviation = geometry::standard_deviation(views);
    let ratio = deviation * (width as f64).sqrt();
    diagnostics.rank_me = Some(rank_me);
    diagnostics.lidar = lidar?;
    diagnostics.standard_deviation = Some(deviation);
    diagnostics.standard_deviation_ratio = Some(ratio);
    diagnostics.uniformity = Some(geometry::uniformity(views, config.uniformity_t));
    diagnostics.alignment = pairs.then(|| geometry::alignment(views));
    diagnostics.drift = drift;
    let (verdict, reasons) = config.thresholds.judge(rank_me, samples.min(width), ratio);
    diagnostics.verdict = Some(verdict);
    diagnostics.reasons = reasons;
    Ok(diagnostics)
}

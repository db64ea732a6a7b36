//! Collapse diagnostics of a model's representations on test images.

use seqjepa_model::EncoderChoice;
use seqjepa_probes::diagnostics::{Diagnostics, DiagnosticsConfig, ViewFeatures, diagnose as look};
use seqjepa_probes::{Features, NumericError};

use crate::card::{DiagnosticsRecord, RepresentationDiagnostics};
use crate::error::EvaluationError;
use crate::extraction::{Passes, diagnosed, section};
use crate::features::FeatureFile;

/// Looks at the test pass of one model.
pub(super) fn diagnose(passes: &Passes, test: &FeatureFile) -> Result<DiagnosticsRecord, EvaluationError> {
    let config = DiagnosticsConfig::default();
    let rows = diagnosed(passes.splits.test.samples);
    let observed = passes.headline_views();

    let (first, width) = table(test, section::FIRST, &rows)?;
    let all = test.read(section::VIEWS)?;
    let views = all.len() / (rows.len() * width).max(1);
    let encoder = record(|| look(&ViewFeatures::new(Features::new(&all, width)?, views)?, &config));
    let (aggregate, token) = table(test, &section::aggregate(observed), &rows)?;
    let aggregate = record(|| look(&ViewFeatures::new(Features::new(&aggregate, token)?, 1)?, &config));

    let other = test.read(section::OTHER_FIRST)?;
    let (online, target) = match passes.settings.encoder {
        EncoderChoice::Online => (&first, &other),
        EncoderChoice::Target => (&other, &first),
    };
    let (drift, drift_absent) = if passes.has_target {
        let both = record(|| {
            let [online, target] = [online, target].map(|values| Features::new(values, width));
            look(&ViewFeatures::new(online?, 1)?.with_target(target?)?, &config)
        });
        let few = || "expected at least two test images".to_owned();
        let drift = both.figures.and_then(|figures| figures.drift);
        (drift, drift.is_none().then(|| both.absent.unwrap_or_else(few)))
    } else {
        (None, Some("there is no trained target encoder".into()))
    };
    Ok(DiagnosticsRecord { encoder, aggregate, drift, drift_absent })
}

/// Some rows of a section, and its width.
fn table(file: &FeatureFile, section: &str, rows: &[usize]) -> Result<(Vec<f32>, usize), EvaluationError> {
    let values = file.read(section)?;
    let width = file.shape(section).map_or(0, |[_, width]| width);
    Ok((rows.iter().flat_map(|row| &values[row * width..(row + 1) * width]).copied().collect(), width))
}

fn record(look: impl FnOnce() -> Result<Diagnostics, NumericError>) -> RepresentationDiagnostics {
    match look() {
        Ok(figures) => RepresentationDiagnostics { figures: Some(figures), absent: None },
        Err(error) => RepresentationDiagnostics { figures: None, absent: Some(error.to_string()) },
    }
}

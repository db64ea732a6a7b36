//! Collapse diagnostics of a model's representations on test images.

use seqjepa_probes::diagnostics::{Diagnostics, DiagnosticsConfig, Drift, ViewFeatures, diagnose as look};
use seqjepa_probes::{Features, ProbeError};
use serde::{Deserialize, Serialize};

use super::card::Diagnosed;
use super::extract::{diagnosed, name};
use super::passes::Passes;
use super::store::FeatureFile;
use crate::TrainError;
use crate::config::EncoderChoice;
use crate::report::Table;

/// Diagnostics of one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DiagnosticsRecord {
    /// Of the encoder's codes, over all views that were encoded.
    pub encoder: RepresentationDiagnostics,
    /// Of z_AGG over M_val views.
    pub aggregate: RepresentationDiagnostics,
    /// How far online and target encoder are apart on view 1.
    pub drift: Option<Drift>,
    /// Why there is no drift.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift_absent: Option<String>,
}

/// Diagnostics of one representation, or why there are none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RepresentationDiagnostics {
    /// The figures and the verdict.
    pub figures: Option<Diagnostics>,
    /// Why there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent: Option<String>,
}

/// Looks at the test pass of one model.
pub(super) fn diagnose(passes: &Passes, test: &FeatureFile) -> Result<DiagnosticsRecord, TrainError> {
    let config = DiagnosticsConfig::default();
    let rows = diagnosed(passes.images[1]);
    let observed = passes.config.eval.seq_len;

    let (first, width) = table(test, name::FIRST, &rows)?;
    let all = test.read(name::VIEWS)?;
    let views = all.len() / (rows.len() * width).max(1);
    let encoder = record(|| look(&ViewFeatures::new(Features::new(&all, width)?, views)?, &config));
    let (aggregate, token) = table(test, &name::aggregate(observed), &rows)?;
    let aggregate = record(|| look(&ViewFeatures::new(Features::new(&aggregate, token)?, 1)?, &config));

    let other = test.read(name::OTHER_FIRST)?;
    let (online, target) = match passes.config.eval.encoder {
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
fn table(file: &FeatureFile, section: &str, rows: &[usize]) -> Result<(Vec<f32>, usize), TrainError> {
    let values = file.read(section)?;
    let width = file.shape(section).map_or(0, |[_, width]| width);
    Ok((rows.iter().flat_map(|row| &values[row * width..(row + 1) * width]).copied().collect(), width))
}

fn record(look: impl FnOnce() -> Result<Diagnostics, ProbeError>) -> RepresentationDiagnostics {
    match look() {
        Ok(figures) => RepresentationDiagnostics { figures: Some(figures), absent: None },
        Err(error) => RepresentationDiagnostics { figures: None, absent: Some(error.to_string()) },
    }
}

impl Diagnosed {
    /// The diagnostics as a table, with the verdicts and their reasons.
    #[must_use]
    pub fn table(&self) -> String {
        let columns = [
            ("z", &self.trained.encoder),
            ("z, random", &self.random.encoder),
            ("z_AGG", &self.trained.aggregate),
            ("z_AGG, random", &self.random.aggregate),
        ];
        let mut table = Table::new(["diagnostics"].into_iter().chain(columns.iter().map(|(name, _)| *name)));
        type Read = fn(&Diagnostics) -> Option<f64>;
        let rows: [(&str, Read); 5] = [
            ("RankMe", |figures| figures.rank_me),
            ("LiDAR", |figures| figures.lidar),
            ("standard deviation x sqrt(D)", |figures| figures.standard_deviation_ratio),
            ("alignment", |figures| figures.alignment),
            ("uniformity", |figures| figures.uniformity),
        ];
        let show = |figure: Option<f64>| figure.map_or_else(|| "-".into(), |figure| format!("{figure:.3}"));
        for (name, read) in rows {
            let cells = columns.iter().map(|(_, side)| show(side.figures.as_ref().and_then(read)));
            table.push([name.to_owned()].into_iter().chain(cells));
        }
        let verdict = |side: &RepresentationDiagnostics| {
            let verdict = side.figures.as_ref().and_then(|figures| figures.verdict);
            verdict.map_or("-", |verdict| verdict.name()).to_owned()
        };
        table.push(["verdict".to_owned()].into_iter().chain(columns.iter().map(|(_, side)| verdict(side))));
        let mut text = table.to_string();
        for (name, side) in columns {
            let reasons = side.figures.iter().flat_map(|figures| &figures.reasons).chain(&side.absent);
            for reason in reasons {
                text += &format!("{name}: {reason}\n");
            }
        }
        for (name, record) in [("trained", &self.trained), ("random", &self.random)] {
            text += &match (&record.drift, &record.drift_absent) {
                (Some(drift), _) => format!(
                    "drift of the online from the target encoder, {name}: cosine distance {:.5}, relative L2 {}, linear CKA {}\n",
                    drift.cosine_distance,
                    show(drift.relative_distance),
                    show(drift.linear_cka)
                ),
                (None, Some(reason)) => format!("no drift, {name}: {reason}\n"),
                (None, None) => String::new(),
            };
        }
        text
    }
}

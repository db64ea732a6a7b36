//! Small cards for tests of tables and comparisons.

use seqjepa_model::EncoderChoice;
use seqjepa_train::CodeVersion;
use serde_json::Value;

use super::*;
use crate::features::CacheUsage;
use crate::names::Invariant;

pub(crate) fn figure(name: &str, protocol: &str) -> Figure {
    let measured = |value| Measured {
        value: Some(value),
        interval: Some([value - 0.1, value + 0.1]),
        ..Measured::default()
    };
    Figure {
        name: name.into(),
        trained: measured(0.5),
        random: measured(0.25),
        published: None,
        protocol: Protocol {
            name: protocol.into(),
            encoder: EncoderChoice::Online,
            representation: "z_AGG".into(),
            observed_views: 5,
            target: "class".into(),
            probe: "linear".into(),
            fit: Fit::None,
            train_samples: 100,
            passes: 1,
            test_samples: 10,
            seed: 1,
            augmentation: "none".into(),
        },
    }
}

pub(crate) fn published(value: f64, comparable: bool, differences: &[&str]) -> PublishedFigure {
    let differences = differences.iter().map(|difference| (*difference).to_owned()).collect();
    PublishedFigure { value, comparable, differences, source: "somewhere".into() }
}

/// A card with figures of these names, by the exact protocol.
pub(crate) fn card(names: &[&str]) -> ResultCard {
    let none = || RepresentationDiagnostics { figures: None, absent: Some("not looked at".into()) };
    let record = || DiagnosticsRecord { encoder: none(), aggregate: none(), drift: None, drift_absent: None };
    ResultCard {
        format: ResultCard::FORMAT,
        code: CodeVersion { version: "1.0".into(), commit: None },
        method: MethodRecord {
            name: "seqjepa".into(),
            config: Value::Null,
            invariant: Invariant { name: "z_AGG".into(), of_sequence: true },
        },
        model: ModelRecord {
            origin: ModelOrigin {
                source: ModelSource::Run,
                path: None,
                file_sha256: None,
                epochs: Some(1),
                steps: None,
                target_encoder: true,
            },
            model_sha256: "0123456789abcdef".into(),
            observed_views: 3,
            batch_size: Some(8),
        },
        data: DataRecord {
            trained_on: None,
            name: "synthetic".into(),
            train_images: 100,
            test_images: 10,
            tested: TestedSplit::Test,
            classes: 10,
            missing_classes: [0, 0],
        },
        encoder: EncoderChoice::Online,
        device: "cpu".into(),
        device_check: None,
        scope: Scope {
            observed_views: 5,
            protocols: vec!["exact".into()],
            seed: 1,
            groups: Vec::new(),
            parameters: Vec::new(),
        },
        figures: names.iter().map(|name| figure(name, "exact")).collect(),
        diagnostics: Diagnosed { trained: record(), random: record() },
        config: Value::Null,
        cache: CacheUsage::default(),
    }
}

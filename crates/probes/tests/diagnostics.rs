//! Collapse diagnostics against numpy and torch, on constructed collapses, and collected in batches.

#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "small numbers of tests")]

#[cfg(feature = "burn")]
use seqjepa_probes::StateError;
use seqjepa_probes::diagnostics::{
    Diagnostics, DiagnosticsConfig, FeatureSample, Thresholds, Verdict, ViewFeatures, diagnose,
};
use seqjepa_probes::{Features, InputError, NumericError};
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixture {
    views: usize,
    width: usize,
    features: Vec<f32>,
    target: Vec<f32>,
    rank_me: f64,
    lidar: f64,
    standard_deviation: f64,
    alignment: f64,
    uniformity: f64,
    cosine_distance: f64,
    relative_distance: f64,
    linear_cka: f64,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("fixtures/diagnostics.json")).unwrap()
}

/// f64 on both sides; LiDAR goes through a matrix square root in one and eigenvectors in the other.
#[test]
fn figures_agree_with_numpy_and_torch() {
    let fixture = fixture();
    let features = Features::new(&fixture.features, fixture.width).unwrap();
    let target = Features::new(&fixture.target, fixture.width).unwrap();
    let views = ViewFeatures::new(features, fixture.views).unwrap().with_target(target).unwrap();
    let got = diagnose(&views, &DiagnosticsConfig::default()).unwrap();
    let drift = got.drift.unwrap();
    for (name, got, expected, tolerance) in [
        ("RankMe", got.rank_me.unwrap(), fixture.rank_me, 1e-9),
        ("LiDAR", got.lidar.unwrap(), fixture.lidar, 1e-7),
        ("deviation", got.standard_deviation.unwrap(), fixture.standard_deviation, 1e-12),
        ("alignment", got.alignment.unwrap(), fixture.alignment, 1e-12),
        ("uniformity", got.uniformity.unwrap(), fixture.uniformity, 1e-10),
        ("cosine", drift.cosine_distance, fixture.cosine_distance, 1e-12),
        ("relative", drift.relative_distance.unwrap(), fixture.relative_distance, 1e-12),
        ("CKA", drift.linear_cka.unwrap(), fixture.linear_cka, 1e-12),
    ] {
        assert!((got - expected).abs() < tolerance, "{name}: {got} for {expected}");
    }
    assert_eq!(got.verdict, Some(Verdict::Healthy));
    assert!(got.reasons.is_empty());
}

/// Standard normal numbers (Box & Muller) from a simple generator.
fn normal(count: usize) -> Vec<f64> {
    let mut state = 1u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    };
    (0..count).map(|_| (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos()).collect()
}

fn judged(rows: &[f32], width: usize) -> Diagnostics {
    let views = ViewFeatures::new(Features::new(rows, width).unwrap(), 1).unwrap();
    diagnose(&views, &DiagnosticsConfig::default()).unwrap()
}

const SAMPLES: usize = 600;
const WIDTH: usize = 64;

/// Rows `offset + Σ_j scale(j) n_j e_j`.
fn spread(offset: f64, scale: impl Fn(usize) -> f64) -> Vec<f32> {
    let noise = normal(SAMPLES * WIDTH);
    noise.iter().enumerate().map(|(index, n)| (offset + scale(index % WIDTH) * n) as f32).collect()
}

#[test]
fn verdicts_on_constructed_features() {
    let isotropic = judged(&spread(0.0, |_| 1.0), WIDTH);
    assert_eq!(isotropic.verdict, Some(Verdict::Healthy));
    assert!((isotropic.standard_deviation_ratio.unwrap() - 1.0).abs() < 0.01);
    assert!(isotropic.rank_me.unwrap() > 0.9 * WIDTH as f64);

    // Non-negative, as after a ReLU, with a decaying spectrum: what trained encoders look like.
    let relu: Vec<f32> = spread(0.0, |j| 0.95f64.powi(j as i32)).iter().map(|value| value.max(0.0)).collect();
    assert_eq!(judged(&relu, WIDTH).verdict, Some(Verdict::Healthy));

    // A constant, exactly and with a little noise.
    assert_eq!(judged(&[0.7; SAMPLES * WIDTH], WIDTH).verdict, Some(Verdict::Collapsed));
    let nearly = judged(&spread(1.0, |_| 0.01), WIDTH);
    assert_eq!(nearly.verdict, Some(Verdict::Collapsed));
    assert!(nearly.reasons[0].contains("standard deviation"), "{:?}", nearly.reasons);
    assert_eq!(judged(&[0.0; SAMPLES * WIDTH], WIDTH).verdict, Some(Verdict::Collapsed));

    // Samples differ, but on one line through the origin.
    let line = judged(&spread(0.0, |j| f64::from(u8::from(j == 0))), WIDTH);
    assert_eq!(line.verdict, Some(Verdict::Collapsed));
    assert!(line.rank_me.unwrap() < 1.01);

    // Two of 64 dimensions, and small deviations about a large mean.
    let plane = judged(&spread(0.0, |j| f64::from(u8::from(j < 2))), WIDTH);
    assert_eq!(plane.verdict, Some(Verdict::PartialCollapse));
    assert!(plane.reasons.iter().any(|reason| reason.contains("RankMe")), "{:?}", plane.reasons);
    assert_eq!(judged(&spread(1.0, |_| 0.1), WIDTH).verdict, Some(Verdict::PartialCollapse));
}

#[test]
fn thresholds_can_be_moved() {
    let rows = spread(1.0, |_| 0.1);
    let views = ViewFeatures::new(Features::new(&rows, WIDTH).unwrap(), 1).unwrap();
    let thresholds = Thresholds { partial_deviation: 0.01, collapsed_deviation: 0.0, ..Default::default() };
    let config = DiagnosticsConfig { thresholds, ..Default::default() };
    assert_eq!(diagnose(&views, &config).unwrap().verdict, Some(Verdict::Healthy));
}

/// LiDAR counts what tells samples apart: noise that views do not share does not count, though
/// RankMe sees it.
#[test]
fn lidar_discounts_what_views_do_not_share() {
    let (samples, views, width) = (300, 4, 16);
    let (images, noise) = (normal(samples * width), normal(samples * views * width));
    let mut rows = Vec::new();
    for sample in 0..samples {
        for view in 0..views {
            for j in 0..width {
                let shared = if j < 4 { images[sample * width + j] } else { 0.0 };
                let own = if j < 4 { 0.01 } else { 1.0 };
                rows.push((shared + own * noise[(sample * views + view) * width + j]) as f32);
            }
        }
    }
    let views = ViewFeatures::new(Features::new(&rows, width).unwrap(), views).unwrap();
    let got = diagnose(&views, &DiagnosticsConfig::default()).unwrap();
    assert!(got.rank_me.unwrap() > 15.0, "{got:?}");
    assert!((got.lidar.unwrap() - 4.0).abs() < 0.2, "{got:?}");
}

#[test]
fn degenerate_features_have_no_or_finite_figures() {
    for samples in [0, 1] {
        let got = judged(&vec![0.5; samples * 4], 4);
        assert_eq!((got.rank_me, got.verdict, got.uniformity), (None, None, None));
        assert!(got.metrics("encoder").is_empty());
    }
    for (rows, width) in [(vec![0.0; 12], 4), (vec![1.0, 1.0, 1.0], 1), (vec![1.0, -1.0, 2.0, 0.0], 2)] {
        let got = judged(&rows, width);
        assert!(got.metrics("encoder").iter().all(|(_, value)| value.is_finite()), "{got:?}");
        assert_eq!((got.lidar, got.alignment, got.drift), (None, None, None));
    }
    // Fewer samples than dimensions, several views, all the same.
    let rows = [0.25; 3 * 2 * 9];
    let views = ViewFeatures::new(Features::new(&rows, 9).unwrap(), 2).unwrap();
    let views = views.with_target(Features::new(&rows, 9).unwrap()).unwrap();
    let got = diagnose(&views, &DiagnosticsConfig::default()).unwrap();
    assert_eq!((got.alignment, got.lidar, got.uniformity), (Some(0.0), Some(0.0), Some(0.0)));
    let drift = got.drift.unwrap();
    assert!(drift.cosine_distance < 1e-12);
    assert_eq!((drift.relative_distance, drift.linear_cka), (Some(0.0), None));
    let zeros = [0.0; 18];
    let views = ViewFeatures::new(Features::new(&zeros, 9).unwrap(), 1).unwrap();
    let views = views.with_target(Features::new(&zeros, 9).unwrap()).unwrap();
    let drift = diagnose(&views, &DiagnosticsConfig::default()).unwrap().drift.unwrap();
    assert_eq!((drift.cosine_distance, drift.relative_distance), (1.0, None));
}

#[test]
fn bad_input_is_refused() {
    let features = Features::new(&[1.0, 2.0, 3.0, 4.0], 2).unwrap();
    assert!(matches!(ViewFeatures::new(features.clone(), 0), Err(InputError::Setting { .. })));
    assert!(matches!(ViewFeatures::new(features.clone(), 3), Err(InputError::Setting { .. })));
    let views = ViewFeatures::new(features, 2).unwrap();
    let other = Features::new(&[1.0, 2.0], 2).unwrap();
    assert!(matches!(views.clone().with_target(other), Err(InputError::Size { .. })));
    for config in [
        DiagnosticsConfig { lidar_delta: 0.0, ..Default::default() },
        DiagnosticsConfig { uniformity_t: f64::NAN, ..Default::default() },
        DiagnosticsConfig {
            thresholds: Thresholds { partial_rank: f64::NAN, ..Default::default() },
            ..Default::default()
        },
    ] {
        assert!(matches!(diagnose(&views, &config), Err(NumericError::Input(InputError::Setting { .. }))));
    }
    assert!(FeatureSample::new(0, 1, 1, 0).is_err());
    let mut sample = FeatureSample::new(4, 2, 2, 0).unwrap();
    assert!(matches!(sample.update(&[0.0; 6], None), Err(InputError::Setting { .. })));
    assert!(matches!(sample.update(&[f32::NAN; 4], None), Err(InputError::NonFinite { .. })));
    assert!(matches!(sample.update(&[0.0; 4], Some(&[0.0; 3])), Err(InputError::Size { .. })));
    assert_eq!(sample.seen(), 0);
    sample.update(&[0.0; 4], Some(&[0.0; 4])).unwrap();
    assert!(matches!(sample.update(&[0.0; 4], None), Err(InputError::Setting { .. })));
}

#[test]
fn a_sample_of_all_is_all() {
    let fixture = fixture();
    let record = fixture.views * fixture.width;
    let mut sample = FeatureSample::new(1000, fixture.views, fixture.width, 3).unwrap();
    for (features, target) in fixture.features.chunks(7 * record).zip(fixture.target.chunks(7 * record)) {
        sample.update(features, Some(target)).unwrap();
    }
    let got = sample.finish_epoch(&DiagnosticsConfig::default()).unwrap();
    assert!((got.rank_me.unwrap() - fixture.rank_me).abs() < 1e-9);
    assert!((got.lidar.unwrap() - fixture.lidar).abs() < 1e-7);
    assert!((got.drift.unwrap().linear_cka.unwrap() - fixture.linear_cka).abs() < 1e-12);
    assert_eq!(sample.seen(), 0);
    let empty = sample.finish_epoch(&DiagnosticsConfig::default()).unwrap();
    assert_eq!((empty.samples, empty.verdict), (0, None));
}

#[test]
fn a_bounded_sample_does_not_depend_on_batches() {
    let rows: Vec<f32> = normal(500 * 6).iter().map(|value| *value as f32).collect();
    let collect = |batch: usize, seed| {
        let mut sample = FeatureSample::new(64, 2, 3, seed).unwrap();
        rows.chunks(batch * 6).for_each(|rows| sample.update(rows, None).unwrap());
        sample
    };
    let sample = collect(7, 1);
    assert_eq!(sample, collect(500, 1));
    assert_ne!(sample, collect(7, 2));
    assert_eq!(sample.seen(), 500);
}

#[cfg(feature = "burn")]
#[test]
fn a_bounded_sample_resumes() {
    let rows: Vec<f32> = normal(500 * 6).iter().map(|value| *value as f32).collect();
    let mut sample = FeatureSample::new(64, 2, 3, 1).unwrap();
    sample.update(&rows, None).unwrap();
    let mut resumed = FeatureSample::new(64, 2, 3, 1).unwrap();
    let mut first = FeatureSample::new(64, 2, 3, 1).unwrap();
    first.update(&rows[..200 * 6], None).unwrap();
    resumed.load_state_dict(first.state_dict()).unwrap();
    resumed.update(&rows[200 * 6..], None).unwrap();
    assert_eq!(resumed, sample);

    let mut other = FeatureSample::new(64, 2, 4, 1).unwrap();
    assert!(matches!(other.load_state_dict(sample.state_dict()), Err(StateError { .. })));
    let mut incomplete = sample.state_dict();
    incomplete.pop();
    assert!(matches!(resumed.load_state_dict(incomplete), Err(StateError { .. })));
    assert_eq!(resumed, sample);
}

/// Every sample has the same chance: of 1000, the first 100 are about a tenth of those that are kept.
#[cfg(feature = "burn")]
#[test]
fn a_bounded_sample_is_uniform() {
    let mut sample = FeatureSample::new(200, 1, 1, 5).unwrap();
    let rows: Vec<f32> = (0..1000u16).map(f32::from).collect();
    sample.update(&rows, None).unwrap();
    let state = sample.state_dict();
    let (_, kept) = state.iter().find(|(name, _)| name == "rows").unwrap();
    let early = kept.as_slice::<f32>().unwrap().iter().filter(|row| **row < 100.0).count();
    assert!((8..34).contains(&early), "{early}");
}

#[test]
fn figures_have_names_for_metrics() {
    let fixture = fixture();
    let features = Features::new(&fixture.features, fixture.width).unwrap();
    let views = ViewFeatures::new(features.clone(), fixture.views).unwrap().with_target(features).unwrap();
    let metrics = diagnose(&views, &DiagnosticsConfig::default()).unwrap().metrics("encoder");
    let names: Vec<&str> = metrics.iter().map(|(name, _)| name.strip_prefix("encoder_").unwrap()).collect();
    let expected = [
        "rankme",
        "lidar",
        "std",
        "std_ratio",
        "alignment",
        "uniformity",
        "drift_cosine",
        "drift_l2",
        "drift_cka",
        "collapse",
    ];
    assert_eq!(names, expected);
    assert_eq!(metrics.get("encoder_collapse"), Some(0.0));
}

//! A method of two views without predictor and target encoder, and data of other kinds.

#![allow(clippy::cast_possible_truncation, reason = "small numbers of tests")]

mod common;

use std::sync::Arc;

use burn::tensor::Device;
use common::counting::Counting;
use common::two_views::{Invariant, TwoViewsConfig, two_views};
use common::{Subject, bits, names, reason, settings};
use seqjepa_data::{ImageSet, Split};
use seqjepa_evaluation::{
    ComparedRun, Comparison, EvaluationData, EvaluationError, EvaluationSettings, ProtocolKind, results_table,
};
use seqjepa_model::EncoderChoice;

fn subject(invariant: Invariant) -> Subject {
    let config = TwoViewsConfig { invariant, ..TwoViewsConfig::default() };
    Subject::of(two_views(config, common::SEED + 1))
}

#[test]
fn a_method_of_two_views_has_every_figure_that_it_can_have() {
    let scratch = tempfile::tempdir().unwrap();
    let mut subject = subject(Invariant::Projection);
    subject.settings.protocols = Some(vec![ProtocolKind::Exact, ProtocolKind::Paper]);
    (subject.settings.probe_epochs, subject.settings.probe_lr) = (2, 0.001);
    let before = bits(&*subject.method);
    let card = subject.evaluate(Some(scratch.path())).unwrap();
    assert!(bits(&*subject.method) == before, "a parameter or running statistic has moved");
    assert_eq!((card.method.name.as_str(), card.headline().as_str()), ("two_views", "top1_h"));
    assert_eq!(card.method.config, subject.method.config_json().unwrap());

    let by = |protocol: &str| -> Vec<&str> {
        let figures = card.figures.iter().filter(|figure| figure.protocol.name == protocol);
        figures.map(|figure| figure.name.as_str()).collect()
    };
    assert_eq!(by("exact")[..4], ["top1_h", "top5_h", "top1_z1", "top5_z1"]);
    // Top-1 and top-5 of the clean image are measured of a method of one view.
    assert_eq!((by("exact").len(), by("paper").len()), (6 + 39, 6 + 39));
    assert_eq!(by("knn"), ["knn20_h", "knn200_h", "knn20_z1", "knn200_z1", "knn20_clean", "knn200_clean"]);
    for name in by("exact").into_iter().chain(["knn20_h"]) {
        assert!(card.figure(name).unwrap().trained.value.is_some(), "{name}");
    }
    let top1 = &card.figure("top1_h").unwrap().protocol;
    assert_eq!((top1.representation.as_str(), top1.observed_views), ("h", 1));
    for name in by("retrieval") {
        assert_eq!(reason(&card, name), "the method predicts no representation");
    }
    assert_eq!(by("retrieval").len(), 6);
    assert!(card.figures.iter().all(|figure| figure.published.is_none()));
    assert!(card.diagnostics.trained.drift_absent.is_some());
    assert!(card.diagnostics.trained.aggregate.figures.is_some());

    // Two training passes, the test pass and the clean images of both splits, of each model; no candidates.
    let counts = |card: &seqjepa_evaluation::ResultCard| (card.cache.read, card.cache.extracted);
    assert_eq!(counts(&card), (2, 10));
    let again = subject.evaluate(Some(scratch.path())).unwrap();
    assert_eq!((counts(&again), &again.figures), ((12, 0), &card.figures));

    let table = results_table(None, &card);
    assert!(
        table.contains("| top-1 % from h ") && table.contains("h: the representation of an image"),
        "{table}"
    );
    let runs = vec![
        ComparedRun { label: "two".into(), card: Some(card), online: None, trained_as: None },
        ComparedRun {
            label: "seq".into(),
            card: Some(Subject::new().card()),
            online: None,
            trained_as: None,
        },
    ];
    let markdown = Comparison::new(runs).markdown();
    assert!(markdown.contains(" two_views |") && markdown.contains(" seqjepa |"), "{markdown}");
    // The invariant representations are others; what is read from z_1 and z_2 is measured alike.
    assert!(markdown.contains("representation z_AGG, not h"), "{markdown}");
    let noted = |figure: &str| {
        let start = format!("| {figure} ");
        markdown
            .lines()
            .any(|line| line.starts_with(&start) && line.contains("exact") && line.contains("] ["))
    };
    assert!(noted("leakage_r2_crop") && !noted("r2_crop") && !noted("top1_z1"), "{markdown}");
}

#[test]
fn an_invariant_representation_that_is_z_1_has_its_figures_once() {
    let mut subject = subject(Invariant::First);
    subject.settings.protocols = Some(vec![ProtocolKind::Exact, ProtocolKind::Linear]);
    (subject.settings.probe_epochs, subject.settings.probe_lr) = (1, 0.001);
    let card = subject.card();
    assert_eq!(card.headline(), "top1_z1");
    let keys: Vec<_> = card.figures.iter().map(|figure| (&figure.name, &figure.protocol.name)).collect();
    for (index, key) in keys.iter().enumerate() {
        assert!(!keys[..index].contains(key), "{key:?} twice");
    }
    let tops: Vec<&str> = names(&card).into_iter().filter(|name| name.starts_with("top1")).collect();
    assert_eq!(tops, ["top1_z1", "top1_z1", "top1_clean", "top1_clean"]);
    assert!(card.figure("leakage_r2_crop").unwrap().trained.value.is_some());
    assert_eq!(results_table(None, &card).matches("| top-1 %").count(), 2);
}

#[test]
fn two_views_are_all_that_is_rendered() {
    let mut subject = subject(Invariant::First);
    let (train, of_train) = Counting::shared(common::sequences(common::images(Split::Train)), true);
    let (test, of_test) = Counting::shared(common::sequences(common::images(Split::Test)), true);
    (subject.data.train, subject.data.test) = (train, test);
    subject.card();
    assert_eq!([of_train.get(), of_test.get()], [(2 * 48 * 2, 0), (2 * 20 * 2, 0)]);
}

#[test]
fn a_method_that_does_not_do_what_it_declares_is_refused() {
    let boastful = two_views(TwoViewsConfig { boastful: true, ..TwoViewsConfig::default() }, 1);
    let message = Subject::of(boastful).evaluate(None).unwrap_err().to_string();
    assert!(
        message.contains("two_views") && message.contains("[8, 33]") && message.contains("[8, 32]"),
        "{message}"
    );
    let settings = EvaluationSettings { encoder: EncoderChoice::Target, ..settings() };
    let error = Subject { settings, ..subject(Invariant::First) }.evaluate(None).unwrap_err();
    assert!(matches!(error, EvaluationError::TargetEncoder { .. }), "{error}");
}

/// The same images with other labels.
fn relabelled(
    split: Split,
    classes: &[&str],
    label: impl Fn(usize) -> u32,
) -> Arc<dyn seqjepa_data::SequenceSource> {
    let images = common::images(split);
    let names = classes.iter().map(|name| (*name).to_owned()).collect();
    let labels = (0..images.len()).map(label).collect();
    let pixels = images.pixels().to_vec();
    common::sequences(ImageSet::new(pixels, images.height(), images.width(), labels, names).unwrap())
}

fn unlabelled(split: Split) -> Arc<dyn seqjepa_data::SequenceSource> {
    let images = common::images(split);
    common::sequences(
        ImageSet::unlabelled(images.pixels().to_vec(), images.height(), images.width()).unwrap(),
    )
}

#[test]
fn classes_that_cannot_be_told_apart_leave_class_figures_absent() {
    let five = ["a", "b", "c", "d", "e"];
    let data = |train, test| EvaluationData { train, test, ..common::data() };
    let cases = [
        (data(unlabelled(Split::Train), unlabelled(Split::Test)), "the training images are unlabelled"),
        (
            data(relabelled(Split::Train, &five, |index| index as u32 % 5), unlabelled(Split::Test)),
            "the test images are unlabelled",
        ),
        (
            data(relabelled(Split::Train, &["one"], |_| 0), relabelled(Split::Test, &["one"], |_| 0)),
            "found one: unlabelled data",
        ),
        (
            data(
                relabelled(Split::Train, &five, |index| index as u32 % 5),
                relabelled(Split::Test, &["a", "b", "d", "c", "e"], |index| index as u32 % 5),
            ),
            "expected `c`, found `d` in the test split",
        ),
    ];
    for (data, words) in cases {
        let settings = EvaluationSettings {
            protocols: Some(vec![ProtocolKind::Exact, ProtocolKind::Linear]),
            probe_epochs: 1,
            probe_lr: 0.001,
            ..settings()
        };
        let card = Subject { data, settings, ..Subject::new() }.card();
        for name in ["top1_z_agg_m2", "top5_z1", "knn20_z_agg"] {
            assert!(reason(&card, name).contains(words), "{}", reason(&card, name));
        }
        for protocol in [ProtocolKind::Exact, ProtocolKind::Linear] {
            assert!(card.figure_by("r2_crop", protocol).unwrap().trained.value.is_some());
        }
    }
}

#[test]
fn missing_classes_are_counted_and_few_classes_have_no_top5() {
    let five = ["a", "b", "c", "d", "e"];
    let mut subject = Subject::new();
    subject.data.train = relabelled(Split::Train, &five, |index| (index % 2) as u32);
    subject.data.test = relabelled(Split::Test, &five, |index| (index % 3) as u32);
    let card = subject.card();
    assert_eq!((card.data.classes, card.data.missing_classes), (5, [3, 2]));
    let top1 = card.figure("top1_z_agg_m2").unwrap();
    assert!(top1.trained.value.is_some());
    assert!(top1.trained.note.as_ref().unwrap().contains("no training image"), "{top1:?}");
    assert!(reason(&card, "top5_z_agg_m2").contains("more than five classes"));
}

#[test]
fn data_without_further_target_views_have_no_figure_among_them() {
    let mut subject = Subject::new();
    subject.data.test = Counting::shared(common::sequences(common::images(Split::Test)), false).0;
    let card = subject.card();
    assert!(reason(&card, "mrr_same").contains("no further target views"));
    assert!(card.figure("mrr_other").unwrap().trained.value.is_some());
}

#[test]
fn splits_of_other_kinds_are_refused() {
    use seqjepa_data::dataset::Synthetic;
    use seqjepa_data::{AugmentedImages, SequenceConfig};
    let config = SequenceConfig::new(8, 2, Synthetic::NORMALIZATION).unwrap();
    let mut subject = Subject { device: Device::flex(), ..Subject::new() };
    subject.data.test =
        Arc::new(AugmentedImages::new(Arc::new(common::images(Split::Test)), config).unwrap());
    let message = subject.evaluate(None).unwrap_err().to_string();
    assert!(message.contains("3x16x16") && message.contains("3x8x8"), "{message}");
}

#[test]
fn one_test_image_is_enough_for_a_card() {
    let mut subject = Subject::new();
    subject.data.train_subset = Some(vec![0, 1, 2]);
    subject.data.test_subset = Some(vec![4]);
    let card = subject.card();
    assert!(reason(&card, "r2_crop").contains("at least two"));
    for figure in &card.figures {
        assert!(figure.trained.value.is_some() || figure.trained.note.is_some(), "{figure:?}");
    }
}

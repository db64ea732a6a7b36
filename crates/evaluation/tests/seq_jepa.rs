//! The evaluation of a tiny seq-JEPA: what a card holds, that frozen is frozen, the cache, and that nothing is made that is
//! not used.

mod common;

use std::fs;

use burn::tensor::Device;
use common::counting::Counting;
use common::{Subject, bits, names, reason, settings, tiny};
use seqjepa_data::Split;
use seqjepa_evaluation::{
    ComparedRun, Comparison, EvaluationError, EvaluationSettings, Fit, ProtocolKind, ResultCard, card_table,
    method_sha256, results_table,
};
use seqjepa_model::{EncoderChoice, SeqJepaConfig, TargetConfig, boxed_config};

fn json(card: &ResultCard) -> String {
    serde_json::to_string(card).unwrap()
}

/// Both kinds of probes, quickly.
fn both() -> EvaluationSettings {
    EvaluationSettings {
        protocols: Some(vec![ProtocolKind::Exact, ProtocolKind::Linear]),
        probe_epochs: 2,
        probe_lr: 0.001,
        ..settings()
    }
}

#[test]
fn frozen_is_frozen_and_a_second_evaluation_reads_the_cache() {
    let scratch = tempfile::tempdir().unwrap();
    let subject = Subject { settings: both(), ..Subject::new() };
    let before = bits(&*subject.method);
    let first = subject.evaluate(Some(scratch.path())).unwrap();
    assert!(before.iter().any(|(name, _)| name.ends_with("running_var")));
    assert!(bits(&*subject.method) == before, "a parameter or running statistic has moved");
    assert_eq!(first.model.model_sha256, method_sha256(&*subject.method));

    // Two models: two training passes, the test pass and the candidates of each.
    let counts = |card: &ResultCard| (card.cache.read, card.cache.extracted);
    assert_eq!(counts(&first), (2, 8), "the protocol by descent reads the first pass again");
    let second = subject.evaluate(Some(scratch.path())).unwrap();
    assert_eq!(counts(&second), (10, 0));
    assert_eq!(json(&second), json(&first));

    // Another seed is another set of views, a subset another set of samples.
    let other = Subject { seed: 9, ..Subject::new() };
    assert_eq!(other.evaluate(Some(scratch.path())).unwrap().cache.read, 0);
    let mut other = Subject::new();
    other.data.test_subset = Some((0..10).collect());
    let card = other.evaluate(Some(scratch.path())).unwrap();
    assert_eq!((card.data.train_images, card.data.test_images), (48, 10));
    assert_eq!(card.cache.read, 2, "the training passes are the same");
}

#[test]
fn a_method_on_an_autodiff_device_does_not_move_either() {
    let plain = Subject::new().card();
    let device = Device::flex().autodiff();
    let method = boxed_config(tiny()).init(common::SEED + 1, &device).unwrap();
    let subject = Subject { device, ..Subject::of(method) };
    let before = bits(&*subject.method);
    let card = subject.card();
    assert!(bits(&*subject.method) == before, "a parameter or running statistic has moved");
    assert_eq!(card.figures, plain.figures);
}

#[test]
fn damaged_features_are_extracted_anew_with_the_same_figures() {
    let scratch = tempfile::tempdir().unwrap();
    let subject = Subject::new();
    let first = subject.evaluate(Some(scratch.path())).unwrap();
    let files: Vec<_> = fs::read_dir(scratch.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 6);
    let mut bytes = fs::read(&files[0]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&files[0], bytes).unwrap();
    let whole = fs::read(&files[1]).unwrap();
    fs::write(&files[1], &whole[..whole.len() - 3]).unwrap();
    let second = subject.evaluate(Some(scratch.path())).unwrap();
    assert_eq!((second.cache.damaged, second.cache.extracted, second.cache.read), (2, 2, 4));
    assert_eq!(json(&second), json(&first));
}

#[test]
fn without_a_cache_nothing_is_kept_and_the_figures_are_the_same() {
    let scratch = tempfile::tempdir().unwrap();
    let kept = Subject::new().evaluate(Some(scratch.path())).unwrap();
    let folder = scratch.path().join("none");
    let without = Subject { settings: EvaluationSettings { cache: false, ..settings() }, ..Subject::new() };
    assert_eq!(without.evaluate(Some(&folder)).unwrap().figures, kept.figures);
    assert!(!folder.exists());
}

#[test]
fn a_card_holds_every_figure_with_its_protocol_and_reads_back() {
    let scratch = tempfile::tempdir().unwrap();
    let card = Subject::new().card();
    let path = scratch.path().join("card.json");
    card.save(&path).unwrap();
    let read = ResultCard::load(&path).unwrap();
    assert_eq!((&read.config, &read.model, &read.scope), (&card.config, &card.model, &card.scope));
    assert_eq!((&read.method, names(&read)), (&card.method, names(&card)));

    let mut expected = Vec::new();
    for views in 1..=3 {
        expected.extend([format!("top1_z_agg_m{views}"), format!("top5_z_agg_m{views}")]);
    }
    expected.extend(["top1_z1", "top5_z1"].map(str::to_owned));
    let parameters =
        ["top", "left", "height", "width", "brightness", "contrast", "saturation", "hue", "sigma"];
    for prefix in ["r2", "leakage_r2", "absolute_r2"] {
        for part in ["crop", "jitter", "blur"].iter().chain(&parameters).chain(&["mean"]) {
            expected.push(format!("{prefix}_{part}"));
        }
    }
    for steps in 1..=2 {
        expected.extend(["crop", "jitter", "blur", "mean"].map(|part| format!("r2_path_{part}_k{steps}")));
    }
    expected.extend(["knn20_z_agg", "knn200_z_agg", "knn20_z1", "knn200_z1"].map(str::to_owned));
    for suffix in ["same", "other"] {
        expected.extend(["mrr", "hit1", "hit5"].map(|figure| format!("{figure}_{suffix}")));
    }
    assert_eq!(names(&card), expected);
    assert_eq!((card.scope.groups.join(" "), card.scope.parameters.len()), ("crop jitter blur".into(), 9));

    for figure in &card.figures {
        let protocol = &figure.protocol;
        for measured in [&figure.trained, &figure.random] {
            match (measured.value, measured.interval) {
                (Some(value), Some([low, high])) => {
                    assert!(value.is_finite() && low <= high, "{figure:?}");
                }
                (None, None) => assert!(measured.note.is_some(), "{figure:?}"),
                _ => panic!("{figure:?}"),
            }
        }
        assert_eq!((protocol.seed, protocol.test_samples <= 20), (7, true), "{figure:?}");
        assert!(protocol.augmentation.contains("blur p 1"), "{figure:?}");
        assert_eq!(protocol.train_samples, if protocol.name == "retrieval" { 0 } else { 48 }, "{figure:?}");
        assert_eq!(matches!(protocol.fit, Fit::Exact { .. }), protocol.name == "exact", "{figure:?}");
    }
    // Three candidates of the same image leave no figure among five; eight of other images do.
    assert!(reason(&card, "hit5_same").contains("too few"));
    assert_eq!(card.figure("hit5_other").unwrap().protocol.test_samples, 16);
    assert!(card.diagnostics.trained.drift.is_some());
    assert_eq!(card.diagnostics.trained.encoder.figures.as_ref().unwrap().views, 3);
    assert_eq!(card.device, "flex");

    let published = card.figure("r2_crop").unwrap().published.as_ref().unwrap();
    assert_eq!((published.value, published.comparable), (0.79, false));
    let told = published.differences.join("; ");
    for words in ["data set synthetic", "48 + 20 images", "protocol exact", "width 4", "to 16x16", "2000"] {
        assert!(told.contains(words), "{words} in {told}");
    }
    assert_eq!(card.figure("r2_hue").unwrap().published, None);

    let table = results_table(None, &card);
    for words in ["| top-1 % from z_AGG", "| R2 jitter", "M_val"] {
        assert!(table.contains(words), "{words} in {table}");
    }
    // Published figures are of other data: not a word of them beside these.
    assert!(!table.contains("arXiv") && !table.contains("paper"), "{table}");
    assert!(card_table(&card).contains("| absolute_r2_sigma"));
}

/// Views that are rendered for both models.
fn rendered(subject: &mut Subject) -> [(usize, usize); 2] {
    let (train, of_train) = Counting::shared(common::sequences(common::images(Split::Train)), true);
    let (test, of_test) = Counting::shared(common::sequences(common::images(Split::Test)), true);
    (subject.data.train, subject.data.test) = (train, test);
    subject.card();
    [of_train.get(), of_test.get()]
}

#[test]
fn nothing_is_rendered_that_is_not_used() {
    // Exact probes read three views of 48 training images and no target; the test pass three and the target of 20, then two
    // further targets.
    assert_eq!(rendered(&mut Subject::new()), [(2 * 48 * 3, 0), (2 * 20 * (3 + 1), 2 * 20 * (1 + 1))]);
    // Probes by descent read M_val views, two passes here.
    let settings = EvaluationSettings { protocols: Some(vec![ProtocolKind::Linear]), ..both() };
    let [train, _] = rendered(&mut Subject { settings, ..Subject::new() });
    // The bank of the neighbours, and both passes, of both models.
    assert_eq!(train, (2 * 48 * 2 * 3, 0));
}

#[test]
fn published_protocols_say_what_they_are() {
    let settings =
        EvaluationSettings { protocols: Some(vec![ProtocolKind::Paper]), feature_passes: Some(2), ..both() };
    let card = Subject { settings, ..Subject::new() }.card();
    assert!(card.figure_by("top1_z_agg_m2", ProtocolKind::Exact).is_none());
    assert!(card.figure("top1_z_agg_m3").is_none(), "the published probes read M_val views");
    let crop = card.figure_by("r2_crop", ProtocolKind::Paper).unwrap();
    assert!(crop.protocol.probe.contains("MLP") && crop.trained.interval.is_some(), "{crop:?}");
    assert_eq!((crop.protocol.passes, crop.protocol.train_samples), (2, 96));
    assert!(!card.figure("r2_blur").unwrap().protocol.probe.contains("MLP"));
    assert!(card.figure("r2_mean").unwrap().trained.value.is_some());
    assert!(
        crop.published.as_ref().unwrap().differences.iter().any(|words| words.contains("for 100 epochs"))
    );

    let wild = EvaluationSettings { protocols: Some(vec![ProtocolKind::Linear]), probe_lr: 1e30, ..both() };
    let card = Subject { settings: wild, ..Subject::new() }.card();
    assert!(reason(&card, "r2_crop").contains("diverged"));
}

#[test]
fn the_target_encoder_can_be_evaluated_where_there_is_one() {
    let target = || EvaluationSettings { encoder: EncoderChoice::Target, ..settings() };
    let card = Subject { settings: target(), ..Subject::new() }.card();
    assert!(card.figures.iter().all(|figure| figure.protocol.encoder == EncoderChoice::Target));

    let stop = SeqJepaConfig { target: TargetConfig::StopGradient, ..tiny() };
    let stop = || Subject::of(boxed_config(stop.clone()).init(common::SEED + 1, &Device::flex()).unwrap());
    let message = Subject { settings: target(), ..stop() }.evaluate(None).unwrap_err().to_string();
    assert!(message.contains("target encoder") && message.contains("configured without"), "{message}");
    let card = stop().card();
    assert!(card.diagnostics.trained.drift_absent.is_some());
    assert!(card.figure("mrr_same").unwrap().trained.value.is_some());

    // A file may lack the target encoder of a method that has one.
    let without = Subject { target_encoder: false, ..Subject::new() };
    let card = without.card();
    assert!(reason(&card, "mrr_same").contains("no target encoder"));
    assert!(card.figure("mrr_same").unwrap().random.value.is_some());
    assert!(card.figure("top1_z1").unwrap().trained.value.is_some());
    let message = Subject { settings: target(), ..without }.evaluate(None).unwrap_err().to_string();
    assert!(message.contains("a checkpoint without one"), "{message}");
}

#[test]
fn features_that_are_not_finite_leave_figures_absent() {
    let mut subject = Subject { settings: both(), ..Subject::new() };
    // Overflow in the first convolution.
    let mut tensors = subject.method.state_dict();
    for (name, data) in &mut tensors {
        if name == "encoder.conv1.weight" || name == "encoder.bn1.weight" {
            let scaled: Vec<f32> =
                data.as_slice::<f32>().unwrap().iter().map(|value| value * f32::MAX).collect();
            *data = burn::tensor::TensorData::new(scaled, data.shape().clone());
        }
    }
    subject.method.load_state_dict(tensors).unwrap();
    let card = subject.card();
    for name in ["top1_z1", "top1_z_agg_m2", "r2_crop", "knn20_z1", "mrr_other"] {
        let figure = card.figure(name).unwrap();
        assert!(figure.trained.value.is_none() && figure.trained.note.is_some(), "{figure:?}");
        assert!(figure.random.value.is_some(), "{figure:?}");
    }
    assert!(card.diagnostics.trained.encoder.absent.is_some());
}

#[test]
fn bad_requests_are_refused_before_any_work() {
    let settings = EvaluationSettings { bootstrap: usize::MAX, ..settings() };
    let error = Subject { settings, ..Subject::new() }.evaluate(None).unwrap_err();
    assert!(matches!(error, EvaluationError::Setting(_)), "{error}");
    let mut subject = Subject::new();
    subject.data.test_subset = Some(vec![20]);
    assert!(matches!(subject.evaluate(None).unwrap_err(), EvaluationError::Data(_)));
}

#[test]
fn a_card_of_the_first_layout_still_reads() {
    let path = std::path::Path::new("tests/fixtures/card_of_layout_1.json");
    let card = ResultCard::load(path).unwrap();
    assert_eq!((card.format, card.method.name.as_str()), (ResultCard::FORMAT, "seqjepa"));
    assert_eq!(card.headline(), "top1_z_agg_m2");
    assert_eq!(card.scope.groups, ["crop", "jitter", "blur"]);
    assert_eq!(card.scope.parameters, ["top", "sigma"]);
    assert_eq!((card.scope.seed, card.scope.protocols.join(" ")), (7, "exact linear paper".into()));
    assert_eq!((card.model.observed_views, card.model.batch_size), (2, Some(8)));
    let crop = card.figure("r2_crop").unwrap().published.as_ref().unwrap();
    assert_eq!((crop.value, crop.comparable, crop.source.as_str()), (0.79, false, "arXiv 2505.03176"));
    assert!(results_table(None, &card).contains("| R2 jitter"));
    // Beside a new card it differs in the number of passes alone.
    let run = |card| ComparedRun { label: "run".into(), card: Some(card), online: None, trained_as: None };
    let markdown = Comparison::new(vec![run(card), run(Subject::new().card())]).markdown();
    assert!(markdown.contains("run (2)") && !markdown.contains("r2_crop is not"), "{markdown}");

    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("card.json");
    for (text, words) in [
        (r#"{"dataset": "synthetic"}"#, "expected a result card, found JSON without a `format`"),
        (r#"{"format": 99}"#, "layout 1 to 2, found 99"),
        (r#"{"format": 1}"#, "expected a result card, found no `code`"),
        ("[1", "expected a result card"),
    ] {
        fs::write(&path, text).unwrap();
        let message = ResultCard::load(&path).unwrap_err().to_string();
        assert!(message.contains(words) && message.contains("card.json"), "{message}");
    }
}

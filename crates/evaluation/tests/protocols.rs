//! Individual actions, networks by group, clean images, paths of several steps.

mod common;

use std::sync::Arc;

use burn::tensor::Device;
use common::rotations::Rotations;
use common::two_views::{TwoViewsConfig, two_views};
use common::{Subject, names, reason, settings, tiny};
use seqjepa_data::{
    ActionNormalization, AugmentedImages, SequenceConfig, SequenceSource, Split, dataset::Synthetic,
};
use seqjepa_evaluation::{
    ComparedRun, Comparison, EvaluationData, EvaluationError, EvaluationRequest, EvaluationSettings, Fit,
    ProbeOptimizer, ProtocolKind, ResultCard, card_table, card_text, evaluate_transfer, results_table,
};
use seqjepa_model::{SeqJepaConfig, boxed_config};
use seqjepa_train::observer::Observers;

/// A seq-JEPA on renders of turned objects.
fn turned(settings: EvaluationSettings) -> Subject {
    let config = SeqJepaConfig { action_dim: Rotations::WIDTH, ..tiny() };
    let data = EvaluationData {
        name: "rotations".into(),
        train: Arc::new(Rotations::new(2, 160)),
        test: Arc::new(Rotations::new(2, 60)),
        ..common::data()
    };
    Subject {
        data,
        settings,
        ..Subject::of(boxed_config(config).init(common::SEED + 1, &Device::flex()).unwrap())
    }
}

#[test]
fn an_action_of_one_view_is_individual_and_each_group_is_read_as_published() {
    let settings = EvaluationSettings {
        protocols: Some(vec![ProtocolKind::Exact, ProtocolKind::Paper]),
        probe_epochs: 1,
        probe_lr: 0.001,
        ..settings()
    };
    let card = turned(settings).card();
    assert!(card.figure("absolute_r2_rotation").is_none());
    for protocol in [ProtocolKind::Exact, ProtocolKind::Paper] {
        for name in [
            "individual_r2_rotation",
            "individual_r2_colour",
            "individual_r2_mean",
            "r2_rotation",
            "r2_colour",
        ] {
            assert!(card.figure_by(name, protocol).unwrap().trained.value.is_some(), "{name}");
        }
    }
    let individual = card.figure("individual_r2_rotation").unwrap();
    assert_eq!(individual.protocol.representation, "z_1");
    assert!(individual.protocol.target.starts_with("action of view 1, normalised"), "{individual:?}");
    // The pixels are the quaternion: even a random encoder passes some of it on.
    assert!(individual.trained.value.unwrap() > 0.3, "{individual:?}");
    let paper = |name: &str| &card.figure_by(name, ProtocolKind::Paper).unwrap().protocol.probe;
    for prefix in ["r2", "individual_r2"] {
        assert!(paper(&format!("{prefix}_rotation")).contains("MLP"));
        // Two numbers, but published as linear.
        assert_eq!(paper(&format!("{prefix}_colour")), "linear");
    }
    assert_eq!(paper("leakage_r2_rotation"), "linear");
    let table = results_table(None, &card);
    assert!(
        table.contains("| R2 rotation, individual") && table.contains("individual: of the action"),
        "{table}"
    );
}

#[test]
fn an_action_that_is_scaled_with_its_sequence_is_read_raw() {
    let card = Subject::new().card();
    assert!(card.figure("individual_r2_crop").is_none());
    assert!(card.figure("absolute_r2_crop").unwrap().protocol.target.contains("raw"));
    // Standardised by constants it is the view's own.
    let config = SequenceConfig {
        action_normalization: ActionNormalization::Standardize { mean: vec![1.0; 9], std: vec![2.0; 9] },
        ..SequenceConfig::new(16, 2, Synthetic::NORMALIZATION).unwrap()
    };
    let source = |split| -> Arc<dyn SequenceSource> {
        Arc::new(AugmentedImages::new(Arc::new(common::images(split)), config.clone()).unwrap())
    };
    let mut subject = Subject::new();
    (subject.data.train, subject.data.test) = (source(Split::Train), source(Split::Test));
    let standardized = subject.card();
    let [raw, own] = [(&card, "absolute_r2_hue"), (&standardized, "individual_r2_hue")]
        .map(|(card, name)| card.figure(name).unwrap().trained.value.unwrap());
    assert!((raw - own).abs() < 1e-4, "{raw} and {own}: R2 knows no scale");
}

#[test]
fn the_clean_image_has_figures_of_its_own() {
    let settings = EvaluationSettings {
        protocols: Some(vec![ProtocolKind::Exact, ProtocolKind::Linear]),
        probe_epochs: 2,
        probe_lr: 0.001,
        feature_passes: Some(2),
        clean_images: Some(true),
        ..settings()
    };
    let with = Subject { settings: settings.clone(), ..Subject::new() }.card();
    for name in ["top1_clean", "top5_clean", "knn20_clean", "knn200_clean"] {
        assert!(with.figure(name).unwrap().trained.value.is_some(), "{name}");
    }
    for protocol in [ProtocolKind::Exact, ProtocolKind::Linear] {
        let protocol = &with.figure_by("top1_clean", protocol).unwrap().protocol;
        assert_eq!((protocol.passes, protocol.train_samples, protocol.test_samples), (1, 48, 20));
        assert_eq!((protocol.representation.as_str(), protocol.observed_views), ("z of the clean image", 1));
        assert!(
            protocol.augmentation.contains("crop area 1..1") && protocol.augmentation.contains("no blur")
        );
    }
    // It changes no other figure.
    let settings = EvaluationSettings { clean_images: None, ..settings };
    let without = Subject { settings, ..Subject::new() }.card();
    assert!(without.figure("top1_clean").is_none(), "seq-JEPA's own figures are of sequences");
    let others = with.figures.iter().filter(|figure| !figure.name.ends_with("_clean"));
    assert!(others.eq(&without.figures));

    // A method of one view has them, unless they are not wanted, or there is none.
    let method = || Subject::of(two_views(TwoViewsConfig::default(), common::SEED + 1));
    assert!(names(&method().card()).contains(&"top1_clean"));
    let mut unwanted = method();
    unwanted.settings.clean_images = Some(false);
    assert!(!names(&unwanted.card()).contains(&"top1_clean"));
    let settings = || EvaluationSettings { clean_images: Some(true), ..common::settings() };
    let mut none = turned(settings());
    none.data.test = Arc::new(Rotations::new(2, 60).unclean());
    assert_eq!(reason(&none.card(), "top1_clean"), "the data have no clean images");
    // View 0 of renders.
    assert!(turned(settings()).card().figure("top1_clean").unwrap().trained.value.is_some());
}

#[test]
fn paths_are_read_from_the_views_on_the_way() {
    let card = Subject::new().card();
    // One step over M_val = 2 views is what leaks from their aggregate.
    for part in ["crop", "jitter", "blur", "mean"] {
        let [path, leakage] = ["r2_path_PART_k1", "leakage_r2_PART"]
            .map(|name| &card.figure(&name.replace("PART", part)).unwrap().trained);
        assert_eq!(path, leakage, "{part}");
    }
    let two = card.figure("r2_path_crop_k2").unwrap();
    assert_eq!((two.protocol.representation.as_str(), two.protocol.observed_views), ("z_AGG", 3));
    assert!(two.protocol.target.starts_with("relative action from view 1 to 3"), "{two:?}");
    assert!(card.figure("r2_path_crop_k3").is_none());
    let paths = card.paths();
    assert_eq!(
        paths.iter().map(|(part, figures)| (*part, figures.len())).collect::<Vec<_>>(),
        [("crop", 2), ("jitter", 2), ("blur", 2), ("mean", 2)]
    );
    for text in [card_table(&card), card_text(&card, 80)] {
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("k 2") && words.contains("(path integration)"), "{text}");
        assert!(!text.contains("r2_path_crop_k2"), "the table has it: {text}");
    }
    // A method of one view has none, nor has a protocol by descent.
    let linear = EvaluationSettings {
        protocols: Some(vec![ProtocolKind::Linear]),
        probe_epochs: 1,
        probe_lr: 0.001,
        ..settings()
    };
    assert!(Subject { settings: linear, ..Subject::new() }.card().paths().is_empty());
    assert!(Subject::of(two_views(TwoViewsConfig::default(), 1)).card().paths().is_empty());
    // Rotations are multiplied, not added.
    let turned = turned(settings()).card();
    assert!(turned.figure("r2_path_rotation_k2").unwrap().trained.value.is_some());
}

#[test]
fn probes_can_be_trained_by_adamw() {
    let settings = |decay| EvaluationSettings {
        protocols: Some(vec![ProtocolKind::Linear]),
        probe_optimizer: ProbeOptimizer::AdamW,
        probe_weight_decay: decay,
        probe_lr: 4e-4,
        probe_epochs: 2,
        ..settings()
    };
    let [plain, decayed] =
        [0.0, 10.0].map(|decay| Subject { settings: settings(decay), ..Subject::new() }.card());
    let fit = &decayed.figure("r2_crop").unwrap().protocol.fit;
    let Fit::Descent { optimizer, lr, .. } = fit else { panic!("{fit:?}") };
    assert_eq!((optimizer.name(), optimizer.weight_decay(), *lr), ("adamw", 10.0, 4e-4));
    let value = |card: &ResultCard| card.figure("r2_crop").unwrap().trained.value.unwrap();
    assert_ne!(value(&plain), value(&decayed));
}

#[test]
fn transfer_reads_classes_from_the_clean_images_of_other_data() {
    // An encoder of renders, whose actions are six numbers, on images of another size, whose actions are nine.
    let subject = turned(settings());
    let data = EvaluationData { name: "synthetic_aug".into(), ..common::data() };
    let card = transfer(&subject, data).unwrap();
    assert_eq!(
        (card.data.name.as_str(), card.data.trained_on.as_deref()),
        ("synthetic_aug", Some("rotations"))
    );
    assert_eq!(names(&card), ["top1_clean", "top5_clean", "knn20_clean", "knn200_clean"]);
    for figure in &card.figures {
        assert!(figure.trained.value.is_some() && figure.random.value.is_some(), "{figure:?}");
        assert!(figure.published.is_none() && figure.protocol.augmentation.contains("crop area 1..1"));
    }
    assert_eq!(card.headline(), "top1_clean");
    let table = results_table(None, &card);
    assert!(table.contains("the encoder was trained on rotations and is evaluated"), "{table}");
    assert!(!table.contains("| R2"), "{table}");

    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("card.json");
    card.save(&path).unwrap();
    assert_eq!(ResultCard::load(&path).unwrap().data, card.data);
    // Beside a model of the data themselves it is no like for like.
    let mut own = Subject::new();
    own.settings.clean_images = Some(true);
    own.data.name = "synthetic_aug".into();
    let run = |card| ComparedRun { label: "run".into(), card: Some(card), online: None, trained_as: None };
    let markdown = Comparison::new(vec![run(own.card()), run(card)]).markdown();
    assert!(markdown.contains("trained on rotations, not the same data"), "{markdown}");

    let data = EvaluationData {
        name: "renders".into(),
        train: Arc::new(Rotations::new(2, 20).unclean()),
        test: Arc::new(Rotations::new(2, 20)),
        ..common::data()
    };
    let error = transfer(&subject, data).unwrap_err();
    assert!(matches!(error, EvaluationError::Clean { .. }), "{error}");

    let unlabelled = EvaluationData {
        name: "renders".into(),
        train: Arc::new(Rotations::new(2, 20).unlabelled()),
        test: Arc::new(Rotations::new(2, 20).unlabelled()),
        ..common::data()
    };
    let error = transfer(&subject, unlabelled).unwrap_err();
    assert!(matches!(&error, EvaluationError::Classes { data, .. } if data == "renders"), "{error}");
}

fn transfer(subject: &Subject, data: EvaluationData) -> Result<ResultCard, EvaluationError> {
    let request = EvaluationRequest { data, ..subject.request(None) };
    evaluate_transfer(&request, "rotations", &mut Observers::new())
}

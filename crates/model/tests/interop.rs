//! Import from PyTorch and export for it.
//!
//! The checkpoints in `tests/goldens` are written with torch by `scripts/goldens/model.py`, function `checkpoints`;
//! their values follow the formula of `common`, so every tensor can be compared bit by bit. `hostile_files.rs` has
//! what damaged and malicious files do.

#![allow(clippy::disallowed_methods, reason = "tests look at values")]

mod common;

use burn::tensor::{DType, Device, Shape, TensorData};
use common::{fill, golden, spread_values, tensors, tiny_config, training_device};
use seqjepa_model::{
    ExchangeError, PredictorConfig, ResNetConfig, ResNetDepth, ResNetStem, SeqJepa, SeqJepaConfig,
    TargetConfig, VitConfig, import_tensors, read_tensors,
};
use seqjepa_nn::{NnError, StateDict, state_dict};

fn tiny(config: SeqJepaConfig) -> SeqJepa {
    config.init(5, &training_device()).expect("a valid configuration")
}

/// Every tensor equal, bit by bit.
#[track_caller]
fn assert_same(found: &SeqJepa, expected: &SeqJepa) {
    for ((name, found), (_, expected)) in state_dict(found).into_iter().zip(state_dict(expected)) {
        assert_eq!(found.as_bytes(), expected.as_bytes(), "{name}");
        assert_eq!(found.shape(), expected.shape(), "{name}");
    }
}

#[test]
fn a_legacy_checkpoint_with_the_model_nested() {
    let imported = tiny(tiny_config()).import(&golden("legacy.pt")).expect("a checkpoint of this model");
    assert_same(&imported.module, &fill(tiny(tiny_config())));
    assert_eq!(imported.used.len(), state_dict(&imported.module).len());
    assert!(imported.missing.is_empty(), "{:?}", imported.missing);
    assert!(imported.left_over.is_empty(), "{:?}", imported.left_over);
    assert!(imported.module.agg_token.is_require_grad(), "an imported model can be trained on");
}

#[test]
fn a_wrapped_checkpoint_with_probe_and_optimizer() {
    let config = SeqJepaConfig { target: TargetConfig::StopGradient, ..tiny_config() };
    let imported = tiny(config.clone()).import(&golden("wrapped.pth")).expect("a checkpoint of this model");
    assert_same(&imported.module, &fill(tiny(config)));
    assert!(imported.missing.is_empty(), "{:?}", imported.missing);
    let left_over: Vec<_> = imported.left_over.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(left_over, ["online_linprobe.0.weight", "optimizer.state.0.exp_avg"]);
    assert_eq!(imported.left_over[0].1.shape().to_vec(), [10, 16]);
}

#[test]
fn missing_tensors_are_reported_and_keep_their_values() {
    let model = tiny(tiny_config());
    let before = model.clone();
    let imported = model.import(&golden("wrapped.pth")).expect("a checkpoint of this model but for EMA");
    assert!(!imported.missing.is_empty());
    assert!(
        imported.missing.iter().all(|name| name.starts_with("target_encoder.")),
        "{:?}",
        imported.missing
    );
    let values = |model: &SeqJepa| state_dict(&model.target_encoder.clone().expect("an EMA target"));
    for ((name, found), (_, expected)) in values(&imported.module).into_iter().zip(values(&before)) {
        assert_eq!(found.as_bytes(), expected.as_bytes(), "{name}");
    }
}

#[test]
fn half_precision_is_widened() {
    let imported = tiny(tiny_config()).import(&golden("half.safetensors")).expect("parts of this model");
    let expected = fill(tiny(tiny_config()));
    let [found, expected] = [&imported.module, &expected].map(|model| model.agg_token.val().to_data());
    assert_eq!(found.dtype(), DType::F32);
    // Half precision has 11 bits: values below 1/2 are off by at most 2^-13.
    for (found, expected) in found.iter::<f32>().zip(expected.iter::<f32>()) {
        assert!((found - expected).abs() <= 2.0_f32.powi(-13), "{found} {expected}");
    }
    assert!(imported.missing.contains(&"encoder.conv1.weight".to_owned()));
}

#[test]
fn a_bfloat16_state_dict_at_top_level_with_all_probes() {
    let imported = tiny(tiny_config()).import(&golden("bfloat16.pt")).expect("a checkpoint of this model");
    assert!(imported.missing.is_empty(), "{:?}", imported.missing);
    let expected = fill(tiny(tiny_config()));
    for ((name, found), (_, expected)) in tensors(&imported.module).into_iter().zip(tensors(&expected)) {
        // bf16 has 8 significant bits: the nearest one is within 2^-8 of the value.
        let rounded = |(found, expected): (&f32, &f32)| (found - expected).abs() <= expected.abs() / 256.0;
        assert!(found.iter().zip(&expected).all(rounded), "{name}");
    }
    let probes: Vec<_> =
        imported.left_over.iter().map(|(name, data)| (name.as_str(), data.shape().to_vec())).collect();
    let expected = [
        ("online_equiprobe.0.bias", vec![12]),
        ("online_equiprobe.0.weight", vec![12, 16]),
        ("online_equiprobe.2.bias", vec![12]),
        ("online_equiprobe.2.weight", vec![12, 12]),
        ("online_equiprobe.4.bias", vec![9]),
        ("online_equiprobe.4.weight", vec![9, 12]),
        ("online_linprobe.0.bias", vec![10]),
        ("online_linprobe.0.weight", vec![10, 16]),
    ];
    assert_eq!(probes, expected);
}

/// Views of one flat buffer, transposed matrices, f64, and a namespace, a history, a generator's state beside them.
#[test]
fn every_way_to_store_a_tensor() {
    let imported = tiny(tiny_config()).import(&golden("storages.pth")).expect("a checkpoint of this model");
    assert_same(&imported.module, &fill(tiny(tiny_config())));
    assert!(imported.missing.is_empty(), "{:?}", imported.missing);
    let left_over: Vec<_> = imported.left_over.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(left_over, ["best", "rng"]);
}

/// Names, shapes and types of PyTorch's own state dicts, ResNet-18 with torchvision's `resnet18`.
#[test]
fn full_size_models_have_torchs_names_shapes_and_types() {
    let text = std::fs::read_to_string(golden("names.json")).expect("a fixture");
    let lists: std::collections::BTreeMap<String, Vec<(String, Vec<usize>, String)>> =
        serde_json::from_str(&text).expect("lists of name, shape and type");
    let resnet = |depth, stem| ResNetConfig { depth, stem, ..ResNetConfig::default() }.into();
    for (name, encoder) in [
        ("cifar", resnet(ResNetDepth::ResNet18, ResNetStem::Cifar)),
        ("imagenet", resnet(ResNetDepth::ResNet18, ResNetStem::ImageNet)),
        ("resnet34", resnet(ResNetDepth::ResNet34, ResNetStem::Cifar)),
        ("resnet50", resnet(ResNetDepth::ResNet50, ResNetStem::Cifar)),
        ("vit", VitConfig::default().into()),
    ] {
        let model = tiny(SeqJepaConfig { encoder, ..SeqJepaConfig::default() });
        let kind = |name: &str| if name.ends_with("num_batches_tracked") { "int64" } else { "float32" };
        let mut found: Vec<_> = seqjepa_nn::tensor_specs(&model)
            .into_iter()
            .map(|spec| (spec.name.clone(), spec.shape, kind(&spec.name).to_owned()))
            .collect();
        found.sort();
        assert_eq!(found, lists[name], "{name}");
    }
}

#[test]
fn every_wrong_shape_is_refused_by_name() {
    let config = SeqJepaConfig { predictor: PredictorConfig::Mlp { hidden: 12 }, ..tiny_config() };
    let error = tiny(config).import(&golden("legacy.pt")).expect_err("another predictor");
    let ExchangeError::Tensor { source: NnError::ShapeMismatch { name, expected, found }, .. } = &error
    else {
        panic!("{error}");
    };
    assert_eq!(
        (name.as_str(), expected.as_slice(), found.as_slice()),
        ("predictor.0.weight", &[12, 24][..], &[8, 24][..])
    );

    // One axis more, in front or behind, wherever it is.
    let good = read_tensors(&golden("legacy.pt")).expect("a checkpoint");
    for index in 0..good.len() {
        let (name, data) = &good[index];
        let shape = data.shape().to_vec();
        for wrong in [[&[1], &shape[..]].concat(), [&shape[..], &[2]].concat()] {
            if name.ends_with("num_batches_tracked") && wrong.iter().product::<usize>() == 1 {
                continue;
            }
            let values = TensorData::zeros::<f32, _>(wrong.clone());
            let mut tensors = good.clone();
            tensors[index].1 = values;
            let message =
                import_tensors(tiny(tiny_config()), tensors).expect_err("a wrong shape").to_string();
            assert!(message.contains(name.trim_start_matches("model.")), "{message}");
        }
    }
}

#[test]
fn wrong_types_are_refused_by_name() {
    let mut tensors = read_tensors(&golden("legacy.pt")).expect("a checkpoint");
    let place = tensors.iter().position(|(name, _)| name.ends_with("predictor.3.bias")).expect("a bias");
    tensors[place].1 = TensorData::zeros::<i64, _>([8]);
    let message = import_tensors(tiny(tiny_config()), tensors).expect_err("an integer bias").to_string();
    assert!(message.contains("predictor.3.bias") && message.contains("I64"), "{message}");
}

/// `{name: value.half() for ..}` converts counters to floats, and a token may have lost its leading axes.
#[test]
fn counters_as_floats_and_tokens_without_leading_axes() {
    let mut tensors = read_tensors(&golden("legacy.pt")).expect("a checkpoint");
    for (name, data) in &mut tensors {
        if name.ends_with("num_batches_tracked") {
            *data =
                TensorData::new(vec![17.0_f32], Shape::from(Vec::<usize>::new())).convert_dtype(DType::F16);
        } else if name.ends_with("agg_token") {
            let values: Vec<f32> = data.iter().collect();
            *data = TensorData::new(values, [16]);
        }
    }
    let imported = import_tensors(tiny(tiny_config()), tensors.clone()).expect("a checkpoint of this model");
    assert!(imported.missing.is_empty() && imported.left_over.is_empty());
    let expected: Vec<f32> = spread_values("agg_token", 16, 0.0, 0.5);
    assert_eq!(imported.module.agg_token.val().into_data().iter::<f32>().collect::<Vec<_>>(), expected);
    let counters = state_dict(&imported.module);
    let mut counters = counters.iter().filter(|(name, _)| name.ends_with("num_batches_tracked"));
    assert!(counters.all(|(_, data)| data.iter::<i64>().eq([17])));

    let place =
        tensors.iter().position(|(name, _)| name.ends_with("num_batches_tracked")).expect("a counter");
    tensors[place].1 = TensorData::new(vec![0.5_f32], [1]);
    import_tensors(tiny(tiny_config()), tensors).expect_err("half a batch");
}

#[test]
fn export_and_import_are_the_identity() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [first, second] = ["first.safetensors", "second.safetensors"].map(|name| folder.path().join(name));
    let imported = tiny(tiny_config()).import(&golden("legacy.pt")).expect("a checkpoint of this model");
    imported.module.export(&first).expect("a writable folder");

    let again = tiny(tiny_config()).import(&first).expect("an export of this model");
    assert_same(&again.module, &imported.module);
    assert!(again.missing.is_empty() && again.left_over.is_empty());
    again.module.export(&second).expect("a writable folder");
    let [first, second] = [first, second].map(|path| std::fs::read(path).expect("an export"));
    assert!(first == second, "two exports of the same values differ");
}

/// The paper's model in full size, with both stems: what training leaves in statistics and counters included.
#[test]
fn full_size_export_and_import_are_the_identity() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.safetensors");
    for stem in [ResNetStem::Cifar, ResNetStem::ImageNet] {
        let encoder = ResNetConfig { stem, ..ResNetConfig::default() }.into();
        let config = SeqJepaConfig { encoder, layers: 1, ..SeqJepaConfig::default() };
        let model = fill(tiny(config.clone()));
        model.export(&path).expect("a writable folder");
        let again =
            config.init(6, &Device::flex()).expect("a valid configuration").import(&path).expect("an export");
        assert_same(&again.module, &model);
        assert!(again.missing.is_empty() && again.left_over.is_empty());
    }
}

#[test]
fn what_was_left_over_can_be_exported_beside_the_model() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.safetensors");
    let imported = tiny(tiny_config()).import(&golden("bfloat16.pt")).expect("a checkpoint of this model");
    imported.module.export_with(&imported.left_over, &path).expect("a writable folder");
    let again = tiny(tiny_config()).import(&path).expect("an export of this model");
    assert_same(&again.module, &imported.module);
    assert_eq!(again.left_over, imported.left_over);

    let clash: StateDict = vec![("agg_token".to_owned(), TensorData::zeros::<f32, _>([1]))];
    let message = imported.module.export_with(&clash, &path).expect_err("a name of the model").to_string();
    assert!(message.contains("agg_token"), "{message}");
    assert!(read_tensors(&path).is_ok(), "the earlier file is untouched");
}

#[test]
fn the_export_has_torchs_names_and_types() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.safetensors");
    tiny(tiny_config()).export(&path).expect("a writable folder");
    let tensors = read_tensors(&path).expect("an export");
    let torch = read_tensors(&golden("legacy.pt")).expect("a checkpoint");
    let describe = |name: &str, data: &TensorData| {
        (name.trim_start_matches("model.").to_owned(), data.shape().to_vec(), data.dtype())
    };
    let found: Vec<_> = tensors.iter().map(|(name, data)| describe(name, data)).collect();
    let expected: Vec<_> = torch.iter().map(|(name, data)| describe(name, data)).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_device_of_the_model_is_kept() {
    let plain = tiny_config().init(5, &Device::flex()).expect("a valid configuration");
    let imported = plain.import(&golden("legacy.pt")).expect("a checkpoint of this model");
    assert!(!imported.module.agg_token.val().is_autodiff());
}

//! Import from PyTorch and export for it.
//!
//! `tests/goldens/{legacy.pt, wrapped.pth, half.safetensors}` are written with torch by
//! `scripts/goldens/model.py`, function `checkpoints`; their values follow the formula of `common`, so every
//! tensor can be compared bit by bit.

mod common;

use burn::tensor::{DType, Device};
use common::{fill, training_device};
use seqjepa_model::{
    ActionConditioning, ModelError, PredictorConfig, ResNetConfig, SeqJepa, SeqJepaConfig, TargetConfig,
    import_tensors, read_tensors,
};
use seqjepa_nn::{NnError, state_dict};
use std::path::{Path, PathBuf};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(name)
}

/// The model of the script's checkpoints.
fn tiny_config() -> SeqJepaConfig {
    SeqJepaConfig {
        encoder: ResNetConfig { width: 1, ..ResNetConfig::default() }.into(),
        action_conditioning: ActionConditioning::Learned { width: 8 },
        layers: 2,
        predictor: PredictorConfig::Mlp { hidden: 8 },
        ..SeqJepaConfig::default()
    }
}

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
fn wrong_shapes_are_refused_by_name() {
    let config = SeqJepaConfig { predictor: PredictorConfig::Mlp { hidden: 12 }, ..tiny_config() };
    let error = tiny(config).import(&golden("legacy.pt")).expect_err("another predictor");
    let ModelError::Nn(NnError::ShapeMismatch { name, expected, found }) = &error else {
        panic!("{error}");
    };
    assert_eq!(
        (name.as_str(), expected.as_slice(), found.as_slice()),
        ("predictor.0.weight", &[12, 24][..], &[8, 24][..])
    );
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

#[test]
fn the_export_has_torchs_names_and_types() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.safetensors");
    tiny(tiny_config()).export(&path).expect("a writable folder");
    let tensors = read_tensors(&path).expect("an export");
    let torch = read_tensors(&golden("legacy.pt")).expect("a checkpoint");
    let describe = |name: &str, data: &burn::tensor::TensorData| {
        (name.trim_start_matches("model.").to_owned(), data.shape().to_vec(), data.dtype())
    };
    let found: Vec<_> = tensors.iter().map(|(name, data)| describe(name, data)).collect();
    let expected: Vec<_> = torch.iter().map(|(name, data)| describe(name, data)).collect();
    assert_eq!(found, expected);
}

#[test]
fn files_that_are_no_checkpoints_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let import = |path: &Path| tiny(tiny_config()).import(path).expect_err("not a checkpoint").to_string();

    let absent = folder.path().join("absent.pth");
    assert!(import(&absent).contains("absent.pth"));

    for (name, bytes) in [
        ("empty.pth", &b""[..]),
        ("text.pth", b"These are not weights."),
        ("header.safetensors", b"\xff\xff\xff\xff\0\0\0\0{"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("a writable folder");
        let message = import(&path);
        assert!(message.contains(name) && message.contains("expected"), "{message}");
    }

    let strangers =
        import_tensors(tiny(tiny_config()), read_tensors(&golden("parts.safetensors")).expect("tensors"));
    let message = strangers.expect_err("no tensor of this model").to_string();
    assert!(message.contains("encoder.conv1.weight") && message.contains("aggregator"), "{message}");
}

#[test]
fn a_pickle_is_never_executed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let trace = folder.path().join("executed");
    let path = folder.path().join("evil.pth");
    // Unpickling this in Python runs `os.system("touch ..")`.
    let pickle = format!("cos\nsystem\n(S'touch {}'\ntR.", trace.display());
    std::fs::write(&path, pickle).expect("a writable folder");
    tiny(tiny_config()).import(&path).expect_err("a call is not a checkpoint");
    assert!(!trace.exists());
}

#[test]
fn the_device_of_the_model_is_kept() {
    let plain = tiny_config().init(5, &Device::flex()).expect("a valid configuration");
    let imported = plain.import(&golden("legacy.pt")).expect("a checkpoint of this model");
    assert!(!imported.module.agg_token.val().is_autodiff());
}

//! Tensors beside Python objects of every kind, in every form that `torch.save` writes: `scripts/goldens/pickles.py`.

#![allow(clippy::disallowed_methods, reason = "tests look at values")]

mod common;

use burn::tensor::{DType, TensorData};
use common::{fill, golden, tiny_config, training_device};
use seqjepa_model::{ExchangeError, SeqJepa, import_tensors, read_tensors};
use seqjepa_nn::{StateDict, state_dict};

fn named<'a>(tensors: &'a StateDict, name: &str) -> &'a TensorData {
    let found = tensors.iter().find(|(known, _)| known == name);
    found.map(|(_, data)| data).unwrap_or_else(|| panic!("no `{name}`"))
}

#[test]
fn objects_of_every_kind_are_passed_over() {
    for file in ["objects_2.pt", "objects_5.pt", "objects_legacy.pt"] {
        let tensors = read_tensors(&golden(file)).unwrap_or_else(|error| panic!("{error}"));
        let names: Vec<_> = tensors.iter().map(|(name, _)| name.as_str()).collect();
        let expected = [
            "booleans",
            "defaultdict_tensors.kept.0",
            "deque_tensors.0",
            "empty",
            "expanded",
            "features",
            "labels",
            "listed.0",
            "listed.1.0",
            "listed.1.1.inner",
            "parameter",
            "scalar",
            "sixteen",
            "transposed",
        ];
        assert_eq!(names, expected, "{file}");
        let values = |name| named(&tensors, name).iter::<f32>().collect::<Vec<_>>();
        let shape = |name| named(&tensors, name).shape().to_vec();
        let counted: Vec<f32> = (0_u8..24).map(f32::from).collect();
        for name in ["features", "listed.0", "listed.1.1.inner"] {
            assert_eq!((shape(name), values(name)), (vec![6, 4], counted.clone()), "{file}: {name}");
        }
        for name in ["labels", "listed.1.0", "deque_tensors.0", "defaultdict_tensors.kept.0"] {
            assert_eq!(values(name), [0.0, 1.0, 2.0, 0.0, 1.0, 2.0], "{file}: {name}");
        }
        let columns: Vec<f32> =
            (0..4).flat_map(|column| (0..6).map(move |row| (4 * row + column) as f32)).collect();
        assert_eq!((shape("transposed"), values("transposed")), (vec![4, 6], columns), "{file}");
        assert_eq!((shape("expanded"), values("expanded")), (vec![5], vec![1.0; 5]), "{file}");
        assert_eq!(
            (shape("empty"), shape("scalar"), values("scalar")),
            (vec![0, 3], vec![], vec![3.0]),
            "{file}"
        );
        assert_eq!(values("sixteen"), [0.0, 1.0, 65_535.0], "{file}");
        assert_eq!(
            (named(&tensors, "booleans").dtype(), values("booleans")),
            (DType::U8, vec![1.0, 0.0, 1.0])
        );
    }
}

#[test]
fn a_whole_module_is_its_state_dict() {
    let tensors = read_tensors(&golden("module.pt")).expect("a module");
    let names: Vec<_> = tensors.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "0.bias",
        "0.weight",
        "1.bias",
        "1.num_batches_tracked",
        "1.running_mean",
        "1.running_var",
        "1.weight",
    ];
    assert_eq!(names, expected);
    let weight = named(&tensors, "0.weight");
    assert_eq!(weight.iter::<f32>().collect::<Vec<_>>(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
}

fn tiny() -> SeqJepa {
    tiny_config().init(5, &training_device()).expect("a valid configuration")
}

/// The tensors of the golden model under other names.
fn renamed(rename: impl Fn(&str) -> String) -> StateDict {
    let state = state_dict(&fill(tiny()));
    state.into_iter().map(|(name, data)| (rename(&name), data)).collect()
}

#[test]
fn prefixes_of_trainers_and_averages() {
    let expected = state_dict(&fill(tiny()));
    let parts = |wrapper: &'static str| {
        move |name: &str| name.split('.').collect::<Vec<_>>().join(&format!(".{wrapper}."))
    };
    let mut ways: Vec<StateDict> = [
        "module.",
        "_orig_mod.",
        "ema_model.",
        "ema_model.module.",
        "state_dict_ema.",
        "state_dict_ema.module._orig_mod.",
        "_forward_module.",
        "state_dict.model.",
        "state_dict._forward_module._orig_mod.module.",
        "model._fsdp_wrapped_module.",
    ]
    .iter()
    .map(|prefix| renamed(|name| format!("{prefix}{name}")))
    .collect();
    ways.push(renamed(parts("_fsdp_wrapped_module")));
    ways.push(renamed(|name| {
        format!("state_dict.{}", name.replacen('.', "._checkpoint_wrapped_module.", 1))
    }));
    // Beside the averaged model: how many were averaged, and the model itself, which goes first.
    let mut both = renamed(|name| format!("ema_model.module.{name}"));
    for (_, data) in &mut both {
        *data = TensorData::zeros::<f32, _>(data.shape().to_vec()).convert_dtype(data.dtype());
    }
    both.push(("ema_model.n_averaged".to_owned(), TensorData::from([3_i64])));
    both.extend(renamed(|name| format!("model.{name}")));
    ways.push(both);
    for tensors in ways {
        let first = tensors[0].0.clone();
        let imported = import_tensors(tiny(), tensors).unwrap_or_else(|error| panic!("{first}: {error}"));
        assert!(imported.missing.is_empty(), "{first}: {:?}", imported.missing);
        for ((name, found), (_, expected)) in state_dict(&imported.module).iter().zip(&expected) {
            assert_eq!(found, expected, "{first}: {name}");
        }
    }
}

/// As PyTorch fills them in for state dicts of before 0.4.1.
#[test]
fn absent_batch_counters_are_zero() {
    let mut tensors = renamed(str::to_owned);
    tensors.retain(|(name, _)| !name.ends_with("num_batches_tracked"));
    let imported = import_tensors(fill(tiny()), tensors.clone()).expect("all that counts");
    assert!(imported.missing.is_empty());
    assert!(
        imported.counters.len() > 20
            && imported.counters.iter().all(|name| name.ends_with("num_batches_tracked"))
    );
    let state = state_dict(&imported.module);
    let mut counters = state.iter().filter(|(name, _)| name.ends_with("num_batches_tracked"));
    assert!(counters.all(|(_, data)| data.iter::<i64>().eq([0])));
    // A whole layer that is absent is missing, its counter too.
    tensors.retain(|(name, _)| !name.starts_with("predictor.1."));
    let missing = import_tensors(tiny(), tensors).expect("the rest").missing;
    assert!(missing.contains(&"predictor.1.num_batches_tracked".to_owned()), "{missing:?}");
}

#[test]
fn a_file_of_another_model_is_named_with_names_of_both_sides() {
    let error = tiny().import(&golden("module.pt")).expect_err("another model");
    assert!(matches!(error, ExchangeError::NothingInCommon { path: Some(_), .. }));
    let message = error.to_string();
    for part in ["module.pt: ", "`encoder.conv1.weight`", "`0.bias`"] {
        assert!(message.contains(part), "{message}");
    }
}

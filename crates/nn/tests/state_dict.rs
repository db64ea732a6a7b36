//! Named tensors: what is written, and what is refused.

#![allow(clippy::disallowed_methods, reason = "tests look at values")]

use burn::tensor::{DType, Device, Tensor, TensorData};
use seqjepa_nn::{
    BatchNorm, InitRng, Linear, Mode, NnError, StateDict, is_buffer, load_state_dict, state_dict,
    tensor_specs,
};

type Pair = (Linear, BatchNorm);

fn pair(seed: u64, device: &Device) -> Pair {
    (Linear::new(3, 2, &mut InitRng::new(seed), device), BatchNorm::new(2, device))
}

fn refused(change: impl FnOnce(&mut StateDict)) -> NnError {
    let module = pair(1, &Device::flex());
    let mut tensors = state_dict(&module);
    change(&mut tensors);
    load_state_dict(module, tensors).expect_err("a state dict that does not fit")
}

#[test]
fn names_shapes_and_kinds() {
    let specs = tensor_specs(&pair(1, &Device::flex()));
    let described: Vec<_> =
        specs.iter().map(|spec| (spec.name.as_str(), spec.shape.as_slice(), spec.buffer)).collect();
    let expected: [(&str, &[usize], bool); 7] = [
        ("0.weight", &[2, 3], false),
        ("0.bias", &[2], false),
        ("1.weight", &[2], false),
        ("1.bias", &[2], false),
        ("1.running_mean", &[2], true),
        ("1.running_var", &[2], true),
        ("1.num_batches_tracked", &[], true),
    ];
    assert_eq!(described, expected);
    assert!(is_buffer("layer1.0.bn1.running_mean") && !is_buffer("running_mean_weight.weight"));
}

#[test]
fn a_state_dict_restores_every_bit() {
    let device = Device::flex().autodiff();
    let module = pair(1, &device);
    module.1.forward(Tensor::<2>::from_data([[1.0, 2.0], [5.0, 9.0]], &device), Mode::Train);
    let restored = load_state_dict(pair(2, &device), state_dict(&module)).expect("the same names");
    for ((name, found), (_, expected)) in state_dict(&restored).into_iter().zip(state_dict(&module)) {
        assert_eq!(found, expected, "{name}");
    }
    assert_eq!(restored.1.num_batches_tracked.get(), 1);
    assert!(restored.0.weight.is_require_grad(), "a parameter stays one");
    assert!(!restored.1.running_mean.value().is_require_grad(), "a statistic stays one");
}

#[test]
fn other_float_widths_are_converted() {
    let device = Device::flex();
    let module = pair(1, &device);
    let wide = state_dict(&module).into_iter().map(|(name, data)| match data.dtype() {
        DType::F32 => (name, data.convert_dtype(DType::F64)),
        _ => (name, data),
    });
    let restored = load_state_dict(pair(2, &device), wide).expect("the same names");
    assert_eq!(restored.0.weight.val().to_data(), module.0.weight.val().to_data());
}

#[test]
fn a_counter_that_no_tensor_can_hold_is_refused() {
    for count in [-1, i64::from(i32::MAX) + 1, i64::MIN, i64::MAX] {
        let error = refused(|tensors| {
            let counter = tensors.iter_mut().find(|(name, _)| name == "1.num_batches_tracked");
            counter.expect("batch norm counts").1 = TensorData::new(vec![count], [1]);
        });
        assert!(matches!(&error, NnError::CountOutOfRange { name, .. } if name == "1.num_batches_tracked"));
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let error = refused(|tensors| drop(tensors.remove(1)));
    assert!(
        matches!(&error, NnError::MissingTensor { name, expected } if name == "0.bias" && *expected == [2])
    );

    let error = refused(|tensors| tensors.push(("2.weight".to_owned(), TensorData::from([1.0_f32]))));
    assert!(
        matches!(&error, NnError::UnexpectedTensor { name, found } if name == "2.weight" && *found == [1])
    );

    let error = refused(|tensors| tensors.push(tensors[0].clone()));
    assert!(matches!(&error, NnError::DuplicateTensor { name } if name == "0.weight"));

    let error = refused(|tensors| tensors[0].1 = TensorData::from([[1.0_f32, 2.0]]));
    assert!(matches!(&error, NnError::ShapeMismatch { name, expected, found }
        if name == "0.weight" && *expected == [2, 3] && *found == [1, 2]));

    let error = refused(|tensors| tensors[1].1 = TensorData::from([1_i64, 2]));
    assert!(matches!(&error, NnError::KindMismatch { name, expected: "float", .. } if name == "0.bias"));

    let error = refused(|tensors| tensors[6].1 = TensorData::from([1.0_f32]));
    assert!(matches!(&error, NnError::KindMismatch { expected: "integer", .. }), "{error}");
}

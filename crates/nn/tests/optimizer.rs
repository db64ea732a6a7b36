//! The optimizers against `torch.optim`, and their state across a resume.

#![allow(clippy::disallowed_methods, reason = "tests look at values")]

use std::collections::BTreeMap;

use burn::module::{Module, Param};
use burn::nn::LinearConfig;
use burn::tensor::{Device, Tensor, TensorData};
use seqjepa_nn::optimizer::{Optimizer, OptimizerConfig, ParameterGradients};
use seqjepa_nn::{NnError, host};
use serde::Deserialize;

type Values = BTreeMap<String, Vec<f32>>;

#[derive(Deserialize)]
struct Fixture {
    rates: Vec<f64>,
    initial: Values,
    gradients: Vec<Values>,
    cases: Vec<Case>,
    clip: Clip,
}

#[derive(Deserialize)]
struct Case {
    case: String,
    config: OptimizerConfig,
    after: BTreeMap<usize, Values>,
}

#[derive(Deserialize)]
struct Clip {
    max_norm: f64,
    norm: f64,
    gradients: Values,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("fixtures/optimizer.json")).unwrap()
}

/// Two parameters whose gradients a test chooses.
#[derive(Module, Debug)]
struct Pair {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
}

impl Pair {
    fn new(values: &Values, device: &Device) -> Self {
        let weight = TensorData::new(values["weight"].clone(), [3, 4]);
        let bias = TensorData::new(values["bias"].clone(), [4]);
        Self { weight: Param::from_data(weight, device), bias: Param::from_data(bias, device) }
    }

    /// The gradient of `sum(parameter * chosen)` is `chosen`, to the bit.
    fn gradients(&self, chosen: &Values) -> ParameterGradients {
        let device = &self.weight.val().device();
        let weight = Tensor::<2>::from_data(TensorData::new(chosen["weight"].clone(), [3, 4]), device);
        let bias = Tensor::<1>::from_data(TensorData::new(chosen["bias"].clone(), [4]), device);
        let loss = (self.weight.val() * weight).sum() + (self.bias.val() * bias).sum();
        ParameterGradients::take(&mut loss.backward(), self)
    }

    fn values(&self) -> Values {
        let weight = self.weight.val().into_data().try_into_vec::<f32>().unwrap();
        let bias = self.bias.val().into_data().try_into_vec::<f32>().unwrap();
        BTreeMap::from([("weight".to_owned(), weight), ("bias".to_owned(), bias)])
    }
}

fn device() -> Device {
    Device::flex().autodiff()
}

fn assert_close(got: &Values, expected: &Values, relative: f32, absolute: f32, what: &str) {
    for (name, expected) in expected {
        for (got, expected) in got[name].iter().zip(expected) {
            let allowed = absolute + relative * expected.abs();
            assert!((got - expected).abs() <= allowed, "{what} {name}: {got} for {expected}");
        }
    }
}

/// Both sides compute in f32 in the same order; torch fuses multiply-adds, so that one step
/// differs by the last bit or two (2^-23 = 1.2e-7), and twenty by at most ten times that. The
/// absolute part is that rounding for parameters near 0, whose sizes are about 1.
#[test]
fn agrees_with_torch() {
    let fixture = fixture();
    for case in &fixture.cases {
        let mut module = Pair::new(&fixture.initial, &device());
        let mut optimizer = Optimizer::new(case.config).unwrap();
        for (step, (chosen, lr)) in fixture.gradients.iter().zip(&fixture.rates).enumerate() {
            let gradients = module.gradients(chosen);
            module = optimizer.step(*lr, module, gradients).unwrap();
            if let Some(expected) = case.after.get(&(step + 1)) {
                let tolerance = if step == 0 { 2.4e-7 } else { 1.2e-6 };
                let what = format!("{} after step {}", case.case, step + 1);
                assert_close(&module.values(), expected, tolerance, tolerance, &what);
            }
        }
    }
}

#[test]
fn clipping_agrees_with_torch() {
    let fixture = fixture();
    let module = Pair::new(&fixture.initial, &device());
    let mut gradients = module.gradients(&fixture.gradients[0]);
    let norm = gradients.clip_norm(fixture.clip.max_norm);
    // Norms are sums of 16 squares in f32, in another order than torch's.
    assert!((norm - fixture.clip.norm).abs() < 1e-6 * norm);
    for (name, expected) in &fixture.clip.gradients {
        let got = gradients.get(name).unwrap().into_data().try_into_vec::<f32>().unwrap();
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() <= 1e-6 * expected.abs(), "{name}: {got} for {expected}");
        }
    }
    let before = gradients.get("weight").unwrap().into_data();
    gradients.clip_norm(10.0);
    assert_eq!(gradients.get("weight").unwrap().into_data(), before, "below the limit");
}

#[test]
fn a_resumed_run_has_the_same_bits() {
    let fixture = fixture();
    let device = device();
    for case in &fixture.cases {
        let mut module = Pair::new(&fixture.initial, &device);
        let mut optimizer = Optimizer::new(case.config).unwrap();
        let mut resumed: Option<(Pair, Optimizer)> = None;
        for (step, (chosen, lr)) in fixture.gradients.iter().zip(&fixture.rates).enumerate() {
            if step == 7 {
                let copy = Pair::new(&module.values(), &device);
                let mut fresh = Optimizer::new(case.config).unwrap();
                fresh.load_state_dict(optimizer.state_dict(), &copy).unwrap();
                assert_eq!(fresh.state_dict(), optimizer.state_dict());
                resumed = Some((copy, fresh));
            }
            let gradients = module.gradients(chosen);
            module = optimizer.step(*lr, module, gradients).unwrap();
            if let Some((copy, mut fresh)) = resumed.take() {
                let gradients = copy.gradients(chosen);
                resumed = Some((fresh.step(*lr, copy, gradients).unwrap(), fresh));
            }
        }
        assert_eq!(resumed.unwrap().0.values(), module.values(), "{}", case.case);
    }
}

#[test]
fn state_is_named_by_path_and_keeps_the_parameters_shape() {
    let fixture = fixture();
    let module = Pair::new(&fixture.initial, &device());
    let mut optimizer = Optimizer::new(OptimizerConfig::adam()).unwrap();
    assert!(optimizer.state_dict().is_empty());
    let gradients = module.gradients(&fixture.gradients[0]);
    optimizer.step(0.1, module, gradients).unwrap();
    let named: Vec<(String, Vec<usize>)> = optimizer
        .state_dict()
        .into_iter()
        .map(|(name, data)| (name, data.shape().as_slice().to_vec()))
        .collect();
    let expected = [
        ("bias.step", vec![1]),
        ("bias.exp_avg", vec![4]),
        ("bias.exp_avg_sq", vec![4]),
        ("weight.step", vec![1]),
        ("weight.exp_avg", vec![3, 4]),
        ("weight.exp_avg_sq", vec![3, 4]),
    ];
    assert_eq!(named, expected.map(|(name, shape)| (name.to_owned(), shape)));
}

#[test]
fn a_state_that_does_not_fit_is_refused() {
    let fixture = fixture();
    let module = Pair::new(&fixture.initial, &device());
    let mut optimizer = Optimizer::new(OptimizerConfig::adam()).unwrap();
    let gradients = module.gradients(&fixture.gradients[0]);
    let module = optimizer.step(0.1, module, gradients).unwrap();
    let good = optimizer.state_dict();

    let load = |entries: Vec<(String, TensorData)>| {
        Optimizer::new(OptimizerConfig::adam()).unwrap().load_state_dict(entries, &module)
    };
    let replaced = |from: &str, to: Option<(&str, TensorData)>| {
        let mut entries = good.clone();
        let index = entries.iter().position(|(name, _)| name == from).unwrap();
        entries.remove(index);
        entries.extend(to.map(|(name, data)| (name.to_owned(), data)));
        entries
    };
    let values = TensorData::new(vec![0f32; 4], [4]);

    let missing = load(replaced("bias.exp_avg", None)).unwrap_err();
    assert!(matches!(missing, NnError::MissingTensor { name, .. } if name == "bias.exp_avg"));
    let stranger = load(replaced("bias.exp_avg", Some(("other.exp_avg", values.clone())))).unwrap_err();
    assert!(matches!(stranger, NnError::UnexpectedTensor { name, .. } if name == "other.exp_avg"));
    let foreign = load(replaced("bias.exp_avg", Some(("bias.momentum_buffer", values)))).unwrap_err();
    assert!(matches!(foreign, NnError::UnknownOptimizerState { rule: "adam", .. }));
    let shape = TensorData::new(vec![0f32; 4], [2, 2]);
    let shape = load(replaced("bias.exp_avg", Some(("bias.exp_avg", shape)))).unwrap_err();
    assert!(matches!(shape, NnError::ShapeMismatch { name, .. } if name == "bias.exp_avg"));
    let double = TensorData::new(vec![0f64; 4], [4]);
    assert!(load(replaced("bias.exp_avg", Some(("bias.exp_avg", double)))).is_err());
    let negative = TensorData::new(vec![-1i64], [1]);
    assert!(load(replaced("bias.step", Some(("bias.step", negative)))).is_err());
    assert!(load(good.clone()).is_ok());
}

#[test]
fn parameters_without_gradient_keep_value_and_state() {
    let fixture = fixture();
    let device = device();
    let mut module = Pair::new(&fixture.initial, &device);
    module.bias = module.bias.set_require_grad(false);
    let bias = module.bias.val().into_data();
    let weight = module.weight.val();
    let loss = (weight.clone() * weight).sum() + module.bias.val().sum();
    let gradients = ParameterGradients::take(&mut loss.backward(), &module);
    assert_eq!(gradients.paths().collect::<Vec<_>>(), ["weight"]);

    let mut optimizer = Optimizer::new(OptimizerConfig::adamw()).unwrap();
    let module = optimizer.step(0.1, module, gradients).unwrap();
    assert_eq!(module.bias.val().into_data(), bias, "no decay without a gradient");
    assert!(optimizer.state_dict().iter().all(|(name, _)| name.starts_with("weight.")));
    assert!(module.weight.is_require_grad());
    assert!(!module.bias.is_require_grad());
}

/// A clone shares Burn's parameter ids with its original: their gradients must not mix.
#[test]
fn clones_of_a_module_are_told_apart() {
    #[derive(Module, Debug)]
    struct Twins {
        first: Pair,
        second: Pair,
    }
    let fixture = fixture();
    let first = Pair::new(&fixture.initial, &device());
    // Mapped, so that the second has leaves of its own under the ids of the first.
    let second = first.clone().fork(&device());
    let twins = Twins { first, second };
    let loss = twins.first.weight.val().sum() + twins.second.bias.val().sum().mul_scalar(2.0);
    let gradients = ParameterGradients::take(&mut loss.backward(), &twins);
    assert_eq!(gradients.paths().collect::<Vec<_>>(), ["first.weight", "second.bias"]);
    let second = gradients.get("second.bias").unwrap().into_data();
    assert_eq!(second, TensorData::from([2f32; 4]));
}

#[test]
fn gradients_that_are_not_finite_are_named() {
    let mut fixture = fixture();
    let module = Pair::new(&fixture.initial, &device());
    assert!(module.gradients(&fixture.gradients[0]).non_finite().is_empty());
    fixture.gradients[0].get_mut("weight").unwrap()[5] = f32::NAN;
    let mut gradients = module.gradients(&fixture.gradients[0]);
    assert_eq!(gradients.non_finite(), ["weight"]);
    assert!(gradients.clip_norm(1.0).is_nan());
    fixture.gradients[0].get_mut("bias").unwrap()[0] = f32::INFINITY;
    assert_eq!(module.gradients(&fixture.gradients[0]).non_finite(), ["bias", "weight"]);
}

#[test]
fn accumulated_gradients_are_sums() {
    let fixture = fixture();
    let module = Pair::new(&fixture.initial, &device());
    let mut sum = module.gradients(&fixture.gradients[0]);
    sum.accumulate(module.gradients(&fixture.gradients[0]));
    sum.scale(0.5);
    let once = module.gradients(&fixture.gradients[0]);
    for path in ["weight", "bias"] {
        assert_eq!(sum.get(path).unwrap().into_data(), once.get(path).unwrap().into_data());
    }
}

#[test]
fn misuse_is_an_error_and_changes_nothing() {
    let fixture = fixture();
    let module = Pair::new(&fixture.initial, &device());
    let mut optimizer = Optimizer::new(OptimizerConfig::sgd(0.9)).unwrap();
    for lr in [-0.1, f64::NAN, f64::INFINITY] {
        let gradients = module.gradients(&fixture.gradients[0]);
        assert!(matches!(
            optimizer.step(lr, module.clone(), gradients),
            Err(NnError::OptimizerSetting { setting: "lr", .. })
        ));
    }
    let other = LinearConfig::new(3, 5).init(&device());
    let gradients = module.gradients(&fixture.gradients[0]);
    assert!(matches!(optimizer.step(0.1, other, gradients), Err(NnError::ShapeMismatch { .. })));
    assert!(optimizer.state_dict().is_empty());
    let none = ParameterGradients::default();
    assert!(none.is_empty() && none.norm_squared().is_none() && none.norm() == 0.0);
}

#[test]
fn minimises_a_quadratic() {
    let fixture = fixture();
    for config in [OptimizerConfig::adam(), OptimizerConfig::adamw(), OptimizerConfig::sgd(0.9)] {
        let mut module = Pair::new(&fixture.initial, &device());
        let mut optimizer = Optimizer::new(config).unwrap();
        for _ in 0..300 {
            let loss = (module.weight.val() - 1.0).square().sum() + (module.bias.val() + 2.0).square().sum();
            let gradients = ParameterGradients::take(&mut loss.backward(), &module);
            module = optimizer.step(0.03, module, gradients).unwrap();
        }
        let values = module.values();
        assert!(values["weight"].iter().all(|value| (value - 1.0).abs() < 0.02), "{config:?}");
        assert!(values["bias"].iter().all(|value| (value + 2.0).abs() < 0.02), "{config:?}");
    }
}

/// Long gradients are summed piece by piece: no element may be lost at the seams.
#[test]
fn norms_of_long_gradients_are_whole() {
    let device = device();
    for length in [1 << 20, (1 << 20) + 1, (2 << 20) + 12_345] {
        let bias = Param::from_tensor(Tensor::<1>::zeros([length], &device));
        let weight = Param::from_tensor(Tensor::<2>::zeros([1, 1], &device));
        let module = Pair { weight, bias };
        let loss = module.bias.val().sum().mul_scalar(0.5) + module.weight.val().sum();
        let gradients = ParameterGradients::take(&mut loss.backward(), &module);
        let expected = (0.25 * length as f64 + 1.0).sqrt();
        // Partial sums of a million equal f32 terms are exact here; the root rounds once.
        assert!((gradients.norm() - expected).abs() < 1e-6 * expected, "{length}");
        let squared = host::read_scalar(gradients.norm_squared().unwrap());
        assert!((squared.sqrt() - expected).abs() < 1e-6 * expected, "{length}");
    }
}

/// Burn refuses to mix checkpointing strategies: an update must hand back the parameter's own.
#[test]
fn the_checkpointing_strategy_survives_a_step() {
    let fixture = fixture();
    let device = Device::flex().autodiff().gradient_checkpointing();
    let mut module = Pair::new(&fixture.initial, &device);
    let mut optimizer = Optimizer::new(OptimizerConfig::adam()).unwrap();
    for chosen in &fixture.gradients[..2] {
        let gradients = module.gradients(chosen);
        module = optimizer.step(0.1, module, gradients).unwrap();
    }
    let strategy = module.weight.val().gradient_checkpointing_strategy();
    assert_eq!(strategy, device.gradient_checkpointing_strategy());
}

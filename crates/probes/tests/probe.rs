//! One probe against PyTorch's training of the same network, and its refusals.

use std::collections::BTreeMap;

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use seqjepa_nn::host;
use seqjepa_nn::optimizer::OptimizerConfig;
use seqjepa_probes::{InputError, Network, Probe, ProbeConfig, ProbeError, Targets, Task};
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixture {
    features: Vec<f32>,
    labels: Vec<u32>,
    values: Vec<f32>,
    linear: Run,
    mlp: Run,
}

#[derive(Deserialize)]
struct Run {
    initial: BTreeMap<String, Vec<f32>>,
    losses: Vec<f64>,
    predictions: Vec<f32>,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("fixtures/probe.json")).unwrap()
}

fn features(fixture: &Fixture, device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(fixture.features.clone(), [12, 6]), device)
}

fn linear() -> ProbeConfig {
    let task = Task::Classification { classes: 3 };
    ProbeConfig { optimizer: OptimizerConfig::sgd(0.9), lr: 0.1, ..ProbeConfig::new("linear", 6, task) }
}

fn mlp() -> ProbeConfig {
    let task = Task::Regression { outputs: 2 };
    ProbeConfig { network: Network::Mlp { hidden: 8 }, lr: 0.01, ..ProbeConfig::new("mlp", 6, task) }
}

/// A probe with the initial values that torch had; `names` are torch's layer prefixes in order.
fn with_initial(config: ProbeConfig, run: &Run, names: &[&str]) -> Probe {
    let mut probe = Probe::new(config, &Device::flex()).unwrap();
    let mut entries = probe.state_dict();
    for (name, data) in &mut entries {
        let Some(rest) = name.strip_prefix("network.layers.") else { continue };
        let (index, leaf) = rest.split_once('.').unwrap();
        let values = run.initial[&format!("{}{leaf}", names[index.parse::<usize>().unwrap()])].clone();
        *data = TensorData::new(values, data.shape().clone());
    }
    probe.load_state_dict(entries).unwrap();
    probe
}

/// Five steps in f32 on both sides, sums in another order: a few last bits (6e-8 each) of values of
/// size 1.
fn assert_trains_alike(mut probe: Probe, run: &Run, features: Tensor<2>, targets: Targets<'_>) {
    for expected in &run.losses {
        let loss = probe.train_step(features.clone(), targets).unwrap().loss;
        assert!((loss - expected).abs() < 2e-6, "{loss} for {expected}");
    }
    let output = probe.evaluate(features, targets).unwrap();
    for (got, expected) in output.predictions.iter().zip(&run.predictions) {
        assert!((got - expected).abs() < 5e-6, "{got} for {expected}");
    }
}

#[test]
fn a_linear_classifier_trains_as_in_torch() {
    let fixture = fixture();
    let probe = with_initial(linear(), &fixture.linear, &[""]);
    let features = features(&fixture, &Device::flex());
    assert_trains_alike(probe, &fixture.linear, features, Targets::Labels(&fixture.labels));
}

#[test]
fn an_mlp_regression_trains_as_in_torch() {
    let fixture = fixture();
    let probe = with_initial(mlp(), &fixture.mlp, &["0.", "2.", "4."]);
    let features = features(&fixture, &Device::flex());
    assert_trains_alike(probe, &fixture.mlp, features, Targets::Values(&fixture.values));
}

#[test]
fn no_gradient_enters_the_features() {
    let fixture = fixture();
    let device = Device::flex().autodiff();
    let weight = Param::from_tensor(Tensor::<2>::ones([6, 6], &device));
    let graph = features(&fixture, &device).matmul(weight.val());
    let mut probe = Probe::new(linear(), &device).unwrap();
    probe.train_step(graph.clone(), Targets::Labels(&fixture.labels)).unwrap();
    // The model's own loss still reaches its weight, by its own gradient alone.
    let backward = graph.sum().backward();
    let got = weight.val().grad(&backward).unwrap();
    let columns = features(&fixture, &Device::flex()).sum_dim(0).reshape([6, 1]).repeat_dim(1, 6);
    let difference = host::read_scalar((got - columns).abs().max());
    assert!(difference < 1e-5, "{difference}");
}

#[test]
fn one_seed_gives_one_start() {
    let device = Device::flex();
    let start = |seed| Probe::new(ProbeConfig { seed, ..mlp() }, &device).unwrap().state_dict();
    assert_eq!(start(3), start(3));
    assert_ne!(start(3), start(4));
    assert_eq!(Probe::new(mlp(), &device).unwrap().parameter_count(), 7 * 8 + 9 * 8 + 9 * 2);
}

#[test]
fn bad_batches_are_refused_and_change_nothing() {
    let fixture = fixture();
    let device = Device::flex();
    let good = features(&fixture, &device);
    let mut probe = Probe::new(linear(), &device).unwrap();
    let before = probe.state_dict();
    let mut refuse = |features: Tensor<2>, targets: Targets<'_>| {
        let error = probe.train_step(features.clone(), targets).unwrap_err();
        assert!(probe.evaluate(features, targets).is_err());
        assert_eq!(probe.state_dict(), before);
        error
    };

    let labels = Targets::Labels(&fixture.labels);
    let narrow = refuse(Tensor::zeros([12, 5], &device), labels);
    assert!(matches!(narrow, ProbeError::Input(InputError::Size { expected: 6, found: 5, .. })));
    let short = refuse(good.clone(), Targets::Labels(&[0; 11]));
    assert!(matches!(short, ProbeError::Input(InputError::Size { expected: 12, found: 11, .. })));
    let label = refuse(good.clone(), Targets::Labels(&[3; 12]));
    assert!(matches!(label, ProbeError::Input(InputError::Label { label: 3, classes: 3, .. })));
    let kind = refuse(good.clone(), Targets::Values(&fixture.values));
    assert!(matches!(kind, ProbeError::Input(InputError::Setting { .. })));
    let nan = refuse(good.mul_scalar(f32::NAN), labels);
    assert!(nan.to_string().contains("features"), "{nan}");
    assert!(matches!(nan, ProbeError::NonFinite { .. }));
    assert!(refuse(Tensor::zeros([0, 6], &device), Targets::Labels(&[])).to_string().contains("above 0"));
}

#[test]
fn divergence_is_an_error_that_says_what_to_do() {
    let task = Task::Regression { outputs: 1 };
    let config =
        ProbeConfig { optimizer: OptimizerConfig::sgd(0.0), lr: 1e6, ..ProbeConfig::new("wild", 2, task) };
    let mut probe = Probe::new(config, &Device::flex()).unwrap();
    let features = Tensor::<2>::from_data([[1e4f32, -1e4], [2e4, 1e4]], &Device::flex());
    let error = (0..50)
        .find_map(|_| probe.train_step(features.clone(), Targets::Values(&[1.0, -1.0])).err())
        .unwrap();
    assert!(matches!(&error, ProbeError::Diverged { probe, .. } if probe == "wild"), "{error}");
    assert!(error.to_string().contains("lower its learning rate"));
}

#[test]
fn senseless_settings_are_refused() {
    let device = Device::flex();
    let refused = |config: ProbeConfig| Probe::new(config, &device).is_err();
    assert!(refused(ProbeConfig { inputs: 0, ..linear() }));
    assert!(refused(ProbeConfig { task: Task::Regression { outputs: 0 }, ..linear() }));
    assert!(refused(ProbeConfig { network: Network::Mlp { hidden: 0 }, ..linear() }));
    assert!(refused(ProbeConfig { lr: f64::NAN, ..linear() }));
    assert!(refused(ProbeConfig { optimizer: OptimizerConfig::sgd(-1.0), ..linear() }));
}

//! Queued updates: whenever they are flushed, the same bits; and what is not finite is found.

#![allow(clippy::cast_possible_truncation, reason = "small numbers of tests")]

use burn::tensor::{Device, Tensor, TensorData};
use proptest::prelude::*;
use seqjepa_nn::optimizer::OptimizerConfig;
use seqjepa_probes::metrics::{Mean, R2, TopK};
use seqjepa_probes::online::{MetricNames, OnlineProbeConfig, OnlineProbes, Phase, ProbeInputs, UpdateError};
use seqjepa_probes::{Metrics, Network, OutputGroup, Probe, ProbeError, Targets, Task};

const CLASSES: usize = 3;
const OUTPUTS: usize = 2;
const WIDTH: usize = 4;

/// A linear classifier, and a linear and an MLP regression of the same target.
fn set() -> OnlineProbes {
    let probe = |name: &str, task, network| OnlineProbeConfig {
        name: name.into(),
        inputs: vec![("tokens".into(), WIDTH)],
        task,
        target: matches!(task, Task::Regression { .. }).then(|| "position".to_owned()),
        network,
        optimizer: OptimizerConfig::adam(),
        lr: 0.05,
        seed: 3,
        metrics: MetricNames {
            groups: if matches!(task, Task::Regression { .. }) {
                vec![OutputGroup::new("second", 1..2)]
            } else {
                Vec::new()
            },
            ..MetricNames::new(format!("{name}_score"), format!("{name}_loss"))
        },
    };
    let regression = Task::Regression { outputs: OUTPUTS };
    let configs = vec![
        probe("class", Task::Classification { classes: CLASSES }, Network::Linear),
        probe("linear", regression, Network::Linear),
        probe("mlp", regression, Network::Mlp { hidden: 5 }),
    ];
    OnlineProbes::new(configs, &Device::flex()).unwrap()
}

#[derive(Clone, Debug)]
struct Batch {
    phase: Phase,
    features: Vec<f32>,
    labels: Option<Vec<u32>>,
    values: Vec<f32>,
    flush: bool,
}

impl Batch {
    fn tensor(&self) -> Tensor<2> {
        let shape = [self.features.len() / WIDTH, WIDTH];
        Tensor::from_data(TensorData::new(self.features.clone(), shape), &Device::flex())
    }

    fn show(&self, probes: &mut OnlineProbes) -> Result<(), ProbeError> {
        let mut inputs =
            ProbeInputs::new().representation("tokens", self.tensor()).values("position", &self.values);
        if let Some(labels) = &self.labels {
            inputs = inputs.labels(labels);
        }
        probes.update(self.phase, &inputs)
    }
}

fn batches() -> impl Strategy<Value = Vec<Batch>> {
    // Few different features, so that some rows are the same and some are zero.
    let row = (
        prop::collection::vec(-2i8..3, WIDTH),
        0..CLASSES as u32,
        prop::collection::vec(-1.0f32..1.0, OUTPUTS),
    );
    let batch = (
        prop::collection::vec(row, 1..6),
        any::<bool>(),
        prop::bool::weighted(0.8),
        prop::bool::weighted(0.3),
    );
    let batch = batch.prop_map(|(rows, train, labelled, flush)| Batch {
        phase: if train { Phase::Train } else { Phase::Test },
        features: rows.iter().flat_map(|(features, ..)| features.iter().map(|f| f32::from(*f))).collect(),
        labels: labelled.then(|| rows.iter().map(|(_, label, _)| *label).collect()),
        values: rows.iter().flat_map(|(.., values)| values.clone()).collect(),
        flush,
    });
    prop::collection::vec(batch, 1..12)
}

/// The figures of one probe, each batch read at once.
fn at_once(probe: &mut Probe, batches: &[Batch], phase: Phase) -> (Mean, TopK, R2) {
    let (mut loss, mut top, mut r2) = (Mean::new(), TopK::new(&[1]).unwrap(), R2::new(OUTPUTS));
    for batch in batches {
        let targets = match (probe.config().task, &batch.labels) {
            (Task::Regression { .. }, _) => Targets::Values(&batch.values),
            (Task::Classification { .. }, Some(labels)) => Targets::Labels(labels),
            (Task::Classification { .. }, None) => continue,
        };
        let output = match batch.phase {
            Phase::Train => probe.train_step(batch.tensor(), targets),
            Phase::Test => probe.evaluate(batch.tensor(), targets),
        };
        let output = output.unwrap();
        if batch.phase != phase {
            continue;
        }
        match targets {
            Targets::Labels(labels) => top.update(&output.predictions, CLASSES, labels).unwrap(),
            Targets::Values(values) => r2.update(&output.predictions, values).unwrap(),
        }
        loss.update(output.loss);
    }
    (loss, top, r2)
}

fn expected(batches: &[Batch]) -> (Metrics, Vec<Probe>) {
    let fresh = set();
    let (mut metrics, mut probes) = (Metrics::new(), Vec::new());
    for phase in Phase::ALL {
        probes = fresh.names().map(|name| fresh.probe(name).unwrap().clone()).collect();
        for probe in &mut probes {
            let (loss, top, r2) = at_once(probe, batches, phase);
            let name = probe.config().name.clone();
            let mut add = |figure: &str, value: Option<f64>| {
                if let Some(value) = value {
                    metrics.insert(format!("{name}_{figure}_{}", phase.name()), value);
                }
            };
            add("score", top.value(1).map(|share| 100.0 * share));
            add("score", r2.value().map(|score| score.mean()));
            add("score_second", r2.value().map(|score| score.outputs[1]));
            add("loss", loss.value());
        }
    }
    (metrics, probes)
}

fn bits(metrics: &Metrics) -> Vec<(String, u64)> {
    metrics.iter().map(|(name, value)| (name.to_owned(), value.to_bits())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn flushing_at_any_time_gives_the_same_bits(batches in batches()) {
        let (mut never, mut sometimes, mut always) = (set(), set(), set());
        for batch in &batches {
            batch.show(&mut never).unwrap();
            batch.show(&mut sometimes).unwrap();
            batch.show(&mut always).unwrap();
            always.flush().unwrap();
            if batch.flush {
                sometimes.flush().unwrap();
            }
        }
        let state = always.state_dict().unwrap();
        prop_assert_eq!(&never.state_dict().unwrap(), &state);
        prop_assert_eq!(&sometimes.state_dict().unwrap(), &state);
        let (metrics, probes) = expected(&batches);
        for probe in &probes {
            let queued = never.probe(&probe.config().name).unwrap();
            prop_assert_eq!(queued.state_dict(), probe.state_dict());
        }
        for set in [&mut never, &mut sometimes, &mut always] {
            prop_assert_eq!(bits(&set.finish_epoch().unwrap()), bits(&metrics));
        }
    }
}

fn good(phase: Phase) -> Batch {
    Batch {
        phase,
        features: vec![1.0, 0.0, -1.0, 0.5, 0.0, 2.0, 0.0, -0.5],
        labels: Some(vec![0, 2]),
        values: vec![0.1, 0.2, 0.3, 0.4],
        flush: false,
    }
}

#[test]
fn a_flush_names_the_update_whose_features_are_not_finite_and_a_clone_goes_back() {
    for phase in Phase::ALL {
        for bad in [f32::NAN, f32::INFINITY] {
            let mut probes = set();
            good(Phase::Train).show(&mut probes).unwrap();
            probes.flush().unwrap();
            let before = probes.clone();
            good(Phase::Train).show(&mut probes).unwrap();
            good(Phase::Test).show(&mut probes).unwrap();
            let mut batch = good(phase);
            batch.features[3] = bad;
            batch.show(&mut probes).unwrap();
            good(Phase::Train).show(&mut probes).unwrap();
            assert!(probes.state_dict().is_err());
            let UpdateError { update, cause, .. } = probes.flush().unwrap_err();
            assert_eq!(update, 2);
            let ProbeError::NonFinite { probe, step } = cause else { panic!("found {cause:?}") };
            assert_eq!((probe.as_str(), step), ("class", 3));
            // Counting starts anew.
            let mut again = before.clone();
            good(Phase::Train).show(&mut again).unwrap();
            again.flush().unwrap();
            let mut straight = before;
            good(Phase::Train).show(&mut straight).unwrap();
            assert_eq!(again.state_dict().unwrap(), straight.state_dict().unwrap());
        }
    }
}

#[test]
fn a_flush_tells_divergence_from_features() {
    let config = OnlineProbeConfig {
        name: "wild".into(),
        inputs: vec![("tokens".into(), WIDTH)],
        task: Task::Regression { outputs: OUTPUTS },
        target: Some("position".into()),
        network: Network::Linear,
        optimizer: OptimizerConfig::sgd(0.0),
        lr: 1e30,
        seed: 0,
        metrics: MetricNames::new("score", "loss"),
    };
    let mut probes = OnlineProbes::new(vec![config], &Device::flex()).unwrap();
    for _ in 0..6 {
        good(Phase::Train).show(&mut probes).unwrap();
    }
    let UpdateError { update, cause, .. } = probes.flush().unwrap_err();
    let ProbeError::Diverged { probe, step, lr } = cause else { panic!("found {cause:?}") };
    assert_eq!((probe.as_str(), step, lr), ("wild", update as u64 + 1, 1e30));
    assert!((1..4).contains(&update), "{update}");
    // What was queued is gone; the probe is still of no use.
    assert!(probes.flush().is_ok());
    good(Phase::Test).show(&mut probes).unwrap();
    assert_eq!(probes.flush().unwrap_err().update, 0);
}

/// A classifier whose logits leave the finite numbers has no accuracy either.
#[test]
fn a_diverged_classifier_is_found() {
    let config = OnlineProbeConfig {
        name: "class".into(),
        inputs: vec![("tokens".into(), WIDTH)],
        task: Task::Classification { classes: CLASSES },
        target: None,
        network: Network::Linear,
        optimizer: OptimizerConfig::sgd(0.0),
        lr: 1e38,
        seed: 0,
        metrics: MetricNames::new("score", "loss"),
    };
    let mut probes = OnlineProbes::new(vec![config], &Device::flex()).unwrap();
    // The first step overflows the weights.
    let mut batch = good(Phase::Train);
    batch.features.iter_mut().for_each(|value| *value *= 100.0);
    for _ in 0..2 {
        batch.show(&mut probes).unwrap();
    }
    let error = probes.finish_epoch().unwrap_err();
    assert_eq!(error.update, 1);
    assert!(matches!(error.cause, ProbeError::Diverged { step: 2, .. }), "{error}");
}

#[test]
fn a_refused_batch_teaches_no_probe_and_does_not_count() {
    let mut probes = set();
    let before = probes.state_dict().unwrap();
    // The second probe is the first to notice; the classifier before it has not learnt then.
    let mut batch = good(Phase::Train);
    batch.values[1] = f32::NAN;
    assert!(matches!(batch.show(&mut probes), Err(ProbeError::Input(_))));
    assert_eq!(probes.state_dict().unwrap(), before);
    let mut batch = good(Phase::Train);
    batch.features[0] = f32::NAN;
    batch.show(&mut probes).unwrap();
    assert_eq!(probes.flush().unwrap_err().update, 0);
}

//! The published set of online probes: names, figures, and resumption.

#![allow(clippy::cast_possible_truncation, reason = "small numbers of tests")]

use burn::tensor::{Device, Tensor, TensorData};
use seqjepa_nn::optimizer::OptimizerConfig;
use seqjepa_probes::online::{
    AGGREGATE, FIRST, MetricNames, OnlineProbeConfig, OnlineProbes, Phase, ProbeInputs, RELATIVE_ACTION,
    SECOND, StandardProbes,
};
use seqjepa_probes::{Metrics, Network, OutputGroup, Probe, ProbeError, Targets, Task};

const BATCH: usize = 8;

fn standard() -> StandardProbes {
    StandardProbes {
        invariant_width: 6,
        equivariant_width: 4,
        classes: Some(3),
        action_size: 9,
        groups: vec![
            OutputGroup::new("crop", 0..4),
            OutputGroup::new("jitter", 4..8),
            OutputGroup::new("blur", 8..9),
        ],
        hidden: 16,
        lr: 1e-2,
        seed: 42,
    }
}

/// A batch of features that hold the class (aggregate) and the action (difference of the pair).
struct Batch {
    aggregate: Tensor<2>,
    first: Tensor<2>,
    second: Tensor<2>,
    labels: Vec<u32>,
    relative: Vec<f32>,
}

/// Numbers in [-1, 1) without a pattern that a probe could use.
fn noise(index: u64) -> f32 {
    let mut state = index.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
}

fn batch(index: u64) -> Batch {
    let device = Device::flex();
    let tensor = |values: Vec<f32>, width: usize| {
        Tensor::<2>::from_data(TensorData::new(values, [BATCH, width]), &device)
    };
    let at = |slot: u64, row: usize, column: usize| {
        noise((index * 4 + slot) * 1000 + row as u64 * 20 + column as u64)
    };
    let labels: Vec<u32> = (0..BATCH).map(|row| (row as u32 + index as u32) % 3).collect();
    let grid = |slot, width| {
        (0..BATCH)
            .flat_map(move |row| (0..width).map(move |column| (row, column)))
            .map(move |(row, column)| at(slot, row, column))
    };
    let first: Vec<f32> = grid(0, 4).collect();
    let second: Vec<f32> = grid(1, 4).collect();
    let mut aggregate: Vec<f32> = grid(2, 6).collect();
    for (row, label) in labels.iter().enumerate() {
        aggregate[row * 6 + *label as usize] += 2.0;
    }
    let difference = |row: usize, column: usize| second[row * 4 + column] - first[row * 4 + column];
    let relative: Vec<f32> = (0..BATCH)
        .flat_map(|row| (0..9).map(move |column| (row, column)))
        .map(|(row, column)| difference(row, column % 4))
        .collect();
    Batch {
        aggregate: tensor(aggregate, 6),
        first: tensor(first, 4),
        second: tensor(second, 4),
        labels,
        relative,
    }
}

impl Batch {
    fn unlabelled(&self) -> ProbeInputs<'_> {
        ProbeInputs::new()
            .representation(AGGREGATE, self.aggregate.clone())
            .representation(FIRST, self.first.clone())
            .representation(SECOND, self.second.clone())
            .values(RELATIVE_ACTION, &self.relative)
    }

    fn inputs(&self) -> ProbeInputs<'_> {
        self.unlabelled().labels(&self.labels)
    }
}

fn epoch(probes: &mut OnlineProbes, start: u64) -> Metrics {
    for index in start..start + 60 {
        probes.update(Phase::Train, &batch(index).inputs()).unwrap();
    }
    for index in 0..20 {
        probes.update(Phase::Test, &batch(10_000 + index).inputs()).unwrap();
    }
    probes.finish_epoch().unwrap()
}

#[test]
fn the_standard_set_reports_the_published_names() {
    let mut probes = standard().init(&Device::flex()).unwrap();
    assert_eq!(
        probes.names().collect::<Vec<_>>(),
        ["online_lin", "online_equi", "leakage_lin", "leakage_act"]
    );
    let metrics = epoch(&mut probes, 0);
    let expected: Vec<String> = ["train", "test"]
        .iter()
        .flat_map(|phase| {
            [
                "online_linacc",
                "online_linloss",
                "online_r2",
                "online_r2_crop",
                "online_r2_jitter",
                "online_r2_blur",
                "online_r2_loss",
                "leakage_linacc",
                "leakage_linloss",
                "leakage_r2",
                "leakage_r2_crop",
                "leakage_r2_jitter",
                "leakage_r2_blur",
                "leakage_r2_loss",
            ]
            .map(|name| format!("{name}_{phase}"))
        })
        .collect();
    assert_eq!(metrics.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>(), expected);
}

#[test]
fn probes_find_what_is_there_and_not_what_is_not() {
    let mut probes = standard().init(&Device::flex()).unwrap();
    let first = epoch(&mut probes, 0);
    epoch(&mut probes, 100);
    let last = epoch(&mut probes, 200);
    let get = |name: &str| last.get(name).unwrap();
    assert!(get("online_linacc_test") > 90.0, "{last:?}");
    assert!(get("online_r2_test") > 0.8, "{last:?}");
    assert!(get("leakage_linacc_test") < 60.0, "{last:?}");
    assert!(get("leakage_r2_test") < 0.2, "{last:?}");
    assert!(get("online_linloss_test") < first.get("online_linloss_test").unwrap());
    let groups =
        4.0 * get("online_r2_crop_test") + 4.0 * get("online_r2_jitter_test") + get("online_r2_blur_test");
    assert!((groups / 9.0 - get("online_r2_test")).abs() < 1e-12);
}

/// Train figures are those of the predictions before each step, the loss a mean over batches.
#[test]
fn train_figures_precede_the_step() {
    let mut probes = standard().init(&Device::flex()).unwrap();
    let mut alone: Probe = probes.probe("online_lin").unwrap().clone();
    let batches: Vec<Batch> = (0..3).map(batch).collect();
    let (mut losses, mut hits) = (0.0, 0);
    for batch in &batches {
        probes.update(Phase::Train, &batch.inputs()).unwrap();
        let targets = Targets::Labels(&batch.labels);
        let before = alone.evaluate(batch.aggregate.clone(), targets).unwrap();
        alone.train_step(batch.aggregate.clone(), targets).unwrap();
        losses += before.loss;
        let best = |row: &[f32]| (0..3).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap() as u32;
        hits += before
            .predictions
            .chunks(3)
            .zip(&batch.labels)
            .filter(|(row, label)| best(row) == **label)
            .count();
    }
    let metrics = probes.finish_epoch().unwrap();
    assert!((metrics.get("online_linloss_train").unwrap() - losses / 3.0).abs() < 1e-6);
    assert_eq!(metrics.get("online_linacc_train").unwrap(), 100.0 * hits as f64 / (3 * BATCH) as f64);
    assert_eq!(metrics.get("online_linacc_test"), None);
    assert!(probes.finish_epoch().unwrap().is_empty(), "an epoch starts afresh");
}

#[test]
fn testing_teaches_nothing() {
    let mut probes = standard().init(&Device::flex()).unwrap();
    probes.update(Phase::Train, &batch(0).inputs()).unwrap();
    probes.finish_epoch().unwrap();
    let before = probes.probe("online_equi").unwrap().state_dict();
    probes.update(Phase::Test, &batch(1).inputs()).unwrap();
    assert_eq!(probes.probe("online_equi").unwrap().state_dict(), before);
}

#[test]
fn without_labels_the_classification_figures_are_absent() {
    let mut probes = standard().init(&Device::flex()).unwrap();
    probes.update(Phase::Train, &batch(0).unlabelled()).unwrap();
    let metrics = probes.finish_epoch().unwrap();
    assert!(metrics.iter().all(|(name, _)| name.contains("r2")), "{metrics:?}");
    let unlabelled = StandardProbes { classes: None, ..standard() }.init(&Device::flex()).unwrap();
    assert_eq!(unlabelled.names().collect::<Vec<_>>(), ["online_equi", "leakage_act"]);
    let passive = StandardProbes { action_size: 0, ..standard() }.init(&Device::flex()).unwrap();
    assert_eq!(passive.names().collect::<Vec<_>>(), ["online_lin", "leakage_lin"]);
}

#[test]
fn resuming_in_the_middle_of_an_epoch_gives_the_same_bits() {
    let mut whole = standard().init(&Device::flex()).unwrap();
    for index in 0..4 {
        whole.update(Phase::Train, &batch(index).inputs()).unwrap();
    }
    let mut resumed = StandardProbes { seed: 7, ..standard() }.init(&Device::flex()).unwrap();
    resumed.load_state_dict(whole.state_dict().unwrap()).unwrap();
    for probes in [&mut whole, &mut resumed] {
        for index in 4..8 {
            probes.update(Phase::Train, &batch(index).inputs()).unwrap();
        }
        probes.update(Phase::Test, &batch(100).inputs()).unwrap();
    }
    assert_eq!(whole.state_dict().unwrap(), resumed.state_dict().unwrap());
    assert_eq!(whole.finish_epoch().unwrap(), resumed.finish_epoch().unwrap());
}

#[test]
fn a_state_of_another_set_is_refused_whole() {
    let trained = {
        let mut probes = standard().init(&Device::flex()).unwrap();
        probes.update(Phase::Train, &batch(0).inputs()).unwrap();
        probes
    };
    let mut probes = standard().init(&Device::flex()).unwrap();
    let before = probes.state_dict().unwrap();

    let mut stranger = trained.state_dict().unwrap();
    stranger[0].0 = format!("other.{}", stranger[0].0);
    assert!(matches!(probes.load_state_dict(stranger), Err(ProbeError::State(_))));
    for index in 0..trained.state_dict().unwrap().len() {
        let mut incomplete = trained.state_dict().unwrap();
        let (name, _) = incomplete.remove(index);
        // A parameter without moments has not been updated yet: only a whole group may be absent.
        assert!(probes.load_state_dict(incomplete).is_err(), "without {name}");
    }
    let mut wider = StandardProbes { invariant_width: 7, ..standard() }.init(&Device::flex()).unwrap();
    assert!(wider.load_state_dict(trained.state_dict().unwrap()).is_err());
    assert_eq!(probes.state_dict().unwrap(), before);
}

#[test]
fn what_a_probe_needs_must_be_given() {
    let mut probes = standard().init(&Device::flex()).unwrap();
    let batch = batch(0);
    let inputs = ProbeInputs::new().representation(AGGREGATE, batch.aggregate.clone()).labels(&batch.labels);
    let missing = probes.update(Phase::Train, &inputs).unwrap_err();
    assert!(matches!(&missing, ProbeError::Missing { name, .. } if name == FIRST), "{missing}");
    let narrow = batch.inputs().representation(FIRST, batch.first.clone());
    assert!(probes.update(Phase::Train, &narrow).is_ok(), "the first of a name counts");
}

#[test]
fn clashing_or_senseless_sets_are_refused() {
    let device = Device::flex();
    let configs = standard().configs();
    let refused = |change: &dyn Fn(&mut Vec<OnlineProbeConfig>)| {
        let mut configs = configs.clone();
        change(&mut configs);
        OnlineProbes::new(configs, &device).is_err()
    };
    assert!(!refused(&|_| ()));
    assert!(refused(&|configs| configs[1].name = configs[0].name.clone()));
    assert!(refused(&|configs| configs[0].name = "a.b".to_owned()));
    assert!(refused(&|configs| configs[1].metrics = MetricNames::new("x", "x")));
    assert!(refused(&|configs| configs[1].target = None));
    assert!(refused(&|configs| configs[1].metrics.groups[0].range = 7..10));
    assert!(refused(&|configs| configs[1].network = Network::Mlp { hidden: 0 }));
    assert!(refused(&|configs| configs[0].task = Task::Classification { classes: 0 }));
}

/// Any number of label sets: fine classes without a name, coarse ones with.
#[test]
fn probes_learn_from_named_labels() {
    let probe = |name: &str, target: Option<&str>, classes| OnlineProbeConfig {
        name: name.into(),
        inputs: vec![("tokens".into(), 2)],
        task: Task::Classification { classes },
        target: target.map(str::to_owned),
        network: Network::Linear,
        optimizer: OptimizerConfig::adam(),
        lr: 0.05,
        seed: 1,
        metrics: MetricNames::new(format!("{name}_acc"), format!("{name}_loss")),
    };
    let configs =
        vec![probe("fine", None, 4), probe("coarse", Some("coarse"), 2), probe("other", Some("other"), 2)];
    let device = Device::flex();
    let mut probes = OnlineProbes::new(configs, &device).unwrap();
    let corners = [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]];
    for _ in 0..100 {
        let tokens = Tensor::<2>::from_data(corners, &device);
        let inputs = ProbeInputs::new().representation("tokens", tokens).labels(&[0, 1, 2, 3]);
        probes.update(Phase::Train, &inputs.named_labels("coarse", &[0, 0, 1, 1])).unwrap();
    }
    probes.finish_epoch().unwrap();
    let inputs = ProbeInputs::new().representation("tokens", Tensor::from_data(corners, &device));
    probes.update(Phase::Test, &inputs.labels(&[0, 1, 2, 3]).named_labels("coarse", &[0, 0, 1, 1])).unwrap();
    let metrics = probes.finish_epoch().unwrap();
    assert_eq!((metrics.get("fine_acc_test"), metrics.get("coarse_acc_test")), (Some(100.0), Some(100.0)));
    assert_eq!(metrics.get("other_acc_test"), None);
}

//! The frozen protocols on constructed features.

#![allow(clippy::cast_possible_truncation, reason = "small numbers of tests")]

use std::sync::Arc;

use burn::tensor::Device;
use seqjepa_nn::optimizer::OptimizerConfig;
use seqjepa_probes::frozen::{
    BoxError, FeatureBuffers, FeatureSet, FeatureSource, FrozenConfig, FrozenError, FrozenResult,
    RegressionTarget, Representation, Verdict, frozen_probes,
};
use seqjepa_probes::{Bootstrap, InputError, Network, OutputGroup};

const CLASSES: u32 = 6;

/// Numbers in [-1, 1) without a pattern that a probe could use.
fn noise(index: usize) -> f32 {
    let mut state = (index as u64).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
}

/// z_AGG (width 6) holds the class; z_1 and z_2 (width 4) hold the relative action: parameters 0
/// and 1 linearly, parameter 2 as a product, parameter 3 not at all.
fn set(start: usize, samples: usize) -> FeatureSet {
    let (mut aggregate, mut first, mut second) = (Vec::new(), Vec::new(), Vec::new());
    let (mut relative, mut labels) = (Vec::new(), Vec::new());
    for row in start..start + samples {
        let label = row as u32 % CLASSES;
        let at = |column: usize| noise(row * 31 + column);
        aggregate.extend((0..6).map(|column| 0.5 * at(column) + f32::from(u8::from(column as u32 == label))));
        first.extend((6..10).map(at));
        second.extend((10..14).map(at));
        relative.extend([at(10) - at(6), at(11) - at(7), at(12) * at(8), at(14)]);
        labels.push(label);
    }
    let buffers =
        FeatureBuffers { aggregate, first, second, relative, labels: Some(labels), ..Default::default() };
    FeatureSet::new(samples, buffers).unwrap()
}

fn groups() -> Vec<OutputGroup> {
    vec![OutputGroup::new("crop", 0..3), OutputGroup::new("blur", 3..4)]
}

fn short(config: FrozenConfig) -> FrozenConfig {
    FrozenConfig { epochs: 15, batch_size: 32, ..config }
}

fn run(config: &FrozenConfig, train: Vec<Arc<FeatureSet>>) -> Result<FrozenResult, FrozenError> {
    let (mut train, mut test) = (train, Arc::new(set(50_000, 300)));
    frozen_probes(config, &mut train, &mut test, &Device::flex(), &mut |_| ())
}

fn two_passes() -> Vec<Arc<FeatureSet>> {
    vec![Arc::new(set(0, 500)), Arc::new(set(1000, 500))]
}

#[test]
fn linear_probes_find_what_is_linear() {
    let result = run(&short(FrozenConfig::linear(Some(6), &groups())), two_passes()).unwrap();
    let protocol = &result.protocol;
    assert_eq!((protocol.name.as_str(), protocol.epochs, protocol.passes), ("linear", 15, 2));
    assert_eq!((protocol.train_samples, protocol.test_samples), (500, 300));
    assert_eq!(protocol.optimizer, OptimizerConfig::sgd(0.9));

    let top1 = result.top1(Representation::Aggregate).unwrap();
    assert!(top1 > 80.0, "{top1}");
    assert!(result.classifiers[0].top5.unwrap() >= top1);
    assert!(result.top1(Representation::First).unwrap() < 35.0);
    let crop = &result.regressors[0];
    assert!(crop.parameters[0] > 0.95 && crop.parameters[1] > 0.95, "{crop:?}");
    assert!(crop.parameters[2] < 0.1, "{crop:?}");
    assert!((crop.parameters.iter().sum::<f64>() / 3.0 - crop.r2.unwrap()).abs() < 1e-12);
    let blur = result.r2("blur").unwrap();
    assert!((-0.2..0.1).contains(&blur), "{blur}");
    assert_eq!(result.mean_r2().unwrap(), (crop.r2.unwrap() + blur) / 2.0);
    let text = serde_json::to_string(&result).unwrap();
    assert_eq!(serde_json::from_str::<FrozenResult>(&text).unwrap().protocol, result.protocol);
}

/// Groups of several numbers through an MLP.
fn network(group: &OutputGroup) -> Network {
    if group.range.len() > 1 { FrozenConfig::MLP } else { Network::Linear }
}

#[test]
fn the_papers_mlp_finds_what_is_not_linear() {
    let mut config = short(FrozenConfig::paper(Some(6), &groups(), network));
    assert_eq!(config.regressors[0].network, Network::Mlp { hidden: 1024 });
    assert_eq!(config.regressors[1].network, Network::Linear);
    config.regressors[0].network = Network::Mlp { hidden: 64 };
    config.epochs = 40;
    let result = run(&config, two_passes()).unwrap();
    assert_eq!(result.protocol.name, "paper");
    assert!(result.regressors[0].parameters[2] > 0.5, "{:?}", result.regressors[0]);
}

#[test]
fn one_seed_gives_the_same_bits_at_any_thread_count() {
    let config = short(FrozenConfig::paper(Some(6), &groups(), network));
    let config = FrozenConfig { epochs: 2, ..config };
    let on = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let config = FrozenConfig { seed, ..config.clone() };
        pool.install(|| run(&config, two_passes()).unwrap())
    };
    assert_eq!(on(1, 3), on(3, 3));
    assert_ne!(on(1, 3).classifiers, on(1, 4).classifiers);
}

#[test]
fn a_diverged_probe_says_so_and_spares_the_others() {
    // Values of 1e12 make one SGD step at 0.1 leave f32; the aggregate is as before.
    let wild = |start| {
        let tame = set(start, 100);
        let rows: Vec<usize> = (0..100).collect();
        let aggregate = tame.rows(Representation::Aggregate, &rows);
        let first: Vec<f32> =
            tame.rows(Representation::First, &rows).iter().map(|value| value * 1e12).collect();
        let actions = tame.target_rows(RegressionTarget::Relative, &rows, &(0..4));
        let labels = tame.labels().map(<[u32]>::to_vec);
        let second = first.clone();
        let buffers =
            FeatureBuffers { aggregate, first, second, relative: actions, labels, ..Default::default() };
        FeatureSet::new(100, buffers).unwrap()
    };
    let config = short(FrozenConfig::linear(Some(6), &groups()));
    let mut test = Arc::new(wild(9000));
    let result =
        frozen_probes(&config, &mut Arc::new(wild(0)), &mut test, &Device::flex(), &mut |_| ()).unwrap();
    for regressor in &result.regressors {
        let Verdict::Diverged { epoch: 1.., advice } = &regressor.verdict else {
            panic!("expected divergence, found {regressor:?}");
        };
        assert!(advice.contains("standardise"), "{advice}");
        assert_eq!((regressor.r2, regressor.parameters.len()), (None, 0));
    }
    assert_eq!(result.mean_r2(), None);
    assert_eq!(result.classifiers[0].verdict, Verdict::Trained);
    assert!(result.top1(Representation::Aggregate).unwrap() > 50.0);
}

/// A single step leaves weights that only the test rows show to be useless.
#[test]
fn a_probe_that_diverges_in_its_last_step_has_no_figures() {
    let config =
        FrozenConfig { epochs: 1, batch_size: 500, lr: 1e38, ..FrozenConfig::linear(Some(6), &groups()) };
    let result = run(&config, vec![Arc::new(set(0, 500))]).unwrap();
    let regressor = &result.regressors[0];
    assert!(matches!(regressor.verdict, Verdict::Diverged { epoch: 1, .. }), "{regressor:?}");
    assert_eq!((regressor.r2, regressor.parameters.len()), (None, 0));
    assert!(
        result.classifiers.iter().all(|found| found.top1.is_some() == (found.verdict == Verdict::Trained))
    );
}

/// The published learning rate where it does not diverge, to the bit; a lower one where it does, and the result says which.
#[test]
fn a_diverging_probe_begins_anew_at_a_lower_learning_rate() {
    let published = short(FrozenConfig::linear(Some(6), &groups()));
    let lowering = FrozenConfig { lower_lr: true, ..published.clone() };
    assert_eq!(run(&published, two_passes()).unwrap(), run(&lowering, two_passes()).unwrap());

    let far = |start: usize| {
        let first: Vec<f32> = (0..400 * 4).map(|index| 100.0 * noise(start + index)).collect();
        let second = (0..400 * 4).map(|index| 100.0 * noise(start + 4000 + index)).collect();
        let relative = first.chunks(4).flat_map(|row| [0.01 * row[0], 0.01 * (row[1] - row[2])]).collect();
        let buffers = FeatureBuffers { first, second, relative, ..Default::default() };
        Arc::new(FeatureSet::new(400, buffers).unwrap())
    };
    let (train, test) = (far(0), far(1 << 20));
    let config = FrozenConfig {
        epochs: 30,
        batch_size: 32,
        lower_lr: true,
        ..FrozenConfig::linear(None, &[OutputGroup::new("both", 0..2)])
    };
    let fit = |config: &FrozenConfig| {
        frozen_probes(config, &mut train.clone(), &mut test.clone(), &Device::flex(), &mut |_| ()).unwrap()
    };
    let found = &fit(&config).regressors[0];
    assert_eq!(found.verdict, Verdict::Trained);
    assert!(found.lowered_lr.is_some_and(|lr| lr < 0.1), "{found:?}");
    assert!(found.r2.unwrap() > 0.9, "{found:?}");
    let published = &fit(&FrozenConfig { lower_lr: false, ..config }).regressors[0];
    assert!(matches!(published.verdict, Verdict::Diverged { .. }), "{published:?}");
}

/// Features around 1000 make SGD at 0.1 diverge; standardized, they are as good as any.
#[test]
fn standardized_features_do_not_diverge() {
    let far = |start| {
        let near = set(start, 300);
        let rows: Vec<usize> = (0..300).collect();
        let aggregate = near.rows(Representation::Aggregate, &rows).iter().map(|value| value + 1e3).collect();
        let labels = near.labels().map(<[u32]>::to_vec);
        let buffers = FeatureBuffers { aggregate, labels, ..Default::default() };
        Arc::new(FeatureSet::new(300, buffers).unwrap())
    };
    let top1 = |standardize| {
        let config = FrozenConfig { standardize, ..short(FrozenConfig::linear(Some(6), &[])) };
        let (mut train, mut test) = (far(0), far(7000));
        let result = frozen_probes(&config, &mut train, &mut test, &Device::flex(), &mut |_| ()).unwrap();
        assert_eq!(result.protocol.standardized, standardize);
        result.top1(Representation::Aggregate).unwrap()
    };
    assert!(top1(true) > 80.0);
    assert!(top1(false) < 50.0);
}

#[test]
fn what_is_not_there_is_left_out() {
    let unlabelled = |start| {
        let full = set(start, 60);
        let rows: Vec<usize> = (0..60).collect();
        let aggregate = full.rows(Representation::Aggregate, &rows);
        let relative = full.target_rows(RegressionTarget::Relative, &rows, &(0..4));
        let buffers = FeatureBuffers { aggregate, relative, ..Default::default() };
        Arc::new(FeatureSet::new(60, buffers).unwrap())
    };
    let config = short(FrozenConfig::linear(Some(6), &groups()));
    let (mut train, mut test) = (unlabelled(0), unlabelled(100));
    let result = frozen_probes(&config, &mut train, &mut test, &Device::flex(), &mut |_| ()).unwrap();
    assert!(result.classifiers.is_empty() && result.regressors.is_empty());
    assert_eq!(result.mean_r2(), None);
}

#[test]
fn classes_missing_from_the_test_split_and_few_samples_are_no_trouble() {
    let config = FrozenConfig { epochs: 2, ..short(FrozenConfig::linear(Some(50), &groups())) };
    let (mut train, mut test) = (Arc::new(set(0, 5)), Arc::new(set(70, 1)));
    let result = frozen_probes(&config, &mut train, &mut test, &Device::flex(), &mut |_| ()).unwrap();
    assert!(result.top1(Representation::Aggregate).is_some());
    assert_eq!(result.r2("crop"), None, "one sample has no R²");
}

#[test]
fn progress_and_passes_are_as_documented() {
    struct Recorder(Vec<usize>);
    impl FeatureSource for Recorder {
        fn passes(&self) -> usize {
            3
        }
        fn pass(&mut self, pass: usize) -> Result<Arc<FeatureSet>, BoxError> {
            self.0.push(pass);
            Ok(Arc::new(set(pass * 100, 40)))
        }
    }
    let mut train = Recorder(Vec::new());
    let mut seen = Vec::new();
    let config = FrozenConfig { epochs: 5, ..short(FrozenConfig::linear(Some(6), &groups())) };
    let mut test = Arc::new(set(900, 40));
    frozen_probes(&config, &mut train, &mut test, &Device::flex(), &mut |progress| {
        assert!(progress.loss.unwrap() > 0.0);
        seen.push((progress.epoch, progress.epochs));
    })
    .unwrap();
    assert_eq!(train.0, [0, 1, 2, 0, 1]);
    assert_eq!(seen, [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]);
}

#[test]
fn bad_features_and_settings_are_refused() {
    let none = FeatureBuffers::default;
    let refused = |samples, buffers| FeatureSet::new(samples, buffers).unwrap_err().to_string();
    let nan = FeatureBuffers { aggregate: vec![0.0, f32::NAN], ..none() };
    assert!(refused(2, nan).contains("aggregate must be finite"));
    assert!(refused(2, FeatureBuffers { aggregate: vec![0.0; 3], ..none() }).contains("multiple of 2"));
    assert!(refused(2, FeatureBuffers { first: vec![0.0; 2], ..none() }).contains("second"));
    assert!(refused(2, FeatureBuffers { labels: Some(vec![0]), ..none() }).contains("labels"));
    assert!(refused(0, none()).contains("above 0"));

    let good = || short(FrozenConfig::linear(Some(6), &groups()));
    let label = run(&FrozenConfig { classes: Some(5), ..good() }, two_passes()).unwrap_err();
    assert!(matches!(label, FrozenError::Input(InputError::Label { label: 5, classes: 5, .. })));
    assert!(run(&FrozenConfig { epochs: 0, ..good() }, two_passes()).is_err());
    assert!(run(&FrozenConfig { batch_size: 0, ..good() }, two_passes()).is_err());
    assert!(run(&good(), vec![]).is_err());
    let beyond = [OutputGroup::new("crop", 2..5)];
    assert!(run(&FrozenConfig::linear(Some(6), &beyond), two_passes()).is_err());
}

#[test]
fn a_failing_source_is_named() {
    struct Broken;
    impl FeatureSource for Broken {
        fn passes(&self) -> usize {
            1
        }
        fn pass(&mut self, _pass: usize) -> Result<Arc<FeatureSet>, BoxError> {
            Err("the disk is gone".into())
        }
    }
    let config = short(FrozenConfig::linear(Some(6), &groups()));
    let mut train = Arc::new(set(0, 40));
    let error = frozen_probes(&config, &mut train, &mut Broken, &Device::flex(), &mut |_| ()).unwrap_err();
    assert!(matches!(&error, FrozenError::Source { split: "test", pass: 0, .. }), "{error}");
}

/// As [`set`], with absolute parameters: 0 linear in z_1, 1 not in it at all; and the first relative
/// parameter leaking into z_AGG.
fn leaking(start: usize, samples: usize) -> FeatureSet {
    let clean = set(start, samples);
    let rows: Vec<usize> = (0..samples).collect();
    let read = |representation| clean.rows(representation, &rows);
    let (mut aggregate, first) = (read(Representation::Aggregate), read(Representation::First));
    let pair = read(Representation::Pair);
    let second = pair.chunks(8).flat_map(|row| &row[4..]).copied().collect();
    let relative = clean.target_rows(RegressionTarget::Relative, &rows, &(0..4));
    for (row, action) in aggregate.chunks_mut(6).zip(relative.chunks(4)) {
        row[5] = action[0];
    }
    let absolute =
        first.chunks(4).enumerate().flat_map(|(row, first)| [first[0] - first[1], noise(start + row)]);
    let buffers = FeatureBuffers {
        absolute: absolute.collect(),
        labels: clean.labels().map(<[u32]>::to_vec),
        aggregate,
        first,
        second,
        relative,
    };
    FeatureSet::new(samples, buffers).unwrap()
}

#[test]
fn leakage_and_absolute_parameters_are_regressed_beside_the_published_probes() {
    let published = short(FrozenConfig::linear(Some(6), &groups()));
    let singles = |count: usize| -> Vec<OutputGroup> {
        (0..count).map(|index| OutputGroup::new(index.to_string(), index..index + 1)).collect()
    };
    let more = published
        .clone()
        .with_linear_regressors(Representation::Aggregate, RegressionTarget::Relative, &singles(4))
        .with_linear_regressors(Representation::First, RegressionTarget::Absolute, &singles(2));
    let run = |config: &FrozenConfig| {
        let (mut train, mut test) = (Arc::new(leaking(0, 500)), Arc::new(leaking(50_000, 300)));
        frozen_probes(config, &mut train, &mut test, &Device::flex(), &mut |_| ()).unwrap()
    };
    let (plain, result) = (run(&published), run(&more));
    assert_eq!(result.classifiers, plain.classifiers);
    assert_eq!(result.regressors[..2], plain.regressors);
    assert_eq!((result.r2("crop"), result.mean_r2()), (plain.r2("crop"), plain.mean_r2()));

    let r2 = |representation, target, name: &str| {
        result.regressor(representation, target, name).unwrap().r2.unwrap()
    };
    assert!(r2(Representation::Aggregate, RegressionTarget::Relative, "0") > 0.9);
    assert!(r2(Representation::Aggregate, RegressionTarget::Relative, "1") < 0.1);
    assert!(r2(Representation::First, RegressionTarget::Absolute, "0") > 0.9);
    assert!(r2(Representation::First, RegressionTarget::Absolute, "1") < 0.1);
    assert_eq!(result.regressor(Representation::First, RegressionTarget::Relative, "0"), None);

    let missing =
        published.with_linear_regressors(Representation::First, RegressionTarget::Absolute, &singles(1));
    let (mut train, mut test) = (Arc::new(set(0, 50)), Arc::new(set(100, 50)));
    let error = frozen_probes(&missing, &mut train, &mut test, &Device::flex(), &mut |_| ()).unwrap_err();
    assert!(matches!(error, FrozenError::Input(InputError::Setting { .. })), "{error}");
}

#[test]
fn figures_carry_intervals() {
    let config = short(FrozenConfig::linear(Some(6), &groups()));
    let result = run(&config, two_passes()).unwrap();
    let within = |value: Option<f64>, interval: Option<[f64; 2]>| {
        let ([low, high], value) = (interval.unwrap(), value.unwrap());
        assert!(low <= value && value <= high, "{low} {value} {high}");
    };
    for classifier in &result.classifiers {
        within(classifier.top1, classifier.top1_interval);
        within(classifier.top5, classifier.top5_interval);
    }
    for regressor in &result.regressors {
        within(regressor.r2, regressor.r2_interval);
        for (value, interval) in regressor.parameters.iter().zip(&regressor.parameter_intervals) {
            within(Some(*value), Some(*interval));
        }
        assert_eq!(regressor.parameters.len(), regressor.parameter_intervals.len());
    }
    let without = FrozenConfig { bootstrap: Bootstrap::none(), ..config };
    let result = run(&without, two_passes()).unwrap();
    assert_eq!((result.classifiers[0].top1_interval, result.regressors[0].r2_interval), (None, None));
}

/// Files from before there were intervals and further regressors still read.
#[test]
fn older_configurations_and_results_read() {
    let regressor = r#"{"group": {"name": "crop", "range": {"start": 0, "end": 4}}, "network": "linear"}"#;
    let read: seqjepa_probes::frozen::Regressor = serde_json::from_str(regressor).unwrap();
    assert_eq!((read.representation, read.target), (Representation::Pair, RegressionTarget::Relative));
}

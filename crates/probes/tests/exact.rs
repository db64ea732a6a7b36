//! Exact probes against scikit-learn, in odd cases, and at several thread counts.

use seqjepa_probes::exact::{Logistic, LogisticConfig, Ridge, RidgeConfig, classification, regression};
use seqjepa_probes::{
    Bootstrap, Features, InputError, Labelled, NumericError, OutputGroup, TargetNames, Targeted,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct RidgeFixture {
    alphas: Vec<f64>,
    cases: Vec<RidgeCase>,
}

#[derive(Deserialize)]
struct RidgeCase {
    name: String,
    width: usize,
    train: Vec<f32>,
    train_targets: Vec<f32>,
    test: Vec<f32>,
    test_targets: Vec<f32>,
    fits: Vec<RidgeFit>,
}

#[derive(Deserialize)]
struct RidgeFit {
    standardize: bool,
    shared: bool,
    alphas: Vec<f64>,
    errors: Vec<f64>,
    predictions: Vec<f64>,
    r2: Vec<f64>,
}

fn names() -> TargetNames {
    TargetNames::new(["a", "b", "c"]).with_groups([OutputGroup::new("ab", 0..2)])
}

/// Both sides solve the same problem in f64, from numbers that f32 holds exactly; scikit-learn by an
/// SVD, this crate by eigendecompositions, which keep about eight digits of the smallest penalties'
/// solutions. Where the constant output's errors are zero for every penalty, scikit-learn takes the
/// smallest penalty and this crate the largest; the predictions are the same.
#[test]
fn ridge_agrees_with_scikit_learn() {
    let fixture: RidgeFixture = serde_json::from_str(include_str!("fixtures/ridge.json")).unwrap();
    for case in &fixture.cases {
        let train = Features::new(&case.train, case.width).unwrap();
        let test = Features::new(&case.test, case.width).unwrap();
        let train = Targeted::new(train, &case.train_targets, 3).unwrap();
        let test = Targeted::new(test, &case.test_targets, 3).unwrap();
        for fit in &case.fits {
            let context = format!("{}, standardized {}, shared {}", case.name, fit.standardize, fit.shared);
            let config = RidgeConfig {
                penalties: fixture.alphas.clone(),
                standardize: fit.standardize,
                shared_penalty: fit.shared,
            };
            let ridge = Ridge::fit(&train, &config).unwrap();
            let outputs = if fit.shared { 0..3 } else { 0..2 };
            for output in outputs {
                let (got, expected) = (ridge.penalties()[output], fit.alphas[output]);
                assert!((got / expected - 1.0).abs() < 1e-12, "{context}: penalty {got} for {expected}");
            }
            let errors = ridge.leave_one_out_errors();
            if fit.shared {
                let mean = errors.iter().sum::<f64>() / 3.0;
                assert!((mean / fit.errors[0] - 1.0).abs() < 1e-6, "{context}: {mean} for {:?}", fit.errors);
            } else {
                for (got, expected) in errors.iter().zip(&fit.errors).take(2) {
                    assert!((got / expected - 1.0).abs() < 1e-6, "{context}: {got} for {expected}");
                }
            }
            let predictions = ridge.predict(test.features()).unwrap();
            for (got, expected) in predictions.iter().zip(&fit.predictions) {
                assert!(
                    (got - expected).abs() < 1e-7 * expected.abs().max(1.0),
                    "{context}: {got} for {expected}"
                );
            }
            let result = regression(&train, &test, &names(), &config, &Bootstrap::none()).unwrap();
            for (score, expected) in result.scores.outputs.iter().zip(&fit.r2) {
                let got = score.r2.unwrap().value;
                assert!(
                    (got - expected).abs() < 1e-8 * expected.abs().max(1.0),
                    "{context}: {got} for {expected}"
                );
            }
            assert!(result.scores.outputs[2].constant);
        }
    }
}

/// The weights as they are handed out make the same predictions.
#[test]
fn ridge_weights_are_for_the_features_as_given() {
    let fixture: RidgeFixture = serde_json::from_str(include_str!("fixtures/ridge.json")).unwrap();
    let case = &fixture.cases[0];
    let features = Features::new(&case.train, case.width).unwrap();
    let data = Targeted::new(features.clone(), &case.train_targets, 3).unwrap();
    let ridge = Ridge::fit(&data, &RidgeConfig::default()).unwrap();
    let (weights, intercepts) = (ridge.weights(), ridge.intercepts());
    let predictions = ridge.predict(&features).unwrap();
    for (row, predictions) in case.train.chunks(case.width).zip(predictions.chunks(3)) {
        for (output, prediction) in predictions.iter().enumerate() {
            let weights = &weights[output * case.width..][..case.width];
            let sum: f64 = row.iter().zip(weights).map(|(x, w)| f64::from(*x) * w).sum();
            assert!((sum + intercepts[output] - prediction).abs() < 1e-9);
        }
    }
}

/// Leave-one-out by leaving one out.
#[test]
fn leave_one_out_errors_are_those_of_refits() {
    let (samples, width) = (14, 4);
    let values: Vec<f32> = (0..samples * width).map(|i| ((i * i % 31) as f32 * 0.7).sin()).collect();
    let targets: Vec<f32> = (0..samples).map(|i| ((i * 5 % 13) as f32 * 0.9).cos() + 3.0).collect();
    for width in [4, 14] {
        let values = &values[..(values.len() / width) * width];
        let samples = values.len() / width;
        let config = RidgeConfig { penalties: vec![0.3], standardize: false, shared_penalty: false };
        let features = Features::new(values, width).unwrap();
        let all = Targeted::new(features, &targets[..samples], 1).unwrap();
        let got = Ridge::fit(&all, &config).unwrap().leave_one_out_errors()[0];
        let mut sum = 0.0;
        for left in 0..samples {
            let mut rest = values.to_vec();
            let out: Vec<f32> = rest.drain(left * width..(left + 1) * width).collect();
            let mut rest_targets = targets[..samples].to_vec();
            let target = rest_targets.remove(left);
            let rest = Targeted::new(Features::new(&rest, width).unwrap(), &rest_targets, 1).unwrap();
            let ridge = Ridge::fit(&rest, &config).unwrap();
            let prediction = ridge.predict(&Features::new(&out, width).unwrap()).unwrap()[0];
            sum += (prediction - f64::from(target)).powi(2);
        }
        let expected = sum / samples as f64;
        assert!((got / expected - 1.0).abs() < 1e-9, "width {width}: {got} for {expected}");
    }
}

#[derive(Deserialize)]
struct LogisticFixture {
    cases: Vec<LogisticCase>,
}

#[derive(Deserialize)]
struct LogisticCase {
    name: String,
    width: usize,
    classes: usize,
    train: Vec<f32>,
    train_labels: Vec<u32>,
    test: Vec<f32>,
    test_labels: Vec<u32>,
    fits: Vec<LogisticFit>,
}

#[derive(Deserialize)]
struct LogisticFit {
    standardize: bool,
    c: f64,
    weights: Vec<f64>,
    probabilities: Vec<f64>,
    predictions: Vec<u32>,
    accuracy: f64,
}

/// scikit-learn stops at a gradient of 1e-12 or when the loss no longer changes, about 1e-8 from the
/// optimum in the weights; predictions are equal, probabilities to 1e-5.
#[test]
fn logistic_regression_agrees_with_scikit_learn() {
    let fixture: LogisticFixture = serde_json::from_str(include_str!("fixtures/logistic.json")).unwrap();
    for case in &fixture.cases {
        let train = Features::new(&case.train, case.width).unwrap();
        let test = Features::new(&case.test, case.width).unwrap();
        let train = Labelled::new(train, &case.train_labels).unwrap();
        let test = Labelled::new(test, &case.test_labels).unwrap();
        for fit in &case.fits {
            let context = format!("{}, standardized {}, C {}", case.name, fit.standardize, fit.c);
            let config = LogisticConfig {
                inverse_penalties: vec![fit.c],
                standardize: fit.standardize,
                tolerance: 1e-9,
                ..Default::default()
            };
            let logistic = Logistic::fit(&train, case.classes, &config).unwrap();
            assert!(logistic.convergence().converged, "{context}: {:?}", logistic.convergence());
            let logits = logistic.logits(test.features()).unwrap();
            for (row, expected) in logits.chunks(case.classes).zip(fit.probabilities.chunks(case.classes)) {
                let sum: f64 = row.iter().map(|logit| logit.exp()).sum();
                for (logit, expected) in row.iter().zip(expected) {
                    let got = logit.exp() / sum;
                    assert!((got - expected).abs() < 1e-5, "{context}: {got} for {expected}");
                }
            }
            assert_eq!(logistic.predict(test.features()).unwrap(), fit.predictions, "{context}");
            let result = classification(&train, &test, case.classes, &config, &Bootstrap::none()).unwrap();
            assert!((result.top1.unwrap().value - 100.0 * fit.accuracy).abs() < 1e-9, "{context}");

            // scikit-learn's weights are those of scaled features, and with two classes the difference.
            if !fit.standardize {
                let weights = logistic.weights();
                let got: Vec<f64> = if case.classes == 2 {
                    (0..case.width).map(|i| weights[case.width + i] - weights[i]).collect()
                } else {
                    weights
                };
                for (got, expected) in got.iter().zip(&fit.weights) {
                    assert!(
                        (got - expected).abs() < 1e-4 * expected.abs().max(0.1),
                        "{context}: {got} for {expected}"
                    );
                }
            }
        }
    }
}

#[derive(Deserialize)]
struct Optima {
    cases: Vec<OptimumCase>,
}

#[derive(Deserialize)]
struct OptimumCase {
    name: String,
    width: usize,
    classes: usize,
    train: Vec<f32>,
    train_labels: Vec<u32>,
    test: Vec<f32>,
    fits: Vec<Optimum>,
}

#[derive(Deserialize)]
struct Optimum {
    c: f64,
    probabilities: Vec<f64>,
}

/// As `LogisticConfig` comes: the probabilities of the optimum, at penalties that hardly hold anything too. The fixture is
/// scikit-learn's solution after further steps of Newton's method; f64 leaves some eight digits at the weakest penalty.
#[test]
fn the_default_fit_is_the_optimum() {
    let fixture: Optima = serde_json::from_str(include_str!("fixtures/optimum.json")).unwrap();
    for case in &fixture.cases {
        let train = Features::new(&case.train, case.width).unwrap();
        let train = Labelled::new(train, &case.train_labels).unwrap();
        let test = Features::new(&case.test, case.width).unwrap();
        for fit in &case.fits {
            let config = LogisticConfig { inverse_penalties: vec![fit.c], ..Default::default() };
            let logistic = Logistic::fit(&train, case.classes, &config).unwrap();
            let context = format!("{}, C {}: {:?}", case.name, fit.c, logistic.convergence());
            assert!(logistic.convergence().converged, "{context}");
            let logits = logistic.logits(&test).unwrap();
            for (row, expected) in logits.chunks(case.classes).zip(fit.probabilities.chunks(case.classes)) {
                let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = row.iter().map(|logit| (logit - largest).exp()).sum();
                for (logit, expected) in row.iter().zip(expected) {
                    let got = (logit - largest).exp() / sum;
                    assert!((got - expected).abs() < 1e-7, "{context}: {got} for {expected}");
                }
            }
        }
    }
}

/// Above a thousand parameters, where L-BFGS goes on for longest; held to its own end of a thousand times less.
#[test]
fn large_problems_end_at_the_optimum_too() {
    let (samples, width, classes) = (700, 90, 14);
    let mut values = wave(samples * width);
    let labels: Vec<u32> = (0..700).map(|row| row * 31 % 14).collect();
    for (row, label) in values.chunks_mut(width).zip(&labels) {
        row[*label as usize] += 0.4;
        // Correlated, as features are.
        for column in 1..width {
            row[column] += 0.8 * row[column - 1];
        }
    }
    let features = Features::new(&values, width).unwrap();
    let data = Labelled::new(features.clone(), &labels).unwrap();
    for c in [1e-2, 1.0, 1e4] {
        let probabilities = |tolerance: f64| {
            let config = LogisticConfig {
                inverse_penalties: vec![c],
                tolerance,
                max_iterations: 10_000,
                ..Default::default()
            };
            let logistic = Logistic::fit(&data, classes, &config).unwrap();
            assert!(logistic.convergence().converged, "C {c}: {:?}", logistic.convergence());
            let share = |logits: &[f64]| -> Vec<f64> {
                let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
                logits.iter().map(|logit| logit.exp() / sum).collect()
            };
            logistic.logits(&features).unwrap().chunks(classes).flat_map(share).collect::<Vec<_>>()
        };
        let (found, expected) = (probabilities(LogisticConfig::default().tolerance), probabilities(1e-9));
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "C {c}: {found} for {expected}");
        }
    }
}

/// A class for every sample would ask for weights that nobody has memory for.
#[test]
fn more_weights_than_memory_are_refused() {
    let samples = 6000;
    let values = vec![0.5; samples * 6000];
    let labels: Vec<u32> = (0..6000).collect();
    let data = Labelled::new(Features::new(&values, 6000).unwrap(), &labels).unwrap();
    let refused = Logistic::fit(&data, samples, &LogisticConfig::default());
    assert!(matches!(refused, Err(NumericError::Input(InputError::Setting { .. }))));
}

/// Sixty samples of 20 000 features, as pictures that are probed for themselves.
#[test]
fn many_more_features_than_samples_need_no_matrix_of_features() {
    let (samples, width) = (60, 20_000);
    let values = wave(samples * width);
    let labels: Vec<u32> = (0..60).map(|row| row % 3).collect();
    let data = Labelled::new(Features::new(&values, width).unwrap(), &labels).unwrap();
    let logistic = Logistic::fit(&data, 3, &LogisticConfig::default()).unwrap();
    assert!(logistic.convergence().converged, "{:?}", logistic.convergence());
    assert_eq!(logistic.predict(data.features()).unwrap(), labels);
}

fn wave(count: usize) -> Vec<f32> {
    (0..count).map(|index| ((index * index % 1013) as f32 * 0.37).sin()).collect()
}

/// The choice of C generalises: on noise the strongest penalty, on clean classes a weak one.
#[test]
fn c_is_chosen_on_held_out_samples() {
    let (samples, width) = (400, 10);
    let values = wave(samples * width);
    let features = Features::new(&values, width).unwrap();
    let clean: Vec<u32> =
        values.chunks(width).map(|row| u32::from(row[0] + row[1] > 0.0) + u32::from(row[2] > 0.3)).collect();
    let config = LogisticConfig::default();
    let fit = |labels: &[u32]| {
        Logistic::fit(&Labelled::new(features.clone(), labels).unwrap(), 3, &config).unwrap()
    };
    let fitted = fit(&clean);
    assert!(fitted.inverse_penalty() >= 0.01, "{}", fitted.inverse_penalty());
    assert!(fitted.convergence().converged);
    assert_eq!(fitted.weights(), fit(&clean).weights());
}

/// The same bits with one thread and with several.
#[test]
fn thread_counts_do_not_matter() {
    let (samples, width) = (9000, 24);
    let values = wave(samples * width);
    let features = Features::new(&values, width).unwrap();
    let targets: Vec<f32> = values.chunks(width).flat_map(|row| [row[0] * row[1], row[2] + row[3]]).collect();
    let labels: Vec<u32> =
        values.chunks(width).map(|row| u32::from(row[0] > 0.0) + 2 * u32::from(row[1] > row[2])).collect();
    let run = || {
        let data = Targeted::new(features.clone(), &targets, 2).unwrap();
        let ridge = Ridge::fit(&data, &RidgeConfig::default()).unwrap();
        let data = Labelled::new(features.clone(), &labels).unwrap();
        let config =
            LogisticConfig { inverse_penalties: vec![0.01, 1.0], tolerance: 1e-4, ..Default::default() };
        let result = classification(&data, &data, 4, &config, &Bootstrap::default()).unwrap();
        (ridge.weights(), ridge.predict(&features).unwrap(), result)
    };
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let one = pool(1).install(run);
    assert!(one == pool(2).install(run));
    assert!(one == pool(5).install(run));
}

/// Nor where features are too many to be held rotated.
#[test]
fn thread_counts_do_not_matter_to_many_samples() {
    let (samples, width) = (70_000, 31);
    let values = wave(samples * width);
    let features = Features::new(&values, width).unwrap();
    let labels: Vec<u32> =
        values.chunks(width).map(|row| u32::from(row[0] > 0.0) + u32::from(row[1] > row[2])).collect();
    let run = || {
        let data = Labelled::new(features.clone(), &labels).unwrap();
        let config = LogisticConfig { inverse_penalties: vec![1e-3], ..Default::default() };
        let logistic = Logistic::fit(&data, 3, &config).unwrap();
        (logistic.weights(), logistic.loss(), logistic.convergence())
    };
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let one = pool(1).install(run);
    assert!(one.2.converged, "{:?}", one.2);
    assert!(one == pool(3).install(run));
}

#[test]
fn a_single_sample_and_none() {
    let one = Features::new(&[1.0, 2.0], 2).unwrap();
    let none = Features::new(&[], 2).unwrap();
    let names = TargetNames::new(["a"]);
    let (ridge, logistic, bootstrap) =
        (RidgeConfig::default(), LogisticConfig::default(), Bootstrap::default());

    let train = Targeted::new(one.clone(), &[3.5], 1).unwrap();
    let fitted = Ridge::fit(&train, &ridge).unwrap();
    assert_eq!(fitted.predict(&Features::new(&[9.0, 9.0], 2).unwrap()).unwrap(), [3.5]);
    let result = regression(&train, &train, &names, &ridge, &bootstrap).unwrap();
    assert_eq!((result.scores.mean, result.scores.output("a")), (None, None));
    let empty = Targeted::new(none.clone(), &[], 1).unwrap();
    assert!(matches!(Ridge::fit(&empty, &ridge), Err(NumericError::Input(InputError::Setting { .. }))));
    let result = regression(&train, &empty, &names, &ridge, &bootstrap).unwrap();
    assert_eq!((result.scores.mean, result.test_samples), (None, 0));

    let train = Labelled::new(one, &[2]).unwrap();
    let empty = Labelled::new(none, &[]).unwrap();
    assert!(matches!(
        Logistic::fit(&empty, 3, &logistic),
        Err(NumericError::Input(InputError::Setting { .. }))
    ));
    let result = classification(&train, &train, 3, &logistic, &bootstrap).unwrap();
    assert_eq!((result.top1.unwrap().value, result.top5), (100.0, None));
    let result = classification(&train, &empty, 3, &logistic, &bootstrap).unwrap();
    assert_eq!((result.top1, result.test_samples), (None, 0));
}

#[test]
fn two_samples_have_finite_figures() {
    let features = Features::new(&[1.0, 2.0, 3.0, 5.0], 2).unwrap();
    let data = Targeted::new(features.clone(), &[1.0, 4.0], 1).unwrap();
    let names = TargetNames::new(["a"]);
    let result = regression(&data, &data, &names, &RidgeConfig::default(), &Bootstrap::default()).unwrap();
    let estimate = result.scores.mean.unwrap();
    assert!(estimate.value.is_finite() && estimate.interval.unwrap().iter().all(|end| end.is_finite()));
    let data = Labelled::new(features, &[0, 1]).unwrap();
    let result = classification(&data, &data, 2, &LogisticConfig::default(), &Bootstrap::default()).unwrap();
    assert_eq!((result.top1.unwrap().value, result.inverse_penalty), (100.0, 1.0));
}

#[test]
fn classes_without_training_samples_count_as_wrong() {
    let values = wave(40 * 3);
    let features = Features::new(&values, 3).unwrap();
    let labels: Vec<u32> = (0..40).map(|row| [1, 4][row % 2]).collect();
    let train = Labelled::new(features.clone(), &labels).unwrap();
    let test_labels: Vec<u32> = (0..40).map(|row| [0, 6][row % 2]).collect();
    let test = Labelled::new(features.clone(), &test_labels).unwrap();
    let config = LogisticConfig::default();
    let result = classification(&train, &test, 7, &config, &Bootstrap::default()).unwrap();
    assert_eq!((result.top1.unwrap().value, result.top5.unwrap().value), (0.0, 0.0));
    assert_eq!(result.unknown_classes, 2);
    let logistic = Logistic::fit(&train, 7, &config).unwrap();
    assert!(logistic.predict(&features).unwrap().iter().all(|class| [1, 4].contains(class)));
    assert!(logistic.knows(4) && !logistic.knows(6) && !logistic.knows(99));
    assert!(logistic.weights().iter().all(|weight| weight.is_finite()));

    let single = Labelled::new(features, &[3; 40]).unwrap();
    let result = classification(&single, &single, 7, &config, &Bootstrap::default()).unwrap();
    assert_eq!(result.top1.unwrap().value, 100.0);
}

#[test]
fn constant_features_and_targets() {
    let features = Features::new(&[0.1; 60], 3).unwrap();
    let targets: Vec<f32> = (0..20).flat_map(|row| [0.7, row as f32]).collect();
    let data = Targeted::new(features.clone(), &targets, 2).unwrap();
    let names = TargetNames::new(["constant", "row"]);
    let result = regression(&data, &data, &names, &RidgeConfig::default(), &Bootstrap::default()).unwrap();
    let [constant, row] = &result.scores.outputs[..] else { panic!() };
    assert_eq!((constant.r2.unwrap().value, constant.constant), (1.0, true));
    assert!(row.r2.unwrap().value.abs() < 1e-12 && !row.constant);
    let labels: Vec<u32> = (0..20).map(|row| u32::from(row < 5)).collect();
    let data = Labelled::new(features, &labels).unwrap();
    let result = classification(&data, &data, 2, &LogisticConfig::default(), &Bootstrap::default()).unwrap();
    assert_eq!(result.top1.unwrap().value, 75.0);
}

#[test]
fn extreme_features_stay_finite() {
    for scale in [1e-30f32, 1e30] {
        let values: Vec<f32> = wave(50 * 4).iter().map(|value| value * scale).collect();
        let features = Features::new(&values, 4).unwrap();
        let targets: Vec<f32> = values.chunks(4).map(|row| row[0] / scale).collect();
        let data = Targeted::new(features.clone(), &targets, 1).unwrap();
        let names = TargetNames::new(["a"]);
        let result = regression(&data, &data, &names, &RidgeConfig::default(), &Bootstrap::none()).unwrap();
        assert!(result.scores.mean.unwrap().value > 0.999);
        let labels: Vec<u32> = targets.iter().map(|target| u32::from(*target > 0.0)).collect();
        let data = Labelled::new(features, &labels).unwrap();
        let result = classification(&data, &data, 2, &LogisticConfig::default(), &Bootstrap::none()).unwrap();
        assert!(result.top1.unwrap().value > 95.0 && result.train_loss.is_finite());
    }
}

#[test]
fn bad_input_is_refused() {
    let features = Features::new(&[1.0, 2.0, 3.0, 4.0], 2).unwrap();
    let wide = Features::new(&[1.0, 2.0, 3.0, 4.0], 4).unwrap();
    let data = Targeted::new(features.clone(), &[1.0, 2.0], 1).unwrap();
    let names = TargetNames::new(["a"]);
    for penalties in [vec![], vec![0.0], vec![-1.0], vec![f64::NAN], vec![f64::INFINITY]] {
        let config = RidgeConfig { penalties, ..Default::default() };
        assert!(matches!(Ridge::fit(&data, &config), Err(NumericError::Input(InputError::Setting { .. }))));
    }
    let ridge = Ridge::fit(&data, &RidgeConfig::default()).unwrap();
    assert!(matches!(ridge.predict(&wide), Err(InputError::Size { .. })));
    let wide_data = Targeted::new(wide.clone(), &[1.0], 1).unwrap();
    let config = RidgeConfig::default();
    let none = Bootstrap::none();
    assert!(matches!(
        regression(&data, &wide_data, &names, &config, &none),
        Err(NumericError::Input(InputError::Size { .. }))
    ));
    let two = TargetNames::new(["a", "b"]);
    assert!(matches!(
        regression(&data, &data, &two, &config, &none),
        Err(NumericError::Input(InputError::Size { .. }))
    ));

    let data = Labelled::new(features, &[0, 1]).unwrap();
    let good = LogisticConfig::default;
    for config in [
        LogisticConfig { inverse_penalties: vec![], ..good() },
        LogisticConfig { inverse_penalties: vec![0.0], ..good() },
        LogisticConfig { held_out: 1.0, ..good() },
        LogisticConfig { held_out: f64::NAN, ..good() },
        LogisticConfig { tolerance: 0.0, ..good() },
        LogisticConfig { max_iterations: 0, ..good() },
    ] {
        assert!(matches!(
            Logistic::fit(&data, 2, &config),
            Err(NumericError::Input(InputError::Setting { .. }))
        ));
    }
    assert!(matches!(
        Logistic::fit(&data, 1, &good()),
        Err(NumericError::Input(InputError::Label { label: 1, .. }))
    ));
    let logistic = Logistic::fit(&data, 2, &good()).unwrap();
    assert!(matches!(logistic.logits(&wide), Err(InputError::Size { .. })));
    let unknown = Labelled::new(wide, &[0]).unwrap();
    assert!(matches!(
        classification(&data, &unknown, 2, &good(), &none),
        Err(NumericError::Input(InputError::Size { .. }))
    ));
}

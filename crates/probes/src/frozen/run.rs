//! The protocol itself.

use std::sync::Arc;

use burn::tensor::Device;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use seqjepa_nn::Precision;

use super::config::FrozenConfig;
use super::error::FrozenError;
use super::features::{FeatureSet, FeatureSource};
use super::head::Head;
use super::result::{FrozenResult, ProtocolRecord};
use super::roles::{RegressionTarget, Representation};
use crate::error::{InputError, check_labels, check_size};

/// How far frozen probes have come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrozenProgress {
    /// Epochs done.
    pub epoch: usize,
    /// Epochs in all.
    pub epochs: usize,
    /// Mean of the probes' mean losses over the epoch, without those that have diverged.
    pub loss: Option<f64>,
}

/// Trains the probes of a protocol on frozen features and tests them: classifiers on z_AGG and on
/// z_1, and the configuration's regressors, in the published protocols one from concat(z_1, z_2) to
/// each group.
///
/// Each probe has its own parameters and optimizer: a sum of their losses would have the same
/// gradients. Epochs cycle through the passes of `train`, in an order of samples drawn from the
/// seed and the epoch; `test` gives its first pass. One seed gives the same bits at any thread
/// count on one device. A probe that diverges says so in its [`Verdict`](super::Verdict) and leaves
/// the others alone.
///
/// # Errors
///
/// If a setting, label or group is out of range, the splits' widths differ, or a source fails.
///
/// ```
/// use std::sync::Arc;
///
/// use burn::tensor::Device;
/// use seqjepa_probes::frozen::{FeatureBuffers, FeatureSet, FrozenConfig, Representation, frozen_probes};
///
/// // One's own features: 40 samples, two classes, one representation of width 2 and nothing else.
/// let labels: Vec<u32> = (0..40).map(|index| index % 2).collect();
/// let aggregate = labels.iter().flat_map(|label| [*label as f32, 1.0]).collect();
/// let buffers = FeatureBuffers { aggregate, labels: Some(labels), ..Default::default() };
/// let set = FeatureSet::new(40, buffers)?;
/// let mut source = Arc::new(set);
///
/// let config = FrozenConfig { epochs: 20, ..FrozenConfig::linear(Some(2), &[]) };
/// let result = frozen_probes(&config, &mut source.clone(), &mut source, &Device::flex(), &mut |_| ())?;
/// assert_eq!(result.top1(Representation::Aggregate), Some(100.0));
/// # Ok::<(), seqjepa_probes::frozen::FrozenError>(())
/// ```
pub fn frozen_probes(
    config: &FrozenConfig,
    train: &mut dyn FeatureSource,
    test: &mut dyn FeatureSource,
    device: &Device,
    progress: &mut dyn FnMut(FrozenProgress),
) -> Result<FrozenResult, FrozenError> {
    config.validate()?;
    let passes = train.passes();
    if passes == 0 || test.passes() == 0 {
        return Err(InputError::setting("passes", "above 0", 0).into());
    }
    let mut current = fetch(train, "train", 0, config)?;
    let (samples, widths) = (current.samples(), widths(&current));
    let mut heads = Head::all(config, &current, device)?;

    for epoch in 0..config.epochs {
        let split = "train";
        train.go_on().map_err(|cause| FrozenError::Source { split, pass: epoch % passes, cause })?;
        if passes > 1 && epoch > 0 {
            drop(current);
            current = fetch(train, "train", epoch % passes, config)?;
            check_widths("train", &widths, &current)?;
        }
        let order = order(config.seed, epoch, current.samples());
        // That of this thread, on all of them.
        let precision = Precision::current();
        heads.par_iter_mut().try_for_each(|head| {
            precision.within(|| head.train(&current, &order, config.batch_size, epoch + 1))
        })?;
        progress(FrozenProgress { epoch: epoch + 1, epochs: config.epochs, loss: mean_loss(&heads) });
    }
    drop(current);

    let test = fetch(test, "test", 0, config)?;
    check_widths("test", &widths, &test)?;
    let (classifiers, regressors): (Vec<_>, Vec<_>) = heads.iter_mut().partition(|head| head.is_classifier());
    Ok(FrozenResult {
        protocol: ProtocolRecord {
            name: config.name.clone(),
            optimizer: config.optimizer,
            lr: config.lr,
            epochs: config.epochs,
            passes: passes.min(config.epochs),
            batch_size: config.batch_size,
            seed: config.seed,
            standardized: config.standardize,
            train_samples: samples,
            test_samples: test.samples(),
            bootstrap: config.bootstrap,
        },
        classifiers: classifiers.into_iter().map(|head| head.classifier(&test)).collect::<Result<_, _>>()?,
        regressors: regressors.into_iter().map(|head| head.regressor(&test)).collect::<Result<_, _>>()?,
    })
}

fn fetch(
    source: &mut dyn FeatureSource,
    split: &'static str,
    pass: usize,
    config: &FrozenConfig,
) -> Result<Arc<FeatureSet>, FrozenError> {
    let set = source.pass(pass).map_err(|cause| FrozenError::Source { split, pass, cause })?;
    if let (Some(classes), Some(labels)) = (config.classes, set.labels()) {
        check_labels(labels, classes)?;
    }
    Ok(set)
}

type Widths = [usize; 5];

fn widths(set: &FeatureSet) -> Widths {
    use Representation::{Aggregate, First, Pair};
    [
        set.width(Aggregate),
        set.width(First),
        set.width(Pair),
        set.outputs(RegressionTarget::Relative),
        set.outputs(RegressionTarget::Absolute),
    ]
}

fn check_widths(split: &str, expected: &Widths, set: &FeatureSet) -> Result<(), InputError> {
    let names = [
        "width of z_AGG",
        "width of z_1",
        "width of concat(z_1, z_2)",
        "parameters of the relative action",
        "parameters of the absolute action",
    ];
    for ((name, expected), found) in names.iter().zip(expected).zip(widths(set)) {
        check_size(&format!("{split} features: {name}"), *expected, found)?;
    }
    Ok(())
}

/// The order of samples in an epoch (Fisher & Yates).
fn order(seed: u64, epoch: usize, samples: usize) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(epoch as u64 + 1);
    let mut order: Vec<usize> = (0..samples).collect();
    for end in (1..samples).rev() {
        order.swap(end, rng.random_range(0..=end));
    }
    order
}

fn mean_loss(heads: &[Head]) -> Option<f64> {
    let losses: Vec<f64> = heads.iter().filter_map(Head::train_loss).collect();
    (!losses.is_empty()).then(|| losses.iter().sum::<f64>() / losses.len() as f64)
}

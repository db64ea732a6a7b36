//! The frozen evaluation: probes on the features of a frozen model, beside those of the randomly initialised one.

use std::cell::RefCell;
use std::sync::Arc;

use burn::module::Module;
use burn::tensor::Device;
use seqjepa_data::{SequenceLoader, Split};
use seqjepa_model::{Method, SeqJepa};
use seqjepa_nn::optimizer::OptimizerConfig;
use seqjepa_probes::frozen::{
    BoxError, FeatureSet, FeatureSource, FrozenConfig, FrozenResult, frozen_probes,
};
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::config::{Config, ProbeOptimizer, RegressorKind};
use crate::data::RunData;
use crate::features::extract_features;
use crate::observer::{Event, Observer};

/// Features of all passes are kept while they take no more than this many bytes; beyond, each pass is encoded anew when
/// its turn comes.
const CACHE_LIMIT: usize = 2 << 30;

/// Added to the number of a pass: frozen probes see views that training has not seen.
const FIRST_PASS: u64 = 1 << 32;

/// Momentum of the probes' SGD, as published.
const PROBE_MOMENTUM: f64 = 0.9;

/// The frozen figures of a model, with all that a reader must know to compare them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Name of the data set.
    pub dataset: String,
    /// Observed views that the aggregate saw, M_val.
    pub observed_views: usize,
    /// The encoder whose representations were probed: always the online one, in evaluation mode.
    pub encoder: String,
    /// Seed of the run.
    pub seed: u64,
    /// Version of this project.
    pub version: String,
    /// The trained model's figures.
    pub trained: FrozenResult,
    /// Those of the model as it was initialised, under the same protocol.
    pub random: FrozenResult,
}

/// Probes `model` and, under the same protocol, the model that the config's seed initialises.
///
/// Encoder and batch norm are truly frozen: nothing in `model` changes.
///
/// # Errors
///
/// Whatever the data, the model, the probes or the observer could not do. A probe that diverges is no error: its result
/// says so.
pub fn evaluate(
    config: &Config,
    data: &RunData,
    device: &Device,
    model: &SeqJepa,
    observer: &mut dyn Observer,
) -> Result<Evaluation, TrainError> {
    let random = config.model_config().init(config.run.seed, device)?;
    Ok(Evaluation {
        dataset: config.dataset.name.clone(),
        observed_views: config.eval.seq_len,
        encoder: "online".into(),
        seed: config.run.seed,
        version: env!("CARGO_PKG_VERSION").into(),
        trained: probe_frozen(config, data, device, &model.valid(), observer)?,
        random: probe_frozen(config, data, device, &random, observer)?,
    })
}

/// Runs the config's frozen protocol on any method, which must be on `device`, outside autodiff.
///
/// # Errors
///
/// As [`evaluate`].
pub fn probe_frozen<M: Method>(
    config: &Config,
    data: &RunData,
    device: &Device,
    method: &M,
    observer: &mut dyn Observer,
) -> Result<FrozenResult, TrainError> {
    let space = config.action_space(data.train.height(), data.train.width())?;
    let groups = crate::build::output_groups(&space);
    let classes = Some(data.train.class_count());
    let published = match config.eval.regressors {
        RegressorKind::Linear => FrozenConfig::linear(classes, &groups),
        RegressorKind::Paper => FrozenConfig::paper(classes, &groups),
    };
    let protocol = FrozenConfig {
        optimizer: match config.eval.probe_optimizer {
            ProbeOptimizer::Sgd => OptimizerConfig::sgd(PROBE_MOMENTUM),
            ProbeOptimizer::Adam => OptimizerConfig::adam(),
        },
        lr: config.eval.probe_lr,
        epochs: config.eval.probe_epochs,
        batch_size: config.eval.batch_size,
        seed: config.run.seed,
        standardize: config.eval.standardize,
        ..published
    };
    let observer = RefCell::new(observer);
    let loaders =
        (data.evaluation_loader(config, Split::Train)?, data.evaluation_loader(config, Split::Test)?);
    let source = |loader, passes| EncodedPasses::new(method, loader, device, passes, &observer);
    let mut train = source(loaders.0, config.eval.passes());
    let mut test = source(loaders.1, 1);
    // The probes' callback cannot fail; the first error of an observer is kept for after it.
    let mut told = Ok(());
    let result = frozen_probes(&protocol, &mut train, &mut test, device, &mut |progress| {
        if told.is_ok() {
            let event = Event::ProbeEpochFinished { done: progress.epoch, total: progress.epochs };
            told = observer.borrow_mut().observe(&event);
        }
    });
    told.and(result.map_err(TrainError::from))
}

/// Encodes passes of a split when they are asked for.
struct EncodedPasses<'a, 'o, M> {
    method: &'a M,
    loader: SequenceLoader,
    device: &'a Device,
    observer: &'a RefCell<&'o mut dyn Observer>,
    kept: Vec<Option<Arc<FeatureSet>>>,
}

impl<'a, 'o, M: Method> EncodedPasses<'a, 'o, M> {
    fn new(
        method: &'a M,
        loader: SequenceLoader,
        device: &'a Device,
        passes: usize,
        observer: &'a RefCell<&'o mut dyn Observer>,
    ) -> Self {
        Self { method, loader, device, observer, kept: vec![None; passes] }
    }

    fn bytes_per_pass(&self) -> usize {
        let width = self.method.invariant_width() + 2 * self.method.equivariant_width();
        self.loader.samples_per_epoch() * width * size_of::<f32>()
    }

    fn encode(&self, pass: usize) -> Result<FeatureSet, TrainError> {
        let total = self.loader.samples_per_epoch();
        extract_features(self.method, &self.loader, FIRST_PASS + pass as u64, self.device, |done| {
            self.observer.borrow_mut().observe(&Event::FeaturesExtracted { done, total })
        })
    }
}

impl<M: Method> FeatureSource for EncodedPasses<'_, '_, M> {
    fn passes(&self) -> usize {
        self.kept.len()
    }

    fn pass(&mut self, pass: usize) -> Result<Arc<FeatureSet>, BoxError> {
        if let Some(features) = &self.kept[pass] {
            return Ok(Arc::clone(features));
        }
        let features = Arc::new(self.encode(pass)?);
        if self.kept.len() * self.bytes_per_pass() <= CACHE_LIMIT {
            self.kept[pass] = Some(Arc::clone(&features));
        }
        Ok(features)
    }
}

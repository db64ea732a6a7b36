//! The frozen evaluation: what a trained model's representations hold, beside the model as initialised and the paper.
//!
//! [`evaluate`] extracts features once per augmentation pass, in evaluation mode, into a cache, fits and measures every
//! probe on them, and returns a [`ResultCard`]. `docs/evaluation.md` in the repository explains each figure.

mod cache;
mod card;
mod compare;
mod diagnose;
mod extract;
mod heat_map;
mod load;
mod measure;
mod paper;
mod passes;
mod store;

use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use seqjepa_data::ImageSet;
use seqjepa_model::SeqJepa;

pub use crate::fingerprint::{file_sha256, model_sha256};
pub use cache::CacheUsage;
pub use card::{
    CodeVersion, DataRecord, Diagnosed, Figure, Fit, Measured, ModelOrigin, ModelRecord, ModelSource,
    PaperFigure, Protocol, ResultCard,
};
pub use compare::{ComparedRun, Comparison};
pub(crate) use compare::{digits, measured};
pub use diagnose::DiagnosticsRecord;
pub use heat_map::HeatMap;
pub use load::LoadedModel;
pub use paper::PAPER_GRID;

use crate::TrainError;
use crate::config::{Config, EncoderChoice};
use crate::data::RunData;
use crate::observer::Observer;
use crate::run_folder::make_folder;
use cache::FeatureCache;
use measure::{Figures, measure};
use passes::Passes;

/// What is evaluated, and how.
#[derive(Debug)]
pub struct EvaluationRequest<'a> {
    /// The config; its section `eval` says what is measured.
    pub config: &'a Config,
    /// The images.
    pub data: &'a RunData,
    /// The device that the model is on.
    pub device: &'a Device,
    /// The model, on an autodiff device or not; nothing in it changes.
    pub model: &'a SeqJepa,
    /// Where it came from.
    pub origin: ModelOrigin,
    /// Folder of the feature cache where the config names none; `None` keeps nothing.
    pub cache_folder: Option<&'a Path>,
}

/// Measures a model and, under the same protocols, the model that the config's seed initialises.
///
/// Encoders and batch norm are truly frozen: nothing in the model changes, running statistics included. What cannot be
/// measured (a probe that diverges, features that are not finite, images of one class) is absent from the card with the
/// reason.
///
/// # Errors
///
/// Whatever the data, the model, the disk or the observer could not do; [`TrainError::Evaluation`] if the config asks for
/// the target encoder of a model that has none.
pub fn evaluate(request: &EvaluationRequest, observer: &mut dyn Observer) -> Result<ResultCard, TrainError> {
    let EvaluationRequest { config, data, device, model, origin, cache_folder } = request;
    config.validate()?;
    let has_target = model.target_encoder.is_some() && origin.target_encoder;
    if config.eval.encoder == EncoderChoice::Target && !has_target {
        let found = if config.model.ema {
            "a checkpoint without one"
        } else {
            "a model without one (model.ema is false)"
        };
        return Err(TrainError::Evaluation {
            expected: "a target encoder for eval.encoder".into(),
            found: found.into(),
        });
    }
    let folder = config.eval.cache_dir.as_deref().or(*cache_folder).filter(|_| config.eval.cache);
    let folder = folder.filter(|folder| match make_folder(folder) {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, "features are not kept");
            false
        }
    });
    let limit = (config.eval.cache_limit_gib * (1u64 << 30) as f64) as u64;
    let cache = FeatureCache::new(folder, limit);

    let model = model.valid();
    let device = &Device::clone(device).without_autodiff();
    let random = config.model_config().init(config.run.seed, device)?;
    let model_hash = model_sha256(&model);
    let trained = measure(&Passes::new(config, data, device, &model, has_target, &cache)?, observer)?;
    let random = measure(&Passes::new(config, data, device, &random, config.model.ema, &cache)?, observer)?;
    let usage = cache.usage();
    tracing::info!(read = usage.read, extracted = usage.extracted, damaged = usage.damaged, "feature passes");

    Ok(ResultCard {
        format: ResultCard::FORMAT,
        code: CodeVersion::current(),
        model: ModelRecord {
            origin: origin.clone(),
            model_sha256: model_hash,
            observed_views: config.dataset.seq_len,
        },
        data: DataRecord {
            name: config.dataset.name.clone(),
            train_images: trained.train_images,
            test_images: trained.test_images,
            classes: data.train.class_count(),
            missing_classes: [&data.train, &data.test].map(|images| missing_classes(images)),
        },
        encoder: config.eval.encoder,
        device: format!("{device:?}"),
        figures: side_by_side(trained.figures, random.figures, config, data, origin.epochs),
        diagnostics: Diagnosed { trained: trained.diagnostics, random: random.diagnostics },
        config: (*config).clone(),
        cache: usage,
    })
}

fn missing_classes(images: &ImageSet) -> usize {
    let mut seen = vec![false; images.class_count()];
    images.labels().iter().for_each(|label| seen[*label as usize] = true);
    seen.iter().filter(|seen| !**seen).count()
}

/// Both models' figures by name and protocol, with the paper's.
fn side_by_side(
    trained: Figures,
    random: Figures,
    config: &Config,
    data: &RunData,
    epochs: Option<usize>,
) -> Vec<Figure> {
    let same = |(name, protocol, _): &(String, Protocol, Measured), other: &(String, Protocol, Measured)| {
        (name, &protocol.name) == (&other.0, &other.1.name)
    };
    let pair = |trained: (String, Protocol, Measured)| {
        let random =
            random.iter().find(|random| same(&trained, random)).map(|(.., measured)| measured.clone());
        let random = random.unwrap_or_else(|| Measured::absent("not measured"));
        let (name, protocol, trained) = trained;
        let paper = paper::paper_figure(&name, &protocol, config, data, epochs);
        Figure { name, trained, random, paper, protocol }
    };
    trained.into_iter().map(pair).collect()
}

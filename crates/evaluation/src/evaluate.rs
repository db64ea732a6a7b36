//! From a method to its card.

use burn::tensor::Device;
use seqjepa_model::{DynMethod, EncoderChoice};
use seqjepa_train::CodeVersion;
use seqjepa_train::observer::Observer;
use seqjepa_train::storage::Folder;
use serde_json::Value;

use crate::card::{
    DataRecord, Diagnosed, Figure, Measured, MethodRecord, ModelOrigin, ModelRecord, ResultCard, Scope,
};
use crate::data::{EvaluationData, Splits};
use crate::error::EvaluationError;
use crate::extraction::{Passes, Subject};
use crate::features::{FeatureCache, UserKey};
use crate::measure::{MeasuredFigure, Measurement, measure, measure_transfer};
use crate::published::{Conditions, published_figure};
use crate::sample::{EvaluationSample, Kept};
use crate::settings::EvaluationSettings;

/// What is evaluated, and how.
#[derive(Debug)]
pub struct EvaluationRequest<'a> {
    /// What is measured.
    pub settings: &'a EvaluationSettings,
    /// The method, on an autodiff device or not; nothing in it changes.
    pub method: &'a dyn DynMethod,
    /// Seed of the views, of whatever a probe draws, and of the model as initialised.
    pub seed: u64,
    /// The sequences.
    pub data: EvaluationData,
    /// The device that the method is on.
    pub device: &'a Device,
    /// Where the method came from.
    pub origin: ModelOrigin,
    /// Observed views that it was trained with, M_train.
    pub observed_views: usize,
    /// Sequences of its training steps, by which published figures are compared.
    pub batch_size: usize,
    /// The code that measures.
    pub code: CodeVersion,
    /// Whatever else describes the run; the card holds it as it is.
    pub config: Value,
    /// Folder of the features while they are needed, where the settings name none; `None` keeps nothing on disk that has a name.
    /// [`clear_features`](crate::clear_features) empties it once the card is safe.
    pub cache_folder: Option<&'a Folder>,
}

/// Measures a method and, under the same protocols, the method that its config and the seed initialise.
///
/// Encoders and batch norm are truly frozen: nothing in the method changes, running statistics included. What cannot be
/// measured (a probe that diverges, features that are not finite, unlabelled images, a method that predicts nothing) is absent
/// from the card with the reason.
///
/// # Errors
///
/// Whatever the data, the method, the disk or the observer could not do; [`EvaluationError::TargetEncoder`] if the target
/// encoder is asked for and there is none; [`EvaluationError::Setting`] before any work.
pub fn evaluate(
    request: &EvaluationRequest,
    observer: &mut dyn Observer,
) -> Result<ResultCard, EvaluationError> {
    Ok(run(request, &Extent::Whole { with_sample: false }, observer)?.0)
}

/// Measures how well the encoder serves on another labelled data set, `request.data`, than `trained_on`, which it was trained on: classes
/// from its representation of the clean images, by every protocol of the settings and by nearest neighbours. Their actions, and their size
/// where the encoder takes any, may be others.
///
/// # Errors
///
/// As [`evaluate`]; [`EvaluationError::Clean`] if the data have no clean images, [`EvaluationError::Classes`] if they have not several classes.
pub fn evaluate_transfer(
    request: &EvaluationRequest,
    trained_on: &str,
    observer: &mut dyn Observer,
) -> Result<ResultCard, EvaluationError> {
    Ok(run(request, &Extent::Transfer { trained_on }, observer)?.0)
}

/// How much is measured.
enum Extent<'a> {
    Whole { with_sample: bool },
    Transfer { trained_on: &'a str },
}

impl Extent<'_> {
    fn measure(
        &self,
        passes: &Passes,
        with_sample: bool,
        observer: &mut dyn Observer,
    ) -> Result<Measurement, EvaluationError> {
        match self {
            Self::Whole { .. } => measure(passes, with_sample, observer),
            Self::Transfer { .. } => measure_transfer(passes, observer),
        }
    }
}

/// The same, with a sample of the trained model's features and predictions. No figure depends on it.
///
/// # Errors
///
/// As [`evaluate`].
pub fn evaluate_with_sample(
    request: &EvaluationRequest,
    observer: &mut dyn Observer,
) -> Result<(ResultCard, EvaluationSample), EvaluationError> {
    let (card, sample) = run(request, &Extent::Whole { with_sample: true }, observer)?;
    Ok((card, sample.expect("a sample that is asked for is made")))
}

fn run(
    request: &EvaluationRequest,
    extent: &Extent,
    observer: &mut dyn Observer,
) -> Result<(ResultCard, Kept), EvaluationError> {
    let EvaluationRequest { settings, method, seed, data, origin, cache_folder, .. } = request;
    settings.validate()?;
    check_encoder(request)?;
    let named = settings.cache_dir.as_deref().map(Folder::at);
    let folder = named.or(cache_folder.cloned()).filter(|_| settings.cache);
    let folder = folder.filter(|folder| match folder.make() {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, "features are not kept");
            false
        }
    });
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be no less than 0; saturates"
    )]
    let limit = (settings.cache_limit_gib * (1u64 << 30) as f64) as u64;
    let cache = FeatureCache::new(folder, limit, UserKey::get().clone());
    let splits = Splits::new(data, settings)?;
    let device = &request.device.clone().without_autodiff();

    let trained = method.valid();
    let trained = Subject { method: &*trained, target_trained: origin.target_encoder };
    let trained = Passes::new(settings, *seed, &splits, device, trained, &cache)?;
    let with_sample = matches!(extent, Extent::Whole { with_sample: true });
    let own = extent.measure(&trained, with_sample, observer)?;
    let random = method.config().init(*seed, device)?;
    let random = Subject { method: &*random, target_trained: true };
    let random = Passes::new(settings, *seed, &splits, device, random, &cache)?;
    let random = extent.measure(&random, false, observer)?;
    let usage = cache.usage();
    tracing::info!(read = usage.read, extracted = usage.extracted, damaged = usage.damaged, "feature passes");

    let config = method.config_json()?;
    let conditions = Conditions {
        method: method.name(),
        config: &config,
        width: method.representations().equivariant.width,
        data: &data.name,
        tested: data.tested,
        observed_views: request.observed_views,
        training: (origin.epochs, request.batch_size),
    };
    let trained_on = match extent {
        Extent::Whole { .. } => None,
        Extent::Transfer { trained_on } => Some((*trained_on).to_owned()),
    };
    let comparable = trained_on.is_none().then_some(&conditions);
    let figures = side_by_side(own.figures, &random.figures, comparable);
    let actions = &splits.train.source.layout().actions;
    let card = ResultCard {
        format: ResultCard::FORMAT,
        code: request.code.clone(),
        model: ModelRecord {
            origin: origin.clone(),
            model_sha256: trained.model_hash().to_owned(),
            observed_views: request.observed_views,
            batch_size: Some(request.batch_size),
        },
        data: DataRecord {
            name: data.name.clone(),
            trained_on,
            train_images: splits.train.samples,
            test_images: splits.test.samples,
            tested: data.tested,
            classes: splits.train.source.class_names().len(),
            missing_classes: [&splits.train, &splits.test].map(|split| split.missing_classes()),
        },
        encoder: settings.encoder,
        device: device_name(device),
        device_check: None,
        scope: Scope {
            observed_views: settings.seq_len,
            protocols: settings.protocols().into_iter().map(|kind| kind.name().to_owned()).collect(),
            seed: *seed,
            groups: actions.groups().iter().map(|group| group.name.clone()).collect(),
            parameters: actions.parameters().iter().map(|parameter| parameter.name.clone()).collect(),
        },
        figures,
        diagnostics: Diagnosed { trained: own.diagnostics, random: random.diagnostics },
        config: request.config.clone(),
        cache: usage,
        method: MethodRecord { name: method.name().into(), invariant: trained.invariant.clone(), config },
    };
    Ok((card, own.sample))
}

/// Refuses the target encoder where there is no trained one.
fn check_encoder(request: &EvaluationRequest) -> Result<(), EvaluationError> {
    if request.settings.encoder == EncoderChoice::Online {
        return Ok(());
    }
    let found = match (request.method.representations().target_encoder, request.origin.target_encoder) {
        (true, true) => return Ok(()),
        (true, false) => "a checkpoint without one".to_owned(),
        (false, _) => format!("the method `{}`, which is configured without one", request.method.name()),
    };
    Err(EvaluationError::TargetEncoder { found })
}

/// The name of a device as far as the device itself says it; whoever opened it by a name knows better.
fn device_name(device: &Device) -> String {
    let name = format!("{device:?}");
    let inner = name.strip_prefix("Device<").and_then(|name| name.strip_suffix('>')).unwrap_or(&name);
    match inner.split_once('(') {
        Some(("Flex", _)) => "flex".into(),
        Some(("NdArray", _)) => "ndarray".into(),
        _ => inner.to_owned(),
    }
}

/// Both models' figures by name and protocol, with the published ones where there are conditions to find them by.
fn side_by_side(
    trained: Vec<MeasuredFigure>,
    random: &[MeasuredFigure],
    conditions: Option<&Conditions>,
) -> Vec<Figure> {
    let pair = |MeasuredFigure { name, protocol, measured }| {
        let same = |other: &&MeasuredFigure| (&other.name, &other.protocol.name) == (&name, &protocol.name);
        let random = random.iter().find(same).map(|random| random.measured.clone());
        let random = random.unwrap_or_else(|| Measured::absent("not measured"));
        let published = conditions.and_then(|conditions| published_figure(&name, &protocol, conditions));
        Figure { name, trained: measured, random, published, protocol }
    };
    trained.into_iter().map(pair).collect()
}

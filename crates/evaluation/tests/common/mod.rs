//! What the tests of the evaluation share: tiny methods on a few small images.
#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod counting;
pub(crate) mod rotations;
pub(crate) mod two_views;

use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use seqjepa_data::dataset::Synthetic;
use seqjepa_data::{AugmentedImages, ImageSet, SequenceConfig, SequenceSource, Split};
use seqjepa_evaluation::{
    EvaluationData, EvaluationError, EvaluationRequest, EvaluationSettings, ModelOrigin, ModelSource,
    ResultCard, TestedSplit, evaluate,
};
use seqjepa_model::{
    ActionConditioning, DynMethod, PredictorConfig, ResNetConfig, SeqJepaConfig, boxed_config,
};
use seqjepa_train::CodeVersion;
use seqjepa_train::observer::Observers;
use seqjepa_train::storage::Folder;

pub(crate) const SEED: u64 = 7;

/// A seq-JEPA of a few thousand parameters.
pub(crate) fn tiny() -> SeqJepaConfig {
    SeqJepaConfig {
        encoder: ResNetConfig { width: 4, ..ResNetConfig::default() }.into(),
        action_conditioning: ActionConditioning::Learned { width: 8 },
        heads: 2,
        layers: 1,
        predictor: PredictorConfig::Mlp { hidden: 16 },
        ..SeqJepaConfig::default()
    }
}

pub(crate) fn settings() -> EvaluationSettings {
    EvaluationSettings {
        seq_len: 2,
        max_seq_len: 3,
        candidates: 3,
        other_candidates: 8,
        batch_size: 8,
        bootstrap: 20,
        num_workers: Some(1),
        ..EvaluationSettings::default()
    }
}

pub(crate) fn images(split: Split) -> ImageSet {
    let set = Synthetic { image_size: 16, train_images: 48, test_images: 20, seed: SEED };
    set.load(split).unwrap()
}

pub(crate) fn sequences(images: ImageSet) -> Arc<dyn SequenceSource> {
    let config = SequenceConfig::new(16, 2, Synthetic::NORMALIZATION).unwrap();
    Arc::new(AugmentedImages::new(Arc::new(images), config).unwrap())
}

pub(crate) fn data() -> EvaluationData {
    EvaluationData {
        name: "synthetic".into(),
        train: sequences(images(Split::Train)),
        test: sequences(images(Split::Test)),
        train_subset: None,
        test_subset: None,
        tested: TestedSplit::Test,
        prefetch: 1,
    }
}

/// A method, what it is shown, and what is measured.
pub(crate) struct Subject {
    pub method: Box<dyn DynMethod>,
    pub data: EvaluationData,
    pub settings: EvaluationSettings,
    pub seed: u64,
    pub device: Device,
    pub target_encoder: bool,
}

impl Subject {
    /// Any model other than the random one that it is held against.
    pub(crate) fn new() -> Self {
        Self::of(boxed_config(tiny()).init(SEED + 1, &Device::flex()).unwrap())
    }

    pub(crate) fn of(method: Box<dyn DynMethod>) -> Self {
        Self {
            method,
            data: data(),
            settings: settings(),
            seed: SEED,
            device: Device::flex(),
            target_encoder: true,
        }
    }

    pub(crate) fn request<'a>(&'a self, cache: Option<&'a Folder>) -> EvaluationRequest<'a> {
        EvaluationRequest {
            settings: &self.settings,
            method: &*self.method,
            seed: self.seed,
            data: self.data.clone(),
            device: &self.device,
            origin: ModelOrigin {
                source: ModelSource::Run,
                path: None,
                file_sha256: None,
                epochs: Some(1),
                steps: None,
                target_encoder: self.target_encoder,
            },
            observed_views: 2,
            batch_size: 8,
            code: CodeVersion::release(),
            config: serde_json::json!({"anything": [1, 2]}),
            cache_folder: cache,
        }
    }

    pub(crate) fn evaluate(&self, cache: Option<&Path>) -> Result<ResultCard, EvaluationError> {
        let cache = cache.map(Folder::at);
        evaluate(&self.request(cache.as_ref()), &mut Observers::new())
    }

    pub(crate) fn card(&self) -> ResultCard {
        self.evaluate(None).unwrap()
    }
}

/// Every tensor of a method to the bit.
pub(crate) fn bits(method: &dyn DynMethod) -> Vec<(String, Vec<u8>)> {
    method.state_dict().into_iter().map(|(name, data)| (name, data.as_bytes().to_vec())).collect()
}

pub(crate) fn names(card: &ResultCard) -> Vec<&str> {
    card.figures.iter().map(|figure| figure.name.as_str()).collect()
}

/// Why a figure is absent.
pub(crate) fn reason<'a>(card: &'a ResultCard, name: &str) -> &'a str {
    let figure = card.figure(name).unwrap_or_else(|| panic!("{name}"));
    assert!(figure.trained.value.is_none(), "{figure:?}");
    figure.trained.note.as_deref().unwrap_or_else(|| panic!("{figure:?}"))
}

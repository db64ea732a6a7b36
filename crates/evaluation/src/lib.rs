//! The frozen evaluation of self-supervised methods: what representations hold, beside those of the method as initialised and
//! what was published.
//!
//! [`evaluate`] takes any [`DynMethod`](seqjepa_model::DynMethod) and any
//! [`SequenceSource`](seqjepa_data::SequenceSource). It extracts features once per augmentation pass, in evaluation mode, into
//! a cache, fits and measures every probe on them, and returns a [`ResultCard`]: every figure with its protocol. Tables of a
//! card are [`results_table`] and [`card_table`]; several cards side by side are a [`Comparison`]. `docs/evaluation.md` in the
//! repository explains each figure.
//!
//! ```
//! use std::sync::Arc;
//!
//! use burn::tensor::Device;
//! use seqjepa_data::dataset::Synthetic;
//! use seqjepa_data::{AugmentedImages, SequenceConfig, SequenceSource, Split};
//! use seqjepa_evaluation::{
//!     EvaluationData, EvaluationRequest, EvaluationSettings, ModelOrigin, ModelSource, TestedSplit, evaluate,
//!     results_table,
//! };
//! use seqjepa_model::{MethodConfig, PredictorConfig, ResNetConfig, SeqJepaConfig, boxed};
//! use seqjepa_train::CodeVersion;
//! use seqjepa_train::observer::Observers;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let images = Synthetic { image_size: 16, train_images: 40, test_images: 20, ..Synthetic::default() };
//! let config = SequenceConfig::new(16, 2, Synthetic::NORMALIZATION)?;
//! let source = |split| -> Result<Arc<dyn SequenceSource>, seqjepa_data::DataError> {
//!     Ok(Arc::new(AugmentedImages::new(Arc::new(images.load(split)?), config.clone())?))
//! };
//! let data = EvaluationData {
//!     name: "synthetic".into(),
//!     train: source(Split::Train)?,
//!     test: source(Split::Test)?,
//!     train_subset: None,
//!     test_subset: None,
//!     tested: TestedSplit::Test,
//!     prefetch: 2,
//! };
//!
//! let device = Device::flex();
//! let config = SeqJepaConfig {
//!     encoder: ResNetConfig { width: 2, ..ResNetConfig::default() }.into(),
//!     predictor: PredictorConfig::Mlp { hidden: 8 },
//!     layers: 1,
//!     ..SeqJepaConfig::default()
//! };
//! let settings =
//!     EvaluationSettings { seq_len: 2, max_seq_len: 2, candidates: 3, bootstrap: 10, ..EvaluationSettings::default() };
//! let request = EvaluationRequest {
//!     settings: &settings,
//!     method: &*boxed(config.init(1, &device)?),
//!     seed: 42,
//!     data,
//!     device: &device,
//!     origin: ModelOrigin {
//!         source: ModelSource::Run,
//!         path: None,
//!         file_sha256: None,
//!         epochs: None,
//!         steps: None,
//!         target_encoder: true,
//!     },
//!     observed_views: 2,
//!     batch_size: 64,
//!     code: CodeVersion::release(),
//!     config: serde_json::Value::Null,
//!     cache_folder: None,
//! };
//! let card = evaluate(&request, &mut Observers::new())?;
//! assert!(card.figure(&card.headline()).is_some_and(|figure| figure.trained.value.is_some()));
//! println!("{}", results_table(None, &card));
//! # Ok(())
//! # }
//! ```

mod card;
mod comparison;
mod data;
mod drawing;
mod error;
mod evaluate;
mod extraction;
mod features;
mod fingerprint;
mod heat_map;
mod machine;
mod measure;
mod names;
mod published;
mod report;
mod sample;
pub mod settings;

pub use card::{
    CardError, DataRecord, DeviceCheck, DeviceCheckRecord, Diagnosed, DiagnosticsRecord, Figure, Fit,
    Measured, MethodRecord, ModelOrigin, ModelRecord, ModelSource, Protocol, PublishedFigure,
    RepresentationDiagnostics, ResultCard, Scope, TestedSplit,
};
pub use comparison::{ComparedRun, Comparison, MethodTable, ScatterPlot, SweptMethod, TrainedAs};
pub use data::EvaluationData;
pub use error::EvaluationError;
pub use evaluate::{EvaluationRequest, evaluate, evaluate_transfer, evaluate_with_sample};
pub use features::{CacheUsage, clear_features};
pub use fingerprint::{file_sha256, method_sha256};
pub use heat_map::HeatMap;
pub use machine::MACHINE_KEYS;
pub use names::Invariant;
pub use report::{Table, card_table, card_text, one_line, plain_text, results_table, results_text, wrapped};
pub use sample::{EvaluationSample, Pictures, SampleError, SampleTable};
pub use settings::{EvaluationSettings, ProbeOptimizer, ProtocolKind, RegressorKind, SettingError};

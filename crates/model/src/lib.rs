//! The seq-JEPA model: encoders, aggregator, predictor, EMA target, and its exchange with PyTorch.
//!
//! seq-JEPA (Ghaemi et al. 2025, arXiv 2505.03176) encodes a short sequence of views of one image one by
//! one, pairs each code with an embedding of the action that leads to the next view, aggregates them in a
//! transformer, and predicts the code of one further view from the aggregate and the action that leads
//! there. Two representations come out: the encoder's `z_t`, meant to be equivariant to the actions, and
//! the aggregate `z_AGG`, meant to be invariant.
//!
//! - [`SeqJepaConfig`] describes a model, [`SeqJepaConfig::init`] makes one from a seed.
//! - [`Method`] is all that a trainer needs to know; [`SeqJepa`] implements it.
//! - [`SeqJepa::import`] and [`SeqJepa::export`] exchange weights with PyTorch.
//! - [`Encoder`] is the family of encoders: [`ResNet`] and [`Vit`].
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use seqjepa_model::{DropoutKey, Method, ResNetConfig, SeqJepaConfig, SequenceInput};
//!
//! let device = Device::flex().autodiff();
//! let config = SeqJepaConfig {
//!     encoder: ResNetConfig { width: 4, ..ResNetConfig::default() }.into(),
//!     ..SeqJepaConfig::default()
//! };
//! let model = config.init(42, &device)?;
//! let input = SequenceInput {
//!     observed: Tensor::zeros([2, 3, 3, 8, 8], &device),
//!     target: Tensor::zeros([2, 3, 8, 8], &device),
//!     actions: Tensor::zeros([2, 4, 9], &device),
//!     relative: Tensor::zeros([2, 3, 9], &device),
//! };
//! let output = model.training_forward(input, DropoutKey { seed: 42, step: 0 })?;
//! let gradients = output.loss.backward();
//! # drop(gradients);
//! assert_eq!(output.representations.aggregate.dims(), [2, model.invariant_width()]);
//! let model = model.after_step(0, 100);
//! # Ok::<(), seqjepa_model::ModelError>(())
//! ```

/// The README's program runs as it stands.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod action_embedding;
mod aggregator;
mod config;
mod ema;
mod encoder;
mod error;
mod interop;
mod loss;
mod method;
mod parameter_count;
mod predictor;
mod resnet;
mod seq_jepa;
mod vit;

pub use action_embedding::ActionEmbedding;
pub use aggregator::{Aggregator, LayerStack};
pub use config::{ActionConditioning, PredictorConfig, SeqJepaConfig, TargetConfig};
pub use ema::{EmaSchedule, ema_update};
pub use encoder::{AnyEncoder, Encoder, EncoderConfig};
pub use error::ModelError;
pub use interop::{Import, export_tensors, import_tensors, read_tensors};
pub use loss::cosine_distance;
pub use method::{EvaluationOutput, Method, Representations, SequenceInput, TrainingOutput};
pub use predictor::Predictor;
pub use resnet::{ResNet, ResNetConfig, ResNetDepth, ResNetStem, ResidualBlock};
pub use seq_jepa::SeqJepa;
pub use seqjepa_nn::{DropoutKey, Mode};
pub use vit::{Vit, VitConfig};

//! The seq-JEPA model: encoders, aggregator, predictor, EMA target, and its exchange with PyTorch.
//!
//! seq-JEPA (Ghaemi et al. 2025, arXiv 2505.03176) encodes a short sequence of views of one image one by
//! one, pairs each representation with an embedding of the action that leads to the next view, aggregates them in a
//! transformer, and predicts the representation of one further view from the aggregate and the action that leads
//! there. Two representations come out: the encoder's `z_t`, meant to be equivariant to the actions, and
//! the aggregate `z_AGG`, meant to be invariant.
//!
//! - [`SeqJepaConfig`] describes a model, [`SeqJepaConfig::init`] makes one from a seed.
//! - [`Method`] is all that a trainer needs to know, [`DynMethod`] the same for a method that is chosen at run time;
//!   [`SeqJepa`] implements it.
//! - [`SeqJepa::import`] and [`SeqJepa::export`] exchange weights with PyTorch.
//! - [`JointEmbedding`] is what the methods share that seq-JEPA is held against: [`SimClr`], [`Byol`], [`VicReg`] and others.
//! - [`Encoder`] is the family of encoders: [`ResNet`], [`Vit`], and those of one's own, on which [`SeqJepaWith`] is seq-JEPA;
//!   [`EncoderBlueprint`] is what they are built from.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use seqjepa_model::{DropoutKey, Method, ResNetConfig, SeqJepaConfig, SequenceActions, SequenceInput};
//!
//! let device = Device::flex().autodiff();
//! let config = SeqJepaConfig {
//!     encoder: ResNetConfig { width: 4, ..ResNetConfig::default() }.into(),
//!     ..SeqJepaConfig::default()
//! };
//! let model = config.init(42, &device)?;
//! let input = SequenceInput {
//!     observed: Tensor::zeros([2, 3, 3, 8, 8], &device),
//!     target: Some(Tensor::zeros([2, 3, 8, 8], &device)),
//!     actions: SequenceActions::new(
//!         Tensor::zeros([2, 4, 9], &device), // of each view, the target's last
//!         Tensor::zeros([2, 3, 9], &device), // from each observed view to the next
//!     )?,
//! };
//! let output = model.training_forward(input, DropoutKey { seed: 42, step: 0 })?;
//! let gradients = output.loss.backward();
//! # drop(gradients);
//! assert_eq!(output.representations.invariant.dims(), [2, model.representations().invariant.width]);
//! let model = model.after_step(0, 100);
//! # Ok::<(), seqjepa_model::ModelError>(())
//! ```

/// The README's program runs as it stands.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod action_embedding;
mod aggregator;
mod any_encoder;
mod counts;
mod ema;
mod encoder;
mod error;
mod interop;
mod joint_embedding;
mod layer_memory;
mod limits;
mod loss;
mod method;
mod predictor;
mod regularizer;
mod resnet;
mod seq_jepa;
mod vit;

pub use action_embedding::ActionEmbedding;
pub use aggregator::{Aggregator, LayerStack};
pub use any_encoder::{AnyEncoder, EncoderConfig};
pub use ema::{EmaSchedule, ema_update};
pub use encoder::{Encoder, EncoderBlueprint};
pub use error::ModelError;
pub use interop::{ExchangeError, Import, export_tensors, import_tensors, read_tensors};
pub use joint_embedding::{
    ActionPredictor, Byol, ByolConfig, ConditionalByol, ConditionalByolConfig, ConvIJepa, ConvIJepaConfig,
    Embedded, EquiMod, EquiModConfig, InputConfig, JointEmbedding, Projector, ProjectorEnd, Sen, SenConfig,
    Sie, SieConfig, SimClr, SimClrConfig, VicReg, VicRegConfig, VicRegTraj, VicRegTrajConfig,
    covariance_penalty, nt_xent, variance_shortfall,
};
pub use layer_memory::{LayerMemory, RecomputedMemory};
pub use loss::cosine_distance;
pub use method::{
    DynMethod, DynMethodConfig, EncoderChoice, EquivariantRepresentation, EvaluationOutput,
    InvariantRepresentation, LossTerm, Method, MethodConfig, RepresentationLayout, Representations,
    SequenceActions, SequenceInput, TensorRole, TrainingOutput, ViewsUsed, boxed, boxed_config,
};
pub use predictor::{Predictor, PredictorConfig};
pub use regularizer::{Regularizer, coding_rate, sigreg};
pub use resnet::{ResNet, ResNetConfig, ResNetDepth, ResNetStem, ResidualBlock};
pub use seq_jepa::{
    ActionConditioning, SeqJepa, SeqJepaConfig, SeqJepaWith, SeqJepaWithConfig, TargetConfig,
};
pub use seqjepa_nn::{DropoutKey, Mode};
pub use vit::{Vit, VitConfig};

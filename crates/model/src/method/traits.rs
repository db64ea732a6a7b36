//! What a method must offer.

use std::fmt::Debug;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use seqjepa_nn::DropoutKey;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::input::{SequenceActions, SequenceInput};
use super::layout::{EncoderChoice, RepresentationLayout, TensorRole, ViewsUsed};
use super::output::{EvaluationOutput, TrainingOutput};
use crate::any_encoder::EncoderConfig;
use crate::error::ModelError;
use crate::layer_memory::LayerMemory;

/// What a method is made of: a value that a config file holds and a checkpoint keeps.
pub trait MethodConfig:
    Clone + Debug + Default + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The method that it describes.
    type Method: Method<Config = Self>;

    /// The method's name in config files, registries and result cards, as `seqjepa`.
    const NAME: &'static str;

    /// The same method on another encoder and on actions of `action_dim` numbers: what a run decides for every method alike.
    #[must_use]
    fn with_input(self, encoder: EncoderConfig, action_dim: usize) -> Self;

    /// Checks all values.
    ///
    /// # Errors
    /// [`ModelError::Config`] for the first value out of range.
    fn validate(&self) -> Result<(), ModelError>;

    /// Trained parameters, without running statistics and target encoder. Meaningful for a configuration that
    /// [`validate`](Self::validate)s; allocates nothing.
    fn parameter_count(&self) -> u64;

    /// Whether the loss is a mean over the samples of the batch, so that batch norm aside the gradient of a batch is the mean of those of
    /// its micro-batches. A loss that holds samples against each other, by contrast, covariance or entropy, is not. Default: false,
    /// with which a trainer does not divide batches.
    fn loss_is_mean(&self) -> bool {
        false
    }

    /// What the parts of the method take of memory in training, for sequences of `views` observed views of `side` pixels in height and
    /// width, in the order in which a forward pass comes by; their parameters add up to [`parameter_count`](Self::parameter_count).
    /// Default: nothing, where it is not known.
    fn layer_memory(&self, views: usize, side: usize) -> Option<Vec<LayerMemory>> {
        let _ = (views, side);
        None
    }

    /// A method with initial values, all drawn from `seed`. Train on an autodiff device.
    ///
    /// # Errors
    /// If [`validate`](Self::validate) fails.
    fn init(&self, seed: u64, device: &Device) -> Result<Self::Method, ModelError>;
}

/// A self-supervised method that learns from sequences of views and the actions between them.
///
/// Whoever implements this trait and [`MethodConfig`] gets training, probes, checkpoints, frozen evaluation and embedding:
/// they know nothing else of a method. Those that choose among methods at run time hold a [`DynMethod`](super::DynMethod).
pub trait Method: Module + 'static {
    /// Its configuration.
    type Config: MethodConfig<Method = Self>;

    /// What it was built from.
    fn config(&self) -> &Self::Config;

    /// Which views of a sequence it looks at. Default: all.
    fn views_used(&self) -> ViewsUsed {
        ViewsUsed::ALL
    }

    /// What representations it has.
    fn representations(&self) -> RepresentationLayout;

    /// What the tensor `name` of the method, a dotted path, is needed for. Default: for representations.
    fn tensor_role(&self, name: &str) -> TensorRole {
        let _ = name;
        TensorRole::Representation
    }

    /// One pass in training mode: batch statistics are used and tracked, dropout is drawn from `key`, and
    /// the loss carries gradients if the module lives on an autodiff device.
    ///
    /// # Errors
    /// [`ModelError::InputShape`] or [`ModelError::MissingInput`] if the input is not what the method uses, or if the batch has
    /// a single sample, for which batch norm is undefined.
    fn training_forward(&self, input: SequenceInput, key: DropoutKey) -> Result<TrainingOutput, ModelError>;

    /// One pass in evaluation mode: running statistics are used and stay as they are, nothing is dropped.
    ///
    /// # Errors
    /// [`ModelError::InputShape`] or [`ModelError::MissingInput`] if the input is not what the method uses.
    fn evaluation_forward(&self, input: SequenceInput) -> Result<EvaluationOutput, ModelError>;

    /// Equivariant representations of images `[batch, channels, height, width]` by one of the encoders, in evaluation mode and
    /// without gradients: `[batch, equivariant width]`. Nothing for [`EncoderChoice::Target`] where there is no target encoder
    /// of its own; predictions are then held against the online encoder.
    fn encode(&self, images: Tensor<4>, encoder: EncoderChoice) -> Option<Tensor<2>>;

    /// Invariant representations of sequences, `[batch, invariant width]`, from the equivariant ones of their observed views,
    /// `[batch, M, equivariant width]`, in evaluation mode and without gradients. A method whose invariant representation is
    /// not [`of_sequence`](super::InvariantRepresentation::of_sequence) takes the first view's.
    ///
    /// # Errors
    /// [`ModelError::InputShape`] if the actions do not belong to the representations.
    fn invariant(
        &self,
        representations: Tensor<3>,
        actions: &SequenceActions,
    ) -> Result<Tensor<2>, ModelError>;

    /// The prediction of the target views' equivariant representations, `[batch, equivariant width]`, from invariant ones,
    /// `[batch, invariant width]`, in evaluation mode and without gradients; it is held against those of the target encoder,
    /// or of the online one where there is no other. Nothing for a method that does not predict, which is the default.
    ///
    /// # Errors
    /// [`ModelError::InputShape`] if the actions do not belong to the representations.
    fn predict(
        &self,
        invariant: Tensor<2>,
        actions: &SequenceActions,
    ) -> Result<Option<Tensor<2>>, ModelError> {
        let _ = (invariant, actions);
        Ok(None)
    }

    /// What the method does after optimizer step `step`, counted from 0, of `total_steps`: the moving average
    /// of the target encoder. Default: nothing.
    #[must_use]
    fn after_step(self, step: u64, total_steps: u64) -> Self {
        let _ = (step, total_steps);
        self
    }
}

//! What a trainer needs to know of a self-supervised method.

use crate::ModelError;
use burn::module::Module;
use burn::tensor::Tensor;
use seqjepa_nn::DropoutKey;

/// A batch of sequences: M observed views and one target view of each image.
#[derive(Clone, Debug)]
pub struct SequenceInput {
    /// Observed views, `[batch, M, channels, height, width]`, normalised.
    pub observed: Tensor<5>,
    /// Target views, `[batch, channels, height, width]`, normalised.
    pub target: Tensor<4>,
    /// Normalised absolute actions of all views, the target last, `[batch, M + 1, action_dim]`.
    pub actions: Tensor<3>,
    /// Relative actions from each observed view to the next view, `[batch, M, action_dim]`.
    pub relative: Tensor<3>,
}

/// The representations of a batch for probes; none carries gradients.
#[derive(Clone, Debug)]
pub struct Representations {
    /// The representation meant to be invariant, z_AGG, `[batch, invariant_width]`.
    pub aggregate: Tensor<2>,
    /// Code of the first observed view, z_1, `[batch, equivariant_width]`.
    pub first: Tensor<2>,
    /// Code of the second view, z_2, `[batch, equivariant_width]`: the second observed view's, or with one
    /// observed view the target encoder's code of the target view.
    pub second: Tensor<2>,
}

/// What comes out of a training pass.
#[derive(Clone, Debug)]
pub struct TrainingOutput {
    /// The loss to descend, `[1]`.
    pub loss: Tensor<1>,
    /// Representations to probe.
    pub representations: Representations,
}

/// What comes out of an evaluation pass; nothing carries gradients.
#[derive(Clone, Debug)]
pub struct EvaluationOutput {
    /// The loss, `[1]`.
    pub loss: Tensor<1>,
    /// Predicted code of the target view, `[batch, equivariant_width]`.
    pub prediction: Tensor<2>,
    /// The target encoder's code of the target view, `[batch, equivariant_width]`.
    pub target: Tensor<2>,
    /// Representations to probe.
    pub representations: Representations,
}

/// A self-supervised method that learns from sequences of views and the actions between them.
pub trait Method: Module {
    /// One pass in training mode: batch statistics are used and tracked, dropout is drawn from `key`, and
    /// the loss carries gradients if the module lives on an autodiff device.
    ///
    /// # Errors
    /// [`ModelError::InputShape`] if the shapes do not fit together, or if the batch has a single sample,
    /// for which batch norm is undefined.
    fn training_forward(&self, input: SequenceInput, key: DropoutKey) -> Result<TrainingOutput, ModelError>;

    /// One pass in evaluation mode: running statistics are used and stay as they are, nothing is dropped.
    ///
    /// # Errors
    /// [`ModelError::InputShape`] if the shapes do not fit together.
    fn evaluation_forward(&self, input: SequenceInput) -> Result<EvaluationOutput, ModelError>;

    /// Codes of images `[batch, channels, height, width]` by the target encoder in evaluation mode,
    /// `[batch, equivariant_width]`; `None` for a method without one. They say how far it drifts from the
    /// online encoder.
    fn target_codes(&self, images: Tensor<4>) -> Option<Tensor<2>> {
        let _ = images;
        None
    }

    /// What the method does after optimizer step `step`, counted from 0, of `total_steps`: the moving average
    /// of the target encoder.
    #[must_use]
    fn after_step(self, step: u64, total_steps: u64) -> Self;

    /// Features of [`Representations::aggregate`].
    fn invariant_width(&self) -> usize;

    /// Features of [`Representations::first`] and of [`Representations::second`], each.
    fn equivariant_width(&self) -> usize;
}

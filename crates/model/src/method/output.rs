//! What comes out of a method.

use burn::tensor::Tensor;

/// The representations of a batch for probes; none carries gradients. Their widths are those of the method's
/// [`RepresentationLayout`](super::RepresentationLayout).
#[derive(Clone, Debug)]
pub struct Representations {
    /// The representation meant to be invariant to the actions, `[batch, invariant width]`.
    pub invariant: Tensor<2>,
    /// The first view's representation meant to be equivariant to the actions, `[batch, equivariant width]`.
    pub first: Tensor<2>,
    /// The second view's, `[batch, equivariant width]`: the second observed view's, or with one observed view the target
    /// view's.
    pub second: Tensor<2>,
}

/// One part of a loss.
#[derive(Clone, Debug)]
pub struct LossTerm {
    /// Its name in logs, as `prediction`: lower case, words joined by `_`.
    pub name: &'static str,
    /// Its value as it enters the loss, weight included, so that all terms sum to the loss: `[1]`, without gradients.
    pub value: Tensor<1>,
}

/// What comes out of a training pass.
#[derive(Clone, Debug)]
pub struct TrainingOutput {
    /// The loss to descend, `[1]`.
    pub loss: Tensor<1>,
    /// Its parts, the same ones in the same order at every pass.
    pub terms: Vec<LossTerm>,
    /// Representations to probe.
    pub representations: Representations,
}

/// What comes out of an evaluation pass; nothing carries gradients.
#[derive(Clone, Debug)]
pub struct EvaluationOutput {
    /// The loss, `[1]`.
    pub loss: Tensor<1>,
    /// Its parts, as in training.
    pub terms: Vec<LossTerm>,
    /// Representations to probe.
    pub representations: Representations,
}

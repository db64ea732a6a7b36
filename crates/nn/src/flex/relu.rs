//! Rectification, alone and of a sum.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;

use super::serves;

/// `max(input, 0)`, as [`serves`] allows.
pub(crate) fn relu<const D: usize>(input: Tensor<D>) -> Tensor<D> {
    debug_assert!(serves(&input));
    Tensor::from_dispatch(<Dispatch as Rectification>::rectified(input.into_dispatch()))
}

/// `max(left + right, 0)` of two tensors of one shape, as [`serves`] allows.
pub(crate) fn add_relu<const D: usize>(left: Tensor<D>, right: Tensor<D>) -> Tensor<D> {
    debug_assert!(serves(&left) && serves(&right) && left.shape() == right.shape());
    let (left, right) = (left.into_dispatch(), right.into_dispatch());
    Tensor::from_dispatch(<Dispatch as Rectification>::rectified_sum(left, right))
}

#[backend_extension(Flex, Autodiff)]
trait Rectification: Backend {
    /// The rectified input.
    fn rectified(input: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The rectified sum.
    fn rectified_sum(left: FloatTensor<Self>, right: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl Rectification for Flex {
    fn rectified(input: FloatTensor<Self>) -> FloatTensor<Self> {
        // In place where nothing else holds the values.
        let mut output = input.to_contiguous();
        drop(input);
        seqjepa_cpu::relu(output.storage_mut());
        output
    }

    fn rectified_sum(left: FloatTensor<Self>, right: FloatTensor<Self>) -> FloatTensor<Self> {
        let mut output = left.to_contiguous();
        drop(left);
        seqjepa_cpu::add_relu(output.storage_mut(), right.to_contiguous().storage());
        output
    }
}

/// The gradient where the output is above 0.
fn masked(output: &FloatTensor<Flex>, gradient: FloatTensor<Flex>) -> FloatTensor<Flex> {
    let mut masked = gradient.to_contiguous();
    drop(gradient);
    seqjepa_cpu::relu_gradient(output.storage(), masked.storage_mut());
    masked
}

#[derive(Debug)]
struct RectifiedBackward;

impl Backward<Flex, 1> for RectifiedBackward {
    /// The output.
    type State = FloatTensor<Flex>;

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [node] = ops.parents;
        let gradient = masked(&ops.state, gradients.consume::<Flex>(&ops.node));
        if let Some(node) = node {
            gradients.register::<Flex>(node.id, gradient);
        }
    }
}

#[derive(Debug)]
struct RectifiedSumBackward;

impl Backward<Flex, 2> for RectifiedSumBackward {
    /// The output.
    type State = FloatTensor<Flex>;

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let gradient = masked(&ops.state, gradients.consume::<Flex>(&ops.node));
        for node in ops.parents.into_iter().flatten() {
            gradients.register::<Flex>(node.id, gradient.clone());
        }
    }
}

impl<C: CheckpointStrategy> Rectification for Autodiff<Flex, C> {
    fn rectified(input: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [input.node()];
        let output = Flex::rectified(input.into_primitive());
        match RectifiedBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish(output.clone(), output),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }

    fn rectified_sum(left: FloatTensor<Self>, right: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [left.node(), right.node()];
        let output = Flex::rectified_sum(left.into_primitive(), right.into_primitive());
        match RectifiedSumBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish(output.clone(), output),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }
}

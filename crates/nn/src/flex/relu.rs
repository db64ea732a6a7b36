//! Rectification.

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

#[backend_extension(Flex, Autodiff)]
trait Rectification: Backend {
    /// The rectified input.
    fn rectified(input: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl Rectification for Flex {
    fn rectified(input: FloatTensor<Self>) -> FloatTensor<Self> {
        // In place where nothing else holds the values.
        let mut output = input.to_contiguous();
        drop(input);
        seqjepa_cpu::relu(output.storage_mut());
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

impl<C: CheckpointStrategy> Rectification for Autodiff<Flex, C> {
    fn rectified(input: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [input.node()];
        let output = Flex::rectified(input.into_primitive());
        match RectifiedBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish(output.clone(), output),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }
}

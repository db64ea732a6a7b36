//! Convolution.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;
use seqjepa_cpu::ConvShape;

use super::{primitive, serves};

/// Convolves `[batch, in, height, width]` with `[out, in, kernel, kernel]`. None where this operator does not serve.
pub(crate) fn convolve(
    input: &Tensor<4>,
    weight: &Tensor<4>,
    stride: usize,
    padding: usize,
) -> Option<Tensor<4>> {
    if !serves(input) {
        return None;
    }
    let (input, weight) = (input.clone().into_dispatch(), weight.clone().into_dispatch());
    let output = <Dispatch as Convolution>::convolution(input, weight, stride, padding);
    Some(Tensor::from_dispatch(output))
}

#[backend_extension(Flex, Autodiff)]
trait Convolution: Backend {
    /// The convolution of `input` with `weight`.
    fn convolution(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self>;
}

fn shape(input: [usize; 4], weight: [usize; 4], stride: usize, padding: usize) -> ConvShape {
    let [batch, inputs, height, width] = input;
    let [outputs, _, kernel, _] = weight;
    ConvShape { batch, inputs, outputs, height, width, kernel, stride, padding }
}

impl Convolution for Flex {
    fn convolution(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self> {
        let shape = shape(input.shape().dims(), weight.shape().dims(), stride, padding);
        let (input, weight) = (input.to_contiguous(), weight.to_contiguous());
        let mut output = vec![0.0; shape.output_len()];
        seqjepa_cpu::convolve(&shape, input.storage(), weight.storage(), &mut output);
        primitive(output, [shape.batch, shape.outputs, shape.output_height(), shape.output_width()])
    }
}

/// What the backward pass needs: input, weight, stride and padding.
#[derive(Clone, Debug)]
struct Saved {
    input: FloatTensor<Flex>,
    weight: FloatTensor<Flex>,
    stride: usize,
    padding: usize,
}

#[derive(Debug)]
struct ConvolutionBackward;

impl Backward<Flex, 2> for ConvolutionBackward {
    type State = Saved;

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [input_node, weight_node] = ops.parents;
        let gradient = gradients.consume::<Flex>(&ops.node).to_contiguous();
        let Saved { input, weight, stride, padding } = ops.state;
        let (input_dims, weight_dims) = (input.shape().dims(), weight.shape().dims());
        let shape = shape(input_dims, weight_dims, stride, padding);
        if let Some(node) = input_node {
            let weight = weight.to_contiguous();
            let mut values = vec![0.0; shape.input_len()];
            seqjepa_cpu::input_gradient(&shape, weight.storage(), gradient.storage(), &mut values);
            gradients.register::<Flex>(node.id, primitive(values, input_dims));
        }
        if let Some(node) = weight_node {
            let input = input.to_contiguous();
            let mut values = vec![0.0; shape.weight_len()];
            seqjepa_cpu::weight_gradient(&shape, input.storage(), gradient.storage(), &mut values);
            gradients.register::<Flex>(node.id, primitive(values, weight_dims));
        }
    }
}

impl<C: CheckpointStrategy> Convolution for Autodiff<Flex, C> {
    fn convolution(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self> {
        let nodes = [input.node(), weight.node()];
        let (input, weight) = (input.into_primitive(), weight.into_primitive());
        let output = Flex::convolution(input.clone(), weight.clone(), stride, padding);
        match ConvolutionBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish(Saved { input, weight, stride, padding }, output),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }
}

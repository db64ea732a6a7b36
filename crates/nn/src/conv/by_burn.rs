//! Burn's convolution on GPUs, with a weight gradient that is right there ([`taller`](super::taller)).

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, DispatchDevice, backend_extension};
use burn::tensor::{Shape, Tensor};

use super::taller::options;

/// Convolves `[batch, in, height, width]` with `[out, in, kernel, kernel]`. None where this operator does not serve.
///
/// # Panics
/// If the channels differ, or the kernel is larger than the padded image.
pub(crate) fn convolve(
    input: &Tensor<4>,
    weight: &Tensor<4>,
    stride: usize,
    padding: usize,
) -> Option<Tensor<4>> {
    if !matches!(input.device().inner().as_dispatch(), DispatchDevice::Cube(_)) {
        return None;
    }
    let ([_, channels, height, width], [_, inputs, kernel, _]) = (input.dims(), weight.dims());
    assert_eq!(channels, inputs, "channels of the image, and those of the kernel");
    assert!(
        height.min(width) + 2 * padding >= kernel,
        "a kernel of {kernel} on {height} by {width} pixels, padded by {padding}"
    );
    let (input, weight) = (input.clone().into_dispatch(), weight.clone().into_dispatch());
    let output = <Dispatch as Convolution>::convolution_by_burn(input, weight, stride, padding);
    Some(Tensor::from_dispatch(output))
}

#[backend_extension(Cube, Fusion, Autodiff)]
pub(crate) trait Convolution: Backend {
    /// Burn's convolution.
    #[fusion(dtype = input, shape = output_shape(input, weight, *stride, *padding))]
    fn convolution_by_burn(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self>;
}

#[backend_extension(Cube, Fusion)]
pub(crate) trait WeightGradient: Backend {
    /// The gradient of `weight`, right on any device.
    #[fusion(dtype = weight, shape = weight)]
    fn weight_gradient(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self>;
}

fn output_shape(input: &Shape, weight: &Shape, stride: usize, padding: usize) -> Shape {
    let side = |side: usize| (side + 2 * padding - weight[2]) / stride + 1;
    Shape::new([input[0], weight[0], side(input[2]), side(input[3])])
}

#[derive(Debug)]
struct ConvolutionBackward;

/// What the backward pass needs: input, weight, stride and padding.
#[derive(Clone, Debug)]
struct Saved<B: Backend> {
    input: FloatTensor<B>,
    weight: FloatTensor<B>,
    stride: usize,
    padding: usize,
}

impl<B: WeightGradient> Backward<B, 2> for ConvolutionBackward {
    type State = Saved<B>;

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [input_node, weight_node] = ops.parents;
        let gradient = gradients.consume::<B>(&ops.node);
        let Saved { input, weight, stride, padding } = ops.state;
        if let Some(node) = input_node {
            let options = options(stride, padding);
            let of_input = B::conv2d_x_backward(input.clone(), weight.clone(), gradient.clone(), options);
            gradients.register::<B>(node.id, of_input);
        }
        if let Some(node) = weight_node {
            gradients.register::<B>(node.id, B::weight_gradient(input, weight, gradient, stride, padding));
        }
    }
}

impl<B: WeightGradient + Convolution, C: CheckpointStrategy> Convolution for Autodiff<B, C> {
    fn convolution_by_burn(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self> {
        let nodes = [input.node(), weight.node()];
        let (input, weight) = (input.into_primitive(), weight.into_primitive());
        let output = B::convolution_by_burn(input.clone(), weight.clone(), stride, padding);
        match ConvolutionBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish(Saved { input, weight, stride, padding }, output),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }
}

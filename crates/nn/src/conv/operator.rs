//! Convolution, differentiated as one operation: what the backends with kernels of their own for it (`flex`, `cube`) share.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, DispatchDevice, backend_extension};
#[cfg(feature = "cube")]
use burn::tensor::Shape;
use burn::tensor::{DType, Tensor};

/// What a convolution is, beside its tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub stride: usize,
    pub padding: usize,
    /// Whether factors of f32 must not be rounded, as matrix instructions do.
    pub in_f32: bool,
}

/// Convolves `[batch, in, height, width]` with `[out, in, kernel, kernel]`. None where this operator does not serve: it is there for f32
/// on the Flex backend, and for anything on a GPU.
///
/// # Panics
/// If the channels differ, or the kernel is larger than the padded image.
pub(super) fn convolve(input: &Tensor<4>, weight: &Tensor<4>, geometry: Geometry) -> Option<Tensor<4>> {
    let device = input.device().inner();
    let serves = match device.as_dispatch() {
        #[cfg(feature = "flex")]
        DispatchDevice::Flex(_) => input.dtype() == DType::F32,
        #[cfg(feature = "cube")]
        DispatchDevice::Cube(_) => true,
        _ => false,
    };
    if !serves {
        return None;
    }
    let ([_, channels, height, width], [_, inputs, kernel, _]) = (input.dims(), weight.dims());
    let padding = geometry.padding;
    assert_eq!(channels, inputs, "channels of the image, and those of the kernel");
    assert!(
        height.min(width) + 2 * padding >= kernel,
        "a kernel of {kernel} on {height} by {width} pixels, padded by {padding}"
    );
    let (input, weight) = (input.clone().into_dispatch(), weight.clone().into_dispatch());
    Some(Tensor::from_dispatch(<Dispatch as Convolution>::convolution(input, weight, geometry)))
}

/// What has no gradient.
#[backend_extension(Flex: cfg(feature = "flex"), Cube: cfg(feature = "cube"), Fusion: cfg(feature = "cube"))]
pub(crate) trait ConvolutionGradients: Backend {
    /// The gradient of `input`, whose values are not read.
    #[fusion(dtype = input, shape = input)]
    fn input_gradient(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self>;

    /// The gradient of `weight`, whose values are not read.
    #[fusion(dtype = weight, shape = weight)]
    fn weight_gradient(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self>;
}

#[backend_extension(Flex: cfg(feature = "flex"), Cube: cfg(feature = "cube"), Fusion: cfg(feature = "cube"), Autodiff)]
pub(crate) trait Convolution: Backend {
    /// The convolution of `input` with `weight`.
    #[fusion(dtype = input, shape = output_shape(input, weight, *geometry))]
    fn convolution(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self>;
}

/// The kernel that autotune may choose, by itself: where the device has no instructions for it, the usual one.
#[cfg(feature = "cube")]
#[backend_extension(Cube, Fusion)]
pub(crate) trait SplitWeightGradient: Backend {
    /// The gradient of `weight`, whose values are not read.
    #[fusion(dtype = weight, shape = weight)]
    fn split_weight_gradient(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self>;
}

#[cfg(feature = "cube")]
fn output_shape(input: &Shape, weight: &Shape, Geometry { stride, padding, .. }: Geometry) -> Shape {
    let side = |side: usize| (side + 2 * padding - weight[2]) / stride + 1;
    Shape::new([input[0], weight[0], side(input[2]), side(input[3])])
}

/// What the backward pass needs.
#[derive(Clone, Debug)]
struct Saved<B: Backend> {
    input: FloatTensor<B>,
    weight: FloatTensor<B>,
    geometry: Geometry,
}

#[derive(Debug)]
struct ConvolutionBackward;

impl<B: ConvolutionGradients> Backward<B, 2> for ConvolutionBackward {
    type State = Saved<B>;

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [input_node, weight_node] = ops.parents;
        let gradient = gradients.consume::<B>(&ops.node);
        let Saved { input, weight, geometry } = ops.state;
        if let Some(node) = input_node {
            let of_input = B::input_gradient(input.clone(), weight.clone(), gradient.clone(), geometry);
            gradients.register::<B>(node.id, of_input);
        }
        if let Some(node) = weight_node {
            gradients.register::<B>(node.id, B::weight_gradient(input, weight, gradient, geometry));
        }
    }
}

impl<B: ConvolutionGradients + Convolution, C: CheckpointStrategy> Convolution for Autodiff<B, C> {
    fn convolution(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self> {
        let nodes = [input.node(), weight.node()];
        let (input, weight) = (input.into_primitive(), weight.into_primitive());
        let output = B::convolution(input.clone(), weight.clone(), geometry);
        match ConvolutionBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish(Saved { input, weight, geometry }, output),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }
}

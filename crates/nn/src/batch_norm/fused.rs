//! Batch norm with what ends a residual layer, differentiated as one operation: what the backends with kernels of their own for it
//! (`flex`, `cube`) share.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, DispatchDevice, backend_extension};
#[cfg(feature = "cube")]
use burn::tensor::Shape;
use burn::tensor::{DType, Tensor};

/// Whether these operators are there for a tensor that is not empty: images in f32 on the Flex backend, anything in f32 or bf16 on a GPU.
pub(super) fn serves<const D: usize>(input: &Tensor<D>) -> bool {
    let device = input.device().inner();
    let there = match device.as_dispatch() {
        #[cfg(feature = "flex")]
        DispatchDevice::Flex(_) => D == 4 && input.dtype() == DType::F32,
        #[cfg(feature = "cube")]
        DispatchDevice::Cube(_) => D >= 2 && matches!(input.dtype(), DType::F32 | DType::BF16),
        _ => false,
    };
    there && input.shape().num_elements() > 0
}

/// Mean and biased variance of each channel of `[batch, channels, ..]`, as the two rows of `[2, channels]`, without a gradient.
pub(super) fn batch_statistics<const D: usize>(input: &Tensor<D>) -> Tensor<2> {
    let input = input.clone().without_autodiff().into_dispatch();
    Tensor::from_dispatch(<Dispatch as Kernels>::batch_norm_statistics(input))
}

/// Normalises by `statistics`, which [`batch_statistics`] gave for this same `input`; the gradient takes into account
/// that they depend on it. What is below 0 becomes 0 where `rectify`.
pub(super) fn normalize<const D: usize>(
    input: Tensor<D>,
    statistics: Tensor<2>,
    gain: Tensor<1>,
    shift: Tensor<1>,
    epsilon: f64,
    rectify: bool,
) -> Tensor<D> {
    let [input, gain, shift] = [input.into_dispatch(), gain.into_dispatch(), shift.into_dispatch()];
    let statistics = statistics.into_dispatch();
    Tensor::from_dispatch(<Dispatch as Normalization>::batch_norm_apply(
        input, gain, shift, statistics, epsilon, rectify,
    ))
}

/// [`normalize`], plus `residual` of the input's shape, rectified.
pub(super) fn normalize_add_relu<const D: usize>(
    input: Tensor<D>,
    residual: Tensor<D>,
    statistics: Tensor<2>,
    gain: Tensor<1>,
    shift: Tensor<1>,
    epsilon: f64,
) -> Tensor<D> {
    let [input, residual] = [input.into_dispatch(), residual.into_dispatch()];
    let [gain, shift] = [gain.into_dispatch(), shift.into_dispatch()];
    let statistics = statistics.into_dispatch();
    Tensor::from_dispatch(<Dispatch as Normalization>::batch_norm_add_relu(
        input, residual, gain, shift, statistics, epsilon,
    ))
}

/// What has no gradient.
#[backend_extension(Flex: cfg(feature = "flex"), Cube: cfg(feature = "cube"), Fusion: cfg(feature = "cube"))]
pub(crate) trait Kernels: Backend {
    /// Mean and variance, `[2, channels]`, in f32.
    #[fusion(dtype = DType::F32, shape = two_rows(input))]
    fn batch_norm_statistics(input: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The gradients of input, gain and shift. Where `rectified`, the gradient passes where `output` is above 0; else `output` is not
    /// read.
    #[fusion(meta = |input, _, _, gain, _, _, _| (input.clone(), gain.clone(), gain.clone()))]
    fn batch_norm_gradient(
        input: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        output: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        epsilon: f64,
        rectified: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// Those of a rectified sum, and the residual's at the end.
    #[fusion(meta = |input, _, _, gain, _, _| (input.clone(), gain.clone(), gain.clone(), input.clone()))]
    fn batch_norm_add_relu_gradient(
        input: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        output: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

/// The shape of mean and variance.
#[cfg(feature = "cube")]
fn two_rows(input: &Shape) -> Shape {
    Shape::new([2, input[1]])
}

#[backend_extension(Flex: cfg(feature = "flex"), Cube: cfg(feature = "cube"), Fusion: cfg(feature = "cube"), Autodiff)]
pub(crate) trait Normalization: Backend {
    /// The normalised input, rectified or not.
    #[fusion(dtype = input, shape = input)]
    fn batch_norm_apply(
        input: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        epsilon: f64,
        rectify: bool,
    ) -> FloatTensor<Self>;

    /// The rectified sum of the normalised input and the residual.
    #[fusion(dtype = input, shape = input)]
    fn batch_norm_add_relu(
        input: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self>;
}

/// What the backward pass needs.
#[derive(Clone, Debug)]
struct Saved<B: Backend> {
    input: FloatTensor<B>,
    gain: FloatTensor<B>,
    statistics: FloatTensor<B>,
    epsilon: f64,
    /// The output, where it was rectified.
    rectified: Option<FloatTensor<B>>,
}

#[derive(Debug)]
struct NormalizationBackward;

impl<B: Kernels> Backward<B, 3> for NormalizationBackward {
    type State = Saved<B>;

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let gradient = gradients.consume::<B>(&ops.node);
        let Saved { input, gain, statistics, epsilon, rectified } = ops.state;
        let is_rectified = rectified.is_some();
        let output = rectified.unwrap_or_else(|| input.clone());
        let found = B::batch_norm_gradient(input, gradient, output, gain, statistics, epsilon, is_rectified);
        for (node, gradient) in ops.parents.into_iter().zip(<[_; 3]>::from(found)) {
            if let Some(node) = node {
                gradients.register::<B>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct ResidualBackward;

impl<B: Kernels> Backward<B, 4> for ResidualBackward {
    type State = Saved<B>;

    fn backward(self, ops: Ops<Self::State, 4>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let gradient = gradients.consume::<B>(&ops.node);
        let Saved { input, gain, statistics, epsilon, rectified } = ops.state;
        let output = rectified.expect("a sum with a residual is rectified");
        let found = B::batch_norm_add_relu_gradient(input, gradient, output, gain, statistics, epsilon);
        for (node, gradient) in ops.parents.into_iter().zip(<[_; 4]>::from(found)) {
            if let Some(node) = node {
                gradients.register::<B>(node.id, gradient);
            }
        }
    }
}

impl<B: Kernels + Normalization, C: CheckpointStrategy> Normalization for Autodiff<B, C> {
    fn batch_norm_apply(
        input: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        epsilon: f64,
        rectify: bool,
    ) -> FloatTensor<Self> {
        let nodes = [input.node(), gain.node(), shift.node()];
        let (input, gain) = (input.into_primitive(), gain.into_primitive());
        let (shift, statistics) = (shift.into_primitive(), statistics.into_primitive());
        let output =
            B::batch_norm_apply(input.clone(), gain.clone(), shift, statistics.clone(), epsilon, rectify);
        match NormalizationBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                let rectified = rectify.then(|| output.clone());
                prepared.finish(Saved { input, gain, statistics, epsilon, rectified }, output)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }

    fn batch_norm_add_relu(
        input: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        let nodes = [input.node(), gain.node(), shift.node(), residual.node()];
        let (input, gain) = (input.into_primitive(), gain.into_primitive());
        let (shift, statistics) = (shift.into_primitive(), statistics.into_primitive());
        let output = B::batch_norm_add_relu(
            input.clone(),
            residual.into_primitive(),
            gain.clone(),
            shift,
            statistics.clone(),
            epsilon,
        );
        match ResidualBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                let rectified = Some(output.clone());
                prepared.finish(Saved { input, gain, statistics, epsilon, rectified }, output)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }
}

//! Batch norm, with what ends a residual layer, differentiated as one operation.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;
use seqjepa_cpu::NormShape;

use super::{primitive, serves_images};

/// Mean and biased variance of each channel of `[batch, channels, height, width]`, as the two rows of
/// `[2, channels]`, without a gradient. None where this operator does not serve.
pub(crate) fn batch_statistics<const D: usize>(input: &Tensor<D>) -> Option<Tensor<2>> {
    if !serves_images(input) {
        return None;
    }
    let input = input.clone().without_autodiff().into_dispatch();
    Some(Tensor::from_dispatch(<Dispatch as Statistics>::batch_norm_statistics(input)))
}

/// Normalises by `statistics`, which [`batch_statistics`] gave for this same `input`; the gradient takes into account
/// that they depend on it. What is below 0 becomes 0 where `rectify`.
pub(crate) fn normalize<const D: usize>(
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
pub(crate) fn normalize_add_relu<const D: usize>(
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

#[backend_extension(Flex)]
trait Statistics: Backend {
    /// Mean and variance, `[2, channels]`.
    fn batch_norm_statistics(input: FloatTensor<Self>) -> FloatTensor<Self>;
}

#[backend_extension(Flex, Autodiff)]
trait Normalization: Backend {
    /// The normalised input, rectified or not.
    fn batch_norm_apply(
        input: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        epsilon: f64,
        rectify: bool,
    ) -> FloatTensor<Self>;

    /// The rectified sum of the normalised input and the residual.
    fn batch_norm_add_relu(
        input: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self>;
}

fn shape(input: &FloatTensor<Flex>) -> NormShape {
    let [batch, channels, height, width] = input.shape().dims();
    NormShape { batch, channels, pixels: height * width }
}

impl Statistics for Flex {
    fn batch_norm_statistics(input: FloatTensor<Self>) -> FloatTensor<Self> {
        let shape = shape(&input);
        let mut values = vec![0.0; 2 * shape.channels];
        let (mean, variance) = values.split_at_mut(shape.channels);
        seqjepa_cpu::batch_statistics(&shape, input.to_contiguous().storage(), mean, variance);
        primitive(values, [2, shape.channels])
    }
}

impl Normalization for Flex {
    fn batch_norm_apply(
        input: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        epsilon: f64,
        rectify: bool,
    ) -> FloatTensor<Self> {
        applied(input, None, [gain, shift, statistics], epsilon, rectify)
    }

    fn batch_norm_add_relu(
        input: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        applied(input, Some(residual), [gain, shift, statistics], epsilon, true)
    }
}

fn applied(
    input: FloatTensor<Flex>,
    residual: Option<FloatTensor<Flex>>,
    per_channel: [FloatTensor<Flex>; 3],
    epsilon: f64,
    rectify: bool,
) -> FloatTensor<Flex> {
    let shape = shape(&input);
    let dims: [usize; 4] = input.shape().dims();
    let [gain, shift, statistics] = per_channel.map(|each| each.to_contiguous());
    let (input, residual) = (input.to_contiguous(), residual.map(|residual| residual.to_contiguous()));
    let (mean, variance) = statistics.storage().split_at(shape.channels);
    let mut output = vec![0.0; shape.len()];
    let per_channel = [mean, variance, gain.storage(), shift.storage()];
    let residual = residual.as_ref().map(|residual| residual.storage());
    seqjepa_cpu::normalize(&shape, input.storage(), per_channel, epsilon, residual, rectify, &mut output);
    primitive(output, dims)
}

/// What the backward pass needs.
#[derive(Clone, Debug)]
struct Saved {
    input: FloatTensor<Flex>,
    gain: FloatTensor<Flex>,
    statistics: FloatTensor<Flex>,
    epsilon: f64,
    /// The output, where it was rectified.
    rectified: Option<FloatTensor<Flex>>,
}

/// Gradients of input, gain, shift and, where asked for, of the residual.
fn gradients_of(
    saved: Saved,
    gradient: FloatTensor<Flex>,
    with_residual: bool,
) -> ([FloatTensor<Flex>; 3], Option<FloatTensor<Flex>>) {
    let Saved { input, gain, statistics, epsilon, rectified } = saved;
    let dims: [usize; 4] = input.shape().dims();
    let shape = shape(&input);
    let [input, gain, statistics] = [input, gain, statistics].map(|each| each.to_contiguous());
    let (mean, variance) = statistics.storage().split_at(shape.channels);
    // In place where nothing else holds the values.
    let mut input_gradient = gradient.to_contiguous();
    drop(gradient);
    let mut residual_gradient = with_residual.then(|| vec![0.0; shape.len()]);
    let (gain_gradient, shift_gradient) = seqjepa_cpu::batch_norm_gradient(
        &shape,
        input.storage(),
        [mean, variance, gain.storage()],
        epsilon,
        rectified.as_ref().map(|output| output.storage()),
        input_gradient.storage_mut(),
        residual_gradient.as_deref_mut(),
    );
    let [gain, shift] = [gain_gradient, shift_gradient].map(|values| primitive(values, [shape.channels]));
    ([input_gradient, gain, shift], residual_gradient.map(|values| primitive(values, dims)))
}

#[derive(Debug)]
struct NormalizationBackward;

impl Backward<Flex, 3> for NormalizationBackward {
    type State = Saved;

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let gradient = gradients.consume::<Flex>(&ops.node);
        let (found, _) = gradients_of(ops.state, gradient, false);
        for (node, gradient) in ops.parents.into_iter().zip(found) {
            if let Some(node) = node {
                gradients.register::<Flex>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct ResidualBackward;

impl Backward<Flex, 4> for ResidualBackward {
    type State = Saved;

    fn backward(self, ops: Ops<Self::State, 4>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let gradient = gradients.consume::<Flex>(&ops.node);
        let [input, residual, gain, shift] = ops.parents;
        let (found, residual_found) = gradients_of(ops.state, gradient, residual.is_some());
        for (node, gradient) in [input, gain, shift].into_iter().zip(found) {
            if let Some(node) = node {
                gradients.register::<Flex>(node.id, gradient);
            }
        }
        if let (Some(node), Some(gradient)) = (residual, residual_found) {
            gradients.register::<Flex>(node.id, gradient);
        }
    }
}

impl<C: CheckpointStrategy> Normalization for Autodiff<Flex, C> {
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
        let per_channel = [gain.clone(), shift, statistics.clone()];
        let output = applied(input.clone(), None, per_channel, epsilon, rectify);
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
        let nodes = [input.node(), residual.node(), gain.node(), shift.node()];
        let (input, gain) = (input.into_primitive(), gain.into_primitive());
        let (shift, statistics) = (shift.into_primitive(), statistics.into_primitive());
        let per_channel = [gain.clone(), shift, statistics.clone()];
        let residual = Some(residual.into_primitive());
        let output = applied(input.clone(), residual, per_channel, epsilon, true);
        match ResidualBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                let rectified = Some(output.clone());
                prepared.finish(Saved { input, gain, statistics, epsilon, rectified }, output)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }
}

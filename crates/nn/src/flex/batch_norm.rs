//! Batch norm in training, differentiated as one operation.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;
use seqjepa_cpu::NormShape;

use super::{primitive, serves};

/// Mean and biased variance of each channel of `[batch, channels, height, width]`, as the two rows of
/// `[2, channels]`, without a gradient. None where this operator does not serve.
pub(crate) fn batch_statistics<const D: usize>(input: &Tensor<D>) -> Option<Tensor<2>> {
    if D != 4 || !serves(input) || input.shape().num_elements() == 0 {
        return None;
    }
    let input = input.clone().without_autodiff().into_dispatch();
    Some(Tensor::from_dispatch(<Dispatch as Statistics>::batch_norm_statistics(input)))
}

/// Normalises by `statistics`, which [`batch_statistics`] gave for this same `input`; the gradient takes into account
/// that they depend on it.
pub(crate) fn normalize<const D: usize>(
    input: Tensor<D>,
    statistics: Tensor<2>,
    gain: Tensor<1>,
    shift: Tensor<1>,
    epsilon: f64,
) -> Tensor<D> {
    let [input, gain, shift] = [input.into_dispatch(), gain.into_dispatch(), shift.into_dispatch()];
    let statistics = statistics.into_dispatch();
    Tensor::from_dispatch(<Dispatch as Normalization>::batch_norm_apply(
        input, gain, shift, statistics, epsilon,
    ))
}

#[backend_extension(Flex)]
trait Statistics: Backend {
    /// Mean and variance, `[2, channels]`.
    fn batch_norm_statistics(input: FloatTensor<Self>) -> FloatTensor<Self>;
}

#[backend_extension(Flex, Autodiff)]
trait Normalization: Backend {
    /// The normalised input.
    fn batch_norm_apply(
        input: FloatTensor<Self>,
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
    ) -> FloatTensor<Self> {
        let shape = shape(&input);
        let dims: [usize; 4] = input.shape().dims();
        let [input, gain, shift, statistics] =
            [input, gain, shift, statistics].map(|each| each.to_contiguous());
        let (mean, variance) = statistics.storage().split_at(shape.channels);
        let mut output = vec![0.0; shape.len()];
        let per_channel = [mean, variance, gain.storage(), shift.storage()];
        seqjepa_cpu::normalize(&shape, input.storage(), per_channel, epsilon, &mut output);
        primitive(output, dims)
    }
}

/// What the backward pass needs.
#[derive(Clone, Debug)]
struct Saved {
    input: FloatTensor<Flex>,
    gain: FloatTensor<Flex>,
    statistics: FloatTensor<Flex>,
    epsilon: f64,
}

#[derive(Debug)]
struct NormalizationBackward;

impl Backward<Flex, 3> for NormalizationBackward {
    type State = Saved;

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [input_node, gain_node, shift_node] = ops.parents;
        let gradient = gradients.consume::<Flex>(&ops.node).to_contiguous();
        let Saved { input, gain, statistics, epsilon } = ops.state;
        let dims: [usize; 4] = input.shape().dims();
        let shape = shape(&input);
        let [input, gain, statistics] = [input, gain, statistics].map(|each| each.to_contiguous());
        let (mean, variance) = statistics.storage().split_at(shape.channels);
        let mut values = vec![0.0; shape.len()];
        let (gain_gradient, shift_gradient) = seqjepa_cpu::batch_norm_gradient(
            &shape,
            input.storage(),
            [mean, variance, gain.storage()],
            epsilon,
            gradient.storage(),
            &mut values,
        );
        if let Some(node) = input_node {
            gradients.register::<Flex>(node.id, primitive(values, dims));
        }
        if let Some(node) = gain_node {
            gradients.register::<Flex>(node.id, primitive(gain_gradient, [shape.channels]));
        }
        if let Some(node) = shift_node {
            gradients.register::<Flex>(node.id, primitive(shift_gradient, [shape.channels]));
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
    ) -> FloatTensor<Self> {
        let nodes = [input.node(), gain.node(), shift.node()];
        let (input, gain) = (input.into_primitive(), gain.into_primitive());
        let (shift, statistics) = (shift.into_primitive(), statistics.into_primitive());
        let output = Flex::batch_norm_apply(input.clone(), gain.clone(), shift, statistics.clone(), epsilon);
        match NormalizationBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish(Saved { input, gain, statistics, epsilon }, output),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }
}

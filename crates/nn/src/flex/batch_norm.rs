//! Batch norm by the kernels of `seqjepa-cpu`.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};
use seqjepa_cpu::NormShape;

use super::primitive;
use crate::batch_norm::fused::{Kernels, Normalization};

fn shape(input: &FloatTensor<Flex>) -> NormShape {
    let [batch, channels, height, width] = input.shape().dims();
    NormShape { batch, channels, pixels: height * width }
}

impl Kernels for Flex {
    fn batch_norm_statistics(input: FloatTensor<Self>) -> FloatTensor<Self> {
        let shape = shape(&input);
        let mut values = vec![0.0; 2 * shape.channels];
        let (mean, variance) = values.split_at_mut(shape.channels);
        seqjepa_cpu::batch_statistics(&shape, input.to_contiguous().storage(), mean, variance);
        primitive(values, [2, shape.channels])
    }

    fn batch_norm_gradient(
        input: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        output: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        epsilon: f64,
        rectified: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let output = rectified.then_some(output);
        let [gradient, gain, shift] = gradients([input, gain, statistics], gradient, output, epsilon, None);
        (gradient, gain, shift)
    }

    fn batch_norm_add_relu_gradient(
        input: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        output: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let dims: [usize; 4] = input.shape().dims();
        let mut residual = vec![0.0; dims.iter().product()];
        let [gradient, gain, shift] =
            gradients([input, gain, statistics], gradient, Some(output), epsilon, Some(&mut residual));
        (gradient, gain, shift, primitive(residual, dims))
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

/// Gradients of input, gain and shift; that of the residual into its place, where there is one.
fn gradients(
    [input, gain, statistics]: [FloatTensor<Flex>; 3],
    gradient: FloatTensor<Flex>,
    rectified: Option<FloatTensor<Flex>>,
    epsilon: f64,
    residual_gradient: Option<&mut [f32]>,
) -> [FloatTensor<Flex>; 3] {
    let shape = shape(&input);
    let [input, gain, statistics] = [input, gain, statistics].map(|each| each.to_contiguous());
    let (mean, variance) = statistics.storage().split_at(shape.channels);
    // In place where nothing else holds the values.
    let mut input_gradient = gradient.to_contiguous();
    drop(gradient);
    let (gain_gradient, shift_gradient) = seqjepa_cpu::batch_norm_gradient(
        &shape,
        input.storage(),
        [mean, variance, gain.storage()],
        epsilon,
        rectified.as_ref().map(|output| output.storage()),
        input_gradient.storage_mut(),
        residual_gradient,
    );
    let [gain, shift] = [gain_gradient, shift_gradient].map(|values| primitive(values, [shape.channels]));
    [input_gradient, gain, shift]
}

//! Convolution.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};
use seqjepa_cpu::ConvShape;

use super::primitive;
use crate::conv::operator::{Convolution, ConvolutionGradients, Geometry};

fn shape(input: &FloatTensor<Flex>, weight: &FloatTensor<Flex>, geometry: Geometry) -> ConvShape {
    let [batch, inputs, height, width] = input.shape().dims();
    let [outputs, _, kernel, _] = weight.shape().dims();
    let Geometry { stride, padding, .. } = geometry;
    ConvShape { batch, inputs, outputs, height, width, kernel, stride, padding }
}

impl Convolution for Flex {
    fn convolution(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self> {
        let shape = shape(&input, &weight, geometry);
        let (input, weight) = (input.to_contiguous(), weight.to_contiguous());
        let mut output = vec![0.0; shape.output_len()];
        seqjepa_cpu::convolve(&shape, input.storage(), weight.storage(), &mut output);
        primitive(output, [shape.batch, shape.outputs, shape.output_height(), shape.output_width()])
    }
}

impl ConvolutionGradients for Flex {
    fn input_gradient(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self> {
        let shape = shape(&input, &weight, geometry);
        let (weight, gradient) = (weight.to_contiguous(), gradient.to_contiguous());
        let mut values = vec![0.0; shape.input_len()];
        seqjepa_cpu::input_gradient(&shape, weight.storage(), gradient.storage(), &mut values);
        primitive(values, input.shape().dims::<4>())
    }

    fn weight_gradient(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self> {
        let shape = shape(&input, &weight, geometry);
        let (input, gradient) = (input.to_contiguous(), gradient.to_contiguous());
        let mut values = vec![0.0; shape.weight_len()];
        seqjepa_cpu::weight_gradient(&shape, input.storage(), gradient.storage(), &mut values);
        primitive(values, weight.shape().dims::<4>())
    }
}

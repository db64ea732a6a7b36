//! Two-dimensional convolution.

#[cfg(any(feature = "flex", feature = "cube"))]
pub(crate) mod operator;
#[cfg(any(feature = "cube", all(test, feature = "flex")))]
pub(crate) mod taller;

use crate::InitRng;
#[cfg(any(feature = "flex", feature = "cube"))]
use crate::Precision;
use crate::precision::held_product;
use crate::recompute::value;
#[cfg(feature = "cube")]
use burn::backend::{Dispatch, DispatchDevice};
use burn::module::{Module, Param};
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, module};

/// The gradient of a convolution's weight, `[out, in, kernel, kernel]`, whose values are not read, by those of its output, on GPUs by the
/// kernel of this crate that divides the batch, where the device has the instructions for it and factors may be rounded, whatever autotune
/// says: so that checks can hold it against others. All outside autodiff.
#[must_use]
pub fn split_weight_gradient(
    input: Tensor<4>,
    weight: Tensor<4>,
    gradient: Tensor<4>,
    [stride, padding]: [usize; 2],
) -> Tensor<4> {
    #[cfg(feature = "cube")]
    if matches!(input.device().as_dispatch(), DispatchDevice::Cube(_)) {
        let in_f32 = Precision::current() == Precision::F32;
        let geometry = operator::Geometry { stride, padding, in_f32 };
        let [input, weight, gradient] = [input, weight, gradient].map(Tensor::into_dispatch);
        let found = <Dispatch as operator::SplitWeightGradient>::split_weight_gradient(
            input, weight, gradient, geometry,
        );
        return Tensor::from_dispatch(found);
    }
    let layer =
        Conv2d { weight: Param::from_tensor(weight.autodiff().require_grad()), bias: None, stride, padding };
    let output = layer.forward(input.autodiff());
    let gradients = (output * gradient.autodiff()).sum().backward();
    layer.weight.val().grad(&gradients).expect("it was asked for")
}

/// A square convolution with `torch.nn.Conv2d`'s layout: the weight is `[out, in, kernel, kernel]`.
#[derive(Module, Debug)]
pub struct Conv2d {
    /// Weight, `[out, in, kernel, kernel]`.
    pub weight: Param<Tensor<4>>,
    /// Bias, `[out]`.
    pub bias: Option<Param<Tensor<1>>>,
    stride: usize,
    padding: usize,
}

impl Conv2d {
    /// A convolution without bias as residual networks start it: weight from N(0, 2 / (out · kernel²)),
    /// Kaiming normal over the fan-out for ReLU (torchvision's `resnet.py`).
    pub fn kaiming(
        [inputs, outputs]: [usize; 2],
        kernel: usize,
        [stride, padding]: [usize; 2],
        rng: &mut InitRng,
        device: &Device,
    ) -> Self {
        let deviation = (2.0 / (outputs * kernel * kernel) as f64).sqrt();
        let weight = rng.normal([outputs, inputs, kernel, kernel], deviation, device);
        Self { weight: Param::from_tensor(weight), bias: None, stride, padding }
    }

    /// A convolution of non-overlapping patches with bias and `torch.nn.Conv2d`'s default values:
    /// weight and bias from U(-1/√fan_in, 1/√fan_in).
    pub fn patches([inputs, outputs]: [usize; 2], kernel: usize, rng: &mut InitRng, device: &Device) -> Self {
        let bound = 1.0 / ((inputs * kernel * kernel) as f64).sqrt();
        let weight = rng.uniform([outputs, inputs, kernel, kernel], bound, device);
        let bias = rng.uniform([outputs], bound, device);
        Self {
            weight: Param::from_tensor(weight),
            bias: Some(Param::from_tensor(bias)),
            stride: kernel,
            padding: 0,
        }
    }

    /// Convolves `[batch, in, height, width]` to `[batch, out, height', width']`.
    ///
    /// On the Flex backend (feature `flex`) the kernels of `seqjepa-cpu` do it; everywhere else Burn does, on its GPU backends (feature
    /// `cube`) with a weight gradient that is kept from a fault of Burn 0.22.1 or, where that is faster, of this crate's own, and within [`Precision::F32`](crate::Precision::F32) without
    /// matrix instructions. Of an input in bf16 the output is bf16
    /// ([`narrowed`](crate::narrowed)).
    #[must_use]
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let sums = held_product(input, value(&self.weight), |input, weight| self.convolve(input, weight));
        match &self.bias {
            Some(bias) => {
                let held = sums.dtype();
                sums + value(bias).reshape([1, -1, 1, 1]).cast(held)
            }
            None => sums,
        }
    }

    pub(crate) fn convolve(&self, input: Tensor<4>, weight: Tensor<4>) -> Tensor<4> {
        #[cfg(any(feature = "flex", feature = "cube"))]
        {
            let in_f32 = Precision::current() == Precision::F32;
            let geometry = operator::Geometry { stride: self.stride, padding: self.padding, in_f32 };
            if let Some(output) = operator::convolve(&input, &weight, geometry) {
                return output;
            }
        }
        let options = ConvOptions::new([self.stride, self.stride], [self.padding, self.padding], [1, 1], 1);
        module::conv2d(input, weight, None, options)
    }
}

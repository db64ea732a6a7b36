//! The affine map.

use crate::precision::{matmul_in_f32, product};
use crate::recompute::value;
use crate::{InitRng, Precision};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, module};

/// `y = x Wᵀ + b` with `torch.nn.Linear`'s layout: the weight is `[out, in]`.
#[derive(Module, Debug)]
pub struct Linear {
    /// Weight, `[out, in]`.
    pub weight: Param<Tensor<2>>,
    /// Bias, `[out]`.
    pub bias: Option<Param<Tensor<1>>>,
}

impl Linear {
    /// A layer with bias and PyTorch's default values: weight and bias from U(-1/√in, 1/√in).
    pub fn new(inputs: usize, outputs: usize, rng: &mut InitRng, device: &Device) -> Self {
        let bound = 1.0 / (inputs as f64).sqrt();
        let weight = rng.uniform([outputs, inputs], bound, device);
        let bias = rng.uniform([outputs], bound, device);
        Self { weight: Param::from_tensor(weight), bias: Some(Param::from_tensor(bias)) }
    }

    /// A layer without bias, its weight from U(-1/√in, 1/√in).
    pub fn without_bias(inputs: usize, outputs: usize, rng: &mut InitRng, device: &Device) -> Self {
        let bound = 1.0 / (inputs as f64).sqrt();
        Self { weight: Param::from_tensor(rng.uniform([outputs, inputs], bound, device)), bias: None }
    }

    /// Maps the last axis: `[.., in]` to `[.., out]`.
    pub fn forward<const D: usize>(&self, input: Tensor<D>) -> Tensor<D> {
        affine(input, value(&self.weight), self.bias.as_ref().map(value))
    }
}

/// `x Wᵀ + b` in the precision of this thread.
pub(crate) fn affine<const D: usize>(
    input: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
) -> Tensor<D> {
    if Precision::current() == Precision::Full {
        return module::linear(input, weight.transpose(), bias);
    }
    let sums = product(input, weight.transpose(), |input, weight| {
        if Precision::current() == Precision::F32 {
            rows_by(input, weight)
        } else {
            module::linear(input, weight, None)
        }
    });
    match bias {
        Some(bias) => sums + bias.unsqueeze(),
        None => sums,
    }
}

/// The product in f32 of all rows `[.., in]` by `[in, out]`.
fn rows_by<const D: usize>(input: Tensor<D>, weight: Tensor<2>) -> Tensor<D> {
    let mut dims = input.dims();
    let rows = dims[..D - 1].iter().product::<usize>();
    let sums = matmul_in_f32(input.reshape([rows, dims[D - 1]]), weight);
    dims[D - 1] = sums.dims()[1];
    sums.reshape(dims)
}

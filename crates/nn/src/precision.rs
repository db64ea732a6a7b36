//! What convolutions and matrix products round their factors to.

use std::cell::Cell;

use burn::tensor::{FloatDType, Tensor};

/// What [`Conv2d`](crate::Conv2d), [`Linear`](crate::Linear) and [`MultiHeadAttention`](crate::MultiHeadAttention) round the factors
/// of their products to. Parameters, sums of biases, batch norm and all else stay f32 in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// To nothing: products are those of the backend in f32. On CUDA Burn 0.22.1 rounds factors to TF32 on tensor cores of its
    /// own accord, and has no switch for that.
    #[default]
    Full,
    /// To bf16, factors and results, and so the gradients that pass through; what is in between is summed as the device sums bf16,
    /// which on tensor cores is in f32. The Flex backend has no such products: there the same roundings surround those in f32, so
    /// that results are a GPU's but for the order of sums.
    Bf16,
}

thread_local! {
    static PRECISION: Cell<Precision> = const { Cell::new(Precision::Full) };
}

impl Precision {
    /// That of this thread.
    pub(crate) fn current() -> Self {
        PRECISION.get()
    }

    /// Computes the layers of `forward` so. Their backward passes follow, wherever they are computed.
    pub fn within<T>(self, forward: impl FnOnce() -> T) -> T {
        let _back = Back(PRECISION.replace(self));
        forward()
    }
}

/// Restores the precision of the thread, after a panic too.
struct Back(Precision);

impl Drop for Back {
    fn drop(&mut self) {
        PRECISION.set(self.0);
    }
}

/// The matrix product in the precision of this thread, `[.., rows, inner]` by `[.., inner, columns]`.
#[must_use]
pub fn matmul<const D: usize>(left: Tensor<D>, right: Tensor<D>) -> Tensor<D> {
    product(left, right, Tensor::matmul)
}

/// A product in the precision of this thread.
pub(crate) fn product<const A: usize, const B: usize, const C: usize>(
    left: Tensor<A>,
    right: Tensor<B>,
    product: impl FnOnce(Tensor<A>, Tensor<B>) -> Tensor<C>,
) -> Tensor<C> {
    match Precision::current() {
        Precision::Full => product(left, right),
        Precision::Bf16 if in_f32(&left) => rounded(product(rounded(left), rounded(right))),
        Precision::Bf16 => narrow(left, right, product),
    }
}

/// A product in bf16.
fn narrow<const A: usize, const B: usize, const C: usize>(
    left: Tensor<A>,
    right: Tensor<B>,
    product: impl FnOnce(Tensor<A>, Tensor<B>) -> Tensor<C>,
) -> Tensor<C> {
    product(left.cast(FloatDType::BF16), right.cast(FloatDType::BF16)).cast(FloatDType::F32)
}

/// Whether products of rounded factors are made in f32.
fn in_f32<const D: usize>(factor: &Tensor<D>) -> bool {
    #[cfg(feature = "flex")]
    return crate::flex::serves(factor);
    #[cfg(not(feature = "flex"))]
    {
        let _ = factor;
        false
    }
}

/// To bf16 and back; the gradient as well.
fn rounded<const D: usize>(values: Tensor<D>) -> Tensor<D> {
    values.cast(FloatDType::BF16).cast(FloatDType::F32)
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::host::read;
    use crate::{InitRng, Linear};

    fn bf16(value: f32) -> f32 {
        // Rounds to nearest, ties to even, on the upper half of the bits.
        let bits = value.to_bits();
        f32::from_bits((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000)
    }

    #[test]
    fn factors_results_and_gradients_are_rounded() {
        let device = Device::flex().autodiff();
        let layer = Linear::new(3, 2, &mut InitRng::new(5), &device);
        let input = Tensor::<2>::from_floats([[0.123_456, -1.7, 2.345_678]], &device).require_grad();
        let weight = read(layer.weight.val());
        let bias = read(layer.bias.as_ref().unwrap().val());
        let output = Precision::Bf16.within(|| layer.forward(input.clone()));
        let gradients = (output.clone() * Tensor::from_floats([[0.3, -0.777]], &device)).sum().backward();

        let row: Vec<f32> = read(input.clone()).into_iter().map(bf16).collect();
        let expected: Vec<f32> = (0..2)
            .map(|out| {
                let sum = (0..3).map(|at| row[at] * bf16(weight[out * 3 + at])).sum::<f32>();
                bf16(sum) + bias[out]
            })
            .collect();
        assert_eq!(read(output), expected);
        let of_output = [0.3f32, -0.777].map(bf16);
        let of_input: Vec<f32> = (0..3)
            .map(|at| bf16((0..2).map(|out| of_output[out] * bf16(weight[out * 3 + at])).sum::<f32>()))
            .collect();
        assert_eq!(read(input.grad(&gradients).unwrap()), of_input);
        let of_weight: Vec<f32> = (0..6).map(|at| bf16(of_output[at / 3] * row[at % 3])).collect();
        assert_eq!(read(layer.weight.val().grad(&gradients).unwrap()), of_weight);
        // The bias has no factor.
        assert_eq!(read(layer.bias.as_ref().unwrap().val().grad(&gradients).unwrap()), [0.3, -0.777]);
    }

    /// What GPUs do, which Flex can do too, for a product: values and gradients are those with roundings around a product in f32, but for
    /// sums that fall between two values of bf16.
    #[test]
    fn products_in_bf16_are_rounded_products() {
        let device = Device::flex().autodiff();
        let run = |in_bf16: bool| {
            let mut rng = InitRng::new(3);
            let [left, right] = [[5, 40], [40, 7]].map(|dims| rng.normal(dims, 1.0, &device).require_grad());
            let product = |left: Tensor<2>, right: Tensor<2>| {
                if in_bf16 { narrow(left, right, Tensor::matmul) } else { matmul(left, right) }
            };
            let output = Precision::Bf16.within(|| product(left.clone(), right.clone()));
            let weights = rng.normal([5, 7], 1.0, &device);
            let gradients = (output.clone() * weights).sum().backward();
            [output, left.grad(&gradients).unwrap(), right.grad(&gradients).unwrap()].map(read)
        };
        for (found, expected) in run(true).into_iter().flatten().zip(run(false).into_iter().flatten()) {
            // A step of bf16.
            assert!((found - expected).abs() <= expected.abs() / 128.0, "{found} {expected}");
        }
    }

    #[test]
    fn it_ends_with_the_forward_pass() {
        let seen = || PRECISION.get();
        let inner = Precision::Bf16.within(|| (seen(), Precision::Full.within(seen), seen()));
        assert_eq!(inner, (Precision::Bf16, Precision::Full, Precision::Bf16));
        assert!(std::panic::catch_unwind(|| Precision::Bf16.within(|| panic!("a shape"))).is_err());
        assert_eq!(seen(), Precision::Full);
    }
}

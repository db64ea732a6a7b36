//! What convolutions and matrix products round their factors to.

mod in_f32;
#[cfg(feature = "cube")]
pub(crate) mod product_operator;

use std::cell::Cell;

use burn::tensor::{DType, FloatDType, Tensor};

pub use in_f32::matmul_in_f32;

/// What [`Conv2d`](crate::Conv2d), [`Linear`](crate::Linear) and [`MultiHeadAttention`](crate::MultiHeadAttention) round the factors
/// of their products to. Parameters, what batch norm computes and all else stay f32 in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// To nothing: products are those of the backend in f32. On CUDA Burn 0.22.1 rounds factors to TF32 on tensor cores of its
    /// own accord, and has no switch for that.
    #[default]
    Full,
    /// To nothing, on CUDA neither: on GPUs all products go by kernels without matrix instructions, several times slower. On the processor
    /// the same as [`Full`](Self::Full).
    F32,
    /// To bf16, factors and results, and so the gradients that pass through; what is in between is summed as the device sums bf16,
    /// which on tensor cores is in f32. The Flex backend has no such products: there the same roundings surround those in f32, so
    /// that results are a GPU's but for the order of sums.
    ///
    /// Results become f32 again, unless activations were made bf16 by [`narrowed`]: [`Conv2d`](crate::Conv2d) and
    /// [`BatchNorm`](crate::BatchNorm) then leave them so, which halves what layers read, write and keep.
    Bf16,
    /// On the Flex backend to TF32, 10 bits of mantissa, factors alone, as tensor cores do with [`Full`](Self::Full) on CUDA; elsewhere
    /// the same as that. What such a device is held against.
    Tf32,
}

thread_local! {
    static PRECISION: Cell<Precision> = const { Cell::new(Precision::Full) };
}

impl Precision {
    /// That of this thread, which others do not have of themselves.
    #[must_use]
    pub fn current() -> Self {
        PRECISION.get()
    }

    /// What is beside a training step: nothing is rounded there, unless the device does so of its own accord and was not told otherwise.
    #[must_use]
    pub fn beside_steps(self) -> Self {
        match self {
            Self::F32 => Self::F32,
            Self::Full | Self::Bf16 | Self::Tf32 => Self::Full,
        }
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
    match Precision::current() {
        Precision::F32 => matmul_in_f32(left, right),
        _ => product(left, right, Tensor::matmul),
    }
}

/// Activations as the layers after them are to hold them: in bf16 within [`Precision::Bf16`], else as they are. Gradients too.
///
/// [`Conv2d`](crate::Conv2d) and [`BatchNorm`](crate::BatchNorm) give back what they are given, bf16 for bf16; so do Burn's pooling and
/// [`relu`](crate::relu). What follows them takes f32 from [`widened`].
#[must_use]
pub fn narrowed<const D: usize>(values: Tensor<D>) -> Tensor<D> {
    match Precision::current() {
        Precision::Full | Precision::F32 | Precision::Tf32 => values,
        Precision::Bf16 => values.cast(FloatDType::BF16),
    }
}

/// Activations in f32, whatever they were held in.
#[must_use]
pub fn widened<const D: usize>(values: Tensor<D>) -> Tensor<D> {
    if is_narrow(&values) { values.cast(FloatDType::F32) } else { values }
}

/// Whether activations are held in bf16.
pub(crate) fn is_narrow<const D: usize>(values: &Tensor<D>) -> bool {
    values.dtype() == DType::BF16
}

/// A product whose result is held as its left factor is: what is in bf16 stays so.
pub(crate) fn held_product<const A: usize, const B: usize, const C: usize>(
    left: Tensor<A>,
    right: Tensor<B>,
    compute: impl FnOnce(Tensor<A>, Tensor<B>) -> Tensor<C>,
) -> Tensor<C> {
    if !is_narrow(&left) {
        return product(left, right, compute);
    }
    if in_f32(&left) {
        return compute(widened(left), rounded(right)).cast(FloatDType::BF16);
    }
    compute(left, right.cast(FloatDType::BF16))
}

/// A product in the precision of this thread.
pub(crate) fn product<const A: usize, const B: usize, const C: usize>(
    left: Tensor<A>,
    right: Tensor<B>,
    product: impl FnOnce(Tensor<A>, Tensor<B>) -> Tensor<C>,
) -> Tensor<C> {
    match Precision::current() {
        // That it is in f32 is up to `product`.
        Precision::Full | Precision::F32 => product(left, right),
        Precision::Bf16 if in_f32(&left) => rounded(product(rounded(left), rounded(right))),
        Precision::Bf16 => narrow(left, right, product),
        #[cfg(feature = "flex")]
        Precision::Tf32 if crate::flex::serves(&left) => {
            use crate::flex::tf32::{factor, result};
            result(product(factor(left), factor(right)))
        }
        Precision::Tf32 => product(left, right),
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
    return crate::flex::is_there(factor);
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
    use crate::{BatchNorm, Conv2d, InitRng, Linear, Mode, relu};

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

    #[test]
    fn factors_are_rounded_to_tf32_forward_and_back() {
        let tf32 = |value: f32| f32::from_bits((value.to_bits() + 0x1000) & !0x1fff);
        let device = Device::flex().autodiff();
        let left = Tensor::<2>::from_floats([[0.123_456, -1.7, 2.345_678]], &device).require_grad();
        let right = Tensor::<2>::from_floats([[1.2345], [0.777], [-3.3]], &device).require_grad();
        let output = Precision::Tf32.within(|| matmul(left.clone(), right.clone()));
        let gradients = (output.clone() * 0.3).sum().backward();
        let [l, r] = [read(left.clone()), read(right.clone())];
        let expected: f32 = l.iter().zip(&r).map(|(l, r)| tf32(*l) * tf32(*r)).sum();
        assert!((read(output)[0] - expected).abs() < 1e-6);
        let of_left: Vec<f32> = r.iter().map(|r| tf32(0.3) * tf32(*r)).collect();
        assert_eq!(read(left.grad(&gradients).unwrap()), of_left);
        let of_right: Vec<f32> = l.iter().map(|l| tf32(0.3) * tf32(*l)).collect();
        assert_eq!(read(right.grad(&gradients).unwrap()), of_right);
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

    /// Convolution, batch norm and what ends a residual block leave bf16 in bf16: what they would give in f32, rounded wherever it is held,
    /// and its gradients as well.
    #[test]
    fn what_is_narrow_stays_so() {
        let device = Device::flex().autodiff();
        let mut rng = InitRng::new(11);
        let conv = Conv2d::kaiming([3, 5], 3, [2, 1], &mut rng, &device);
        let patches = Conv2d::patches([3, 5], 2, &mut rng, &device);
        let [first, last, evaluated] = [(); 3].map(|()| BatchNorm::new(5, &device));
        let pixels: Tensor<4> = rng.normal([4, 3, 8, 8], 1.0, &device);
        let weights: Tensor<4> = rng.normal([4, 5, 4, 4], 1.0, &device);
        let run = |narrow: bool| {
            let hold = |values: Tensor<4>| if narrow { values } else { rounded(values) };
            let convolve = |layer: &Conv2d, input: Tensor<4>| {
                if narrow {
                    return layer.forward(input);
                }
                let mut layer = layer.clone();
                let bias = layer.bias.take().map(|bias| bias.val());
                // Each of several gradients of an input is rounded.
                let output = rounded(layer.convolve(rounded(input), rounded(layer.weight.val())));
                match bias {
                    Some(bias) => rounded(output + rounded(bias).reshape([1, -1, 1, 1])),
                    None => output,
                }
            };
            let leaf = pixels.clone().require_grad();
            let input = if narrow {
                Precision::Bf16.within(|| narrowed(leaf.clone()))
            } else {
                rounded(leaf.clone())
            };
            let shortcut = hold(first.forward(convolve(&conv, input.clone()), Mode::Train));
            let main = hold(evaluated.forward_relu(convolve(&patches, input), Mode::Eval));
            let output = hold(last.forward_add_relu(main, shortcut, Mode::Train));
            assert_eq!(is_narrow(&output), narrow);
            let output = hold(relu(output));
            let loss = (widened(output.clone()) * weights.clone()).sum();
            let gradients = loss.backward();
            let parameter = |tensor: Tensor<4>| read(tensor.grad(&gradients).unwrap());
            [
                read(widened(output)),
                parameter(leaf),
                parameter(conv.weight.val()),
                parameter(patches.weight.val()),
                read(last.weight.as_ref().unwrap().val().grad(&gradients).unwrap()),
            ]
        };
        let (narrow, wide) = (run(true), run(false));
        for (what, (narrow, wide)) in narrow.into_iter().zip(wide).enumerate() {
            assert!(wide.iter().any(|value| *value != 0.0));
            assert_eq!(narrow, wide, "{what}");
        }
        // Without bf16 nothing becomes narrow.
        assert!(!is_narrow(&narrowed(pixels.clone())));
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

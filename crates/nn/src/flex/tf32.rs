//! What tensor cores round the factors of f32 products to.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;

use super::serves;

/// A factor of a product, rounded to TF32. Its gradient is as the product's backward pass gives it.
pub(crate) fn factor<const D: usize>(values: Tensor<D>) -> Tensor<D> {
    rounding(values, true)
}

/// The result of a product as it is, whose gradient is a factor in the backward pass, and is rounded.
pub(crate) fn result<const D: usize>(values: Tensor<D>) -> Tensor<D> {
    rounding(values, false)
}

fn rounding<const D: usize>(values: Tensor<D>, forward: bool) -> Tensor<D> {
    debug_assert!(serves(&values));
    Tensor::from_dispatch(<Dispatch as Rounding>::to_tf32(values.into_dispatch(), forward))
}

/// Bits of an f32's mantissa that TF32 leaves out.
const LEFT_OUT: u32 = 13;

/// To the nearest of 10 bits of mantissa, ties away from zero: PTX's `cvt.rna.tf32.f32`.
fn rounded(value: f32) -> f32 {
    if value.is_finite() {
        f32::from_bits((value.to_bits() + (1 << (LEFT_OUT - 1))) >> LEFT_OUT << LEFT_OUT)
    } else {
        value
    }
}

fn all_rounded(values: FloatTensor<Flex>) -> FloatTensor<Flex> {
    let mut values = values.to_contiguous();
    values.storage_mut::<f32>().iter_mut().for_each(|value| *value = rounded(*value));
    values
}

#[backend_extension(Flex, Autodiff)]
trait Rounding: Backend {
    /// Rounds `values` if `forward`, and else their gradient.
    fn to_tf32(values: FloatTensor<Self>, forward: bool) -> FloatTensor<Self>;
}

impl Rounding for Flex {
    fn to_tf32(values: FloatTensor<Self>, forward: bool) -> FloatTensor<Self> {
        if forward { all_rounded(values) } else { values }
    }
}

#[derive(Debug)]
struct RoundingBackward;

impl Backward<Flex, 1> for RoundingBackward {
    /// Whether values were rounded, and not their gradient.
    type State = bool;

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [node] = ops.parents;
        let gradient = gradients.consume::<Flex>(&ops.node);
        if let Some(node) = node {
            let gradient = if ops.state { gradient } else { all_rounded(gradient) };
            gradients.register::<Flex>(node.id, gradient);
        }
    }
}

impl<C: CheckpointStrategy> Rounding for Autodiff<Flex, C> {
    fn to_tf32(values: FloatTensor<Self>, forward: bool) -> FloatTensor<Self> {
        let nodes = [values.node()];
        let output = Flex::to_tf32(values.into_primitive(), forward);
        match RoundingBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish(forward, output),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_bits_are_left_and_ties_go_away_from_zero() {
        let step = 1.0 / 1024.0;
        for (value, expected) in [
            (1.0, 1.0),
            (1.0 + 0.49 * step, 1.0),
            (1.0 + 0.5 * step, 1.0 + step),
            (-1.0 - 0.5 * step, -1.0 - step),
            (1.0 + 1.51 * step, 1.0 + 2.0 * step),
            (f32::INFINITY, f32::INFINITY),
            (0.0, 0.0),
        ] {
            assert_eq!(rounded(value), expected, "{value}");
        }
        assert!(rounded(f32::NAN).is_nan());
    }
}

//! Matrix products whose factors are not rounded, on devices that round them where they choose the kernel.

#[cfg(feature = "cube")]
use burn::backend::Dispatch;
use burn::tensor::Tensor;

#[cfg(feature = "cube")]
use super::product_operator::ProductInF32;
#[cfg(feature = "cube")]
use crate::own_kernels::serve_on_gpu;

/// The product of f32 in f32, whatever the precision of this thread, `[.., rows, inner]` by `[.., inner, columns]`: for losses, whose
/// differences and determinants are of more digits than rounded factors leave. On GPUs it goes by kernels without matrix instructions,
/// which are slower; on the processor it is the usual one. Gradients are such products as well.
#[must_use]
pub fn matmul_in_f32<const D: usize>(left: Tensor<D>, right: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "cube")]
    if serve_on_gpu(&left) && serve_on_gpu(&right) {
        let [left, right] = with_equal_batches(left, right).map(Tensor::into_dispatch);
        return Tensor::from_dispatch(<Dispatch as ProductInF32>::product_in_f32(left, right));
    }
    left.matmul(right)
}

/// Factors whose axes before the last two are alike.
#[cfg(feature = "cube")]
fn with_equal_batches<const D: usize>(left: Tensor<D>, right: Tensor<D>) -> [Tensor<D>; 2] {
    let (mut of_left, mut of_right) = (left.dims(), right.dims());
    assert_eq!(of_left[D - 1], of_right[D - 2], "columns of the left matrices, and rows of the right ones");
    if of_left[..D - 2] == of_right[..D - 2] {
        return [left, right];
    }
    for axis in 0..D - 2 {
        let length = of_left[axis].max(of_right[axis]);
        (of_left[axis], of_right[axis]) = (length, length);
    }
    [left.expand(of_left), right.expand(of_right)]
}

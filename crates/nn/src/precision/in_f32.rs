//! Matrix products whose factors are not rounded, on devices that round them where they choose the kernel.

#[cfg(feature = "cube")]
use burn::backend::autodiff::checkpoint::base::Checkpointer;
#[cfg(feature = "cube")]
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
#[cfg(feature = "cube")]
use burn::backend::autodiff::grads::Gradients;
#[cfg(feature = "cube")]
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
#[cfg(feature = "cube")]
use burn::backend::tensor::FloatTensor;
#[cfg(feature = "cube")]
use burn::backend::{Autodiff, Backend, Dispatch, DispatchDevice, TensorMetadata, backend_extension};
use burn::tensor::Tensor;
#[cfg(feature = "cube")]
use burn::tensor::{DType, Shape};

/// The product of f32 in f32, whatever the precision of this thread, `[.., rows, inner]` by `[.., inner, columns]`: for losses, whose
/// differences and determinants are of more digits than rounded factors leave. On GPUs it goes by kernels without matrix instructions,
/// which are slower; on the processor it is the usual one. Gradients are such products as well.
#[must_use]
pub fn matmul_in_f32<const D: usize>(left: Tensor<D>, right: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "cube")]
    if serves(&left) && serves(&right) {
        let [left, right] = with_equal_batches(left, right).map(Tensor::into_dispatch);
        return Tensor::from_dispatch(<Dispatch as ProductInF32>::product_in_f32(left, right));
    }
    left.matmul(right)
}

#[cfg(feature = "cube")]
fn serves<const D: usize>(tensor: &Tensor<D>) -> bool {
    let device = tensor.device().inner();
    let there = matches!(device.as_dispatch(), DispatchDevice::Cube(_));
    there && tensor.dtype() == DType::F32 && tensor.shape().num_elements() > 0
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

#[cfg(feature = "cube")]
#[backend_extension(Cube, Fusion, Autodiff)]
pub(crate) trait ProductInF32: Backend {
    /// The product of matrices with equal axes before the last two, none of them empty.
    #[fusion(dtype = left, shape = product_shape(left, right))]
    fn product_in_f32(left: FloatTensor<Self>, right: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// The shape of a product of matrices with equal axes before the last two.
#[cfg(feature = "cube")]
pub(crate) fn product_shape(left: &Shape, right: &Shape) -> Shape {
    let mut shape = left.clone();
    let last = shape.num_dims() - 1;
    shape[last] = right[last];
    shape
}

#[cfg(feature = "cube")]
#[derive(Debug)]
struct ProductBackward;

#[cfg(feature = "cube")]
impl<B: ProductInF32> Backward<B, 2> for ProductBackward {
    /// The factors.
    type State = (FloatTensor<B>, FloatTensor<B>);

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [left_node, right_node] = ops.parents;
        let gradient = gradients.consume::<B>(&ops.node);
        let (left, right) = ops.state;
        let transposed = |factor: FloatTensor<B>| {
            let axes = factor.shape().num_dims();
            B::float_swap_dims(factor, axes - 2, axes - 1)
        };
        if let Some(node) = left_node {
            gradients.register::<B>(node.id, B::product_in_f32(gradient.clone(), transposed(right)));
        }
        if let Some(node) = right_node {
            gradients.register::<B>(node.id, B::product_in_f32(transposed(left), gradient));
        }
    }
}

#[cfg(feature = "cube")]
impl<B: ProductInF32, C: CheckpointStrategy> ProductInF32 for Autodiff<B, C> {
    fn product_in_f32(left: FloatTensor<Self>, right: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [left.node(), right.node()];
        let (left, right) = (left.into_primitive(), right.into_primitive());
        let output = B::product_in_f32(left.clone(), right.clone());
        match ProductBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish((left, right), output),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }
}

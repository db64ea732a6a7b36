//! The product in f32 as one operation of the GPU backends, differentiated.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, TensorMetadata, backend_extension};
use burn::tensor::Shape;

#[backend_extension(Cube, Fusion, Autodiff)]
pub(crate) trait ProductInF32: Backend {
    /// The product of matrices with equal axes before the last two, none of them empty.
    #[fusion(dtype = left, shape = product_shape(left, right))]
    fn product_in_f32(left: FloatTensor<Self>, right: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// The shape of a product of matrices with equal axes before the last two.
pub(crate) fn product_shape(left: &Shape, right: &Shape) -> Shape {
    let mut shape = left.clone();
    let last = shape.num_dims() - 1;
    shape[last] = right[last];
    shape
}

#[derive(Debug)]
struct ProductBackward;

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

//! The update of Adam and AdamW in one pass over memory, where a backend has it.

use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

use super::adam_step::AdamStep;
use crate::floats::Floats;

/// Values, first and second moments after a step on flattened tensors outside autodiff, as many of each, where own kernels serve them; on
/// the processor in place where nothing else holds them, on a GPU as many in a launch as it takes.
pub(super) fn adam(
    step: AdamStep,
    values: Vec<Tensor<1>>,
    [means, squares]: [Vec<Tensor<1>>; 2],
    gradients: Vec<Tensor<1>>,
) -> [Vec<Tensor<1>>; 3] {
    let [values, means, squares, gradients] = [values, means, squares, gradients].map(Floats::of);
    let (values, means, squares) =
        <Dispatch as AdamUpdate>::adam_update(values, means, squares, gradients, step);
    [values, means, squares].map(Floats::tensors)
}

#[backend_extension(Flex: cfg(feature = "flex"), Cube: cfg(feature = "cube"), Fusion: cfg(feature = "cube"))]
pub(crate) trait AdamUpdate: Backend {
    /// Values, first and second moments after the step.
    #[fusion(meta = |values, _, _, _, _| (values.clone(), values.clone(), values.clone()))]
    fn adam_update(
        #[extension_type] values: Floats<Self>,
        #[extension_type] means: Floats<Self>,
        #[extension_type] squares: Floats<Self>,
        #[extension_type] gradients: Floats<Self>,
        step: AdamStep,
    ) -> (Floats<Self>, Floats<Self>, Floats<Self>);
}

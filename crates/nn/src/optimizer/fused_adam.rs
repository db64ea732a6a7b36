//! The update of Adam and AdamW in one pass over memory, where a backend has it.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

/// The scalars of a step, each computed in f64 and rounded once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdamStep {
    /// The first moment's weight for the gradient, `1 - beta1`.
    pub mean_weight: f64,
    /// The second moment's decay.
    pub beta2: f64,
    /// The square root of the second moment's correction, `sqrt(1 - beta2^t)`.
    pub correction_root: f64,
    /// The constant in the denominator.
    pub eps: f64,
    /// Learning rate over the first moment's correction, `lr / (1 - beta1^t)`.
    pub step_size: f64,
    /// Adam's weight decay, added to the gradient; 0 for none.
    pub penalty: f64,
    /// What AdamW's weight decay multiplies the values by; 1 for none.
    pub shrinkage: f64,
}

/// Values, first and second moment after a step on flattened tensors outside autodiff, where own kernels serve them; on the processor in place
/// where nothing else holds them.
pub(super) fn adam(
    step: AdamStep,
    values: Tensor<1>,
    [mean, square]: [Tensor<1>; 2],
    gradient: Tensor<1>,
) -> [Tensor<1>; 3] {
    let [values, mean, square, gradient] = [values, mean, square, gradient].map(Tensor::into_dispatch);
    let (values, mean, square) = <Dispatch as AdamUpdate>::adam_update(values, mean, square, gradient, step);
    [values, mean, square].map(Tensor::from_dispatch)
}

#[backend_extension(Flex: cfg(feature = "flex"), Cube: cfg(feature = "cube"), Fusion: cfg(feature = "cube"))]
pub(crate) trait AdamUpdate: Backend {
    /// Values, first and second moment after the step.
    #[fusion(meta = |values, _, _, _, _| (values.clone(), values.clone(), values.clone()))]
    fn adam_update(
        values: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        square: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

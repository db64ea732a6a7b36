//! The update of Adam and AdamW.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;
use seqjepa_cpu::AdamStep;

/// Values, first and second moment after a step of Adam on flattened tensors outside autodiff, as `serves` allows; in place
/// where nothing else holds them.
pub(crate) fn adam(
    step: AdamStep,
    values: Tensor<1>,
    [mean, square]: [Tensor<1>; 2],
    gradient: Tensor<1>,
) -> [Tensor<1>; 3] {
    let [values, mean, square, gradient] = [values, mean, square, gradient].map(Tensor::into_dispatch);
    let (values, mean, square) = <Dispatch as AdamUpdate>::adam_update(values, mean, square, gradient, step);
    [values, mean, square].map(Tensor::from_dispatch)
}

#[backend_extension(Flex)]
trait AdamUpdate: Backend {
    /// Values, first and second moment after the step.
    fn adam_update(
        values: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        square: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

impl AdamUpdate for Flex {
    fn adam_update(
        values: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        square: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        // The moved tensors are the last handles of their values, most likely: then nothing is copied.
        let [mut values, mut mean, mut square, gradient] =
            [values, mean, square, gradient].map(|tensor| tensor.to_contiguous());
        seqjepa_cpu::adam(
            &step,
            values.storage_mut(),
            mean.storage_mut(),
            square.storage_mut(),
            gradient.storage(),
        );
        (values, mean, square)
    }
}

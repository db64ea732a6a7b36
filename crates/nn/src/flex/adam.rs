//! The update of Adam and AdamW.

use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;

use crate::optimizer::fused_adam::{AdamStep, AdamUpdate};

impl AdamUpdate for Flex {
    fn adam_update(
        values: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        square: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let AdamStep { mean_weight, beta2, correction_root, eps, step_size, penalty, shrinkage } = step;
        let step =
            seqjepa_cpu::AdamStep { mean_weight, beta2, correction_root, eps, step_size, penalty, shrinkage };
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

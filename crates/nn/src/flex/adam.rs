//! The update of Adam and AdamW.

use burn::backend::Flex;

use crate::floats::Floats;
use crate::optimizer::{AdamStep, AdamUpdate};

impl AdamUpdate for Flex {
    fn adam_update(
        values: Floats<Self>,
        means: Floats<Self>,
        squares: Floats<Self>,
        gradients: Floats<Self>,
        step: AdamStep,
    ) -> (Floats<Self>, Floats<Self>, Floats<Self>) {
        let AdamStep { mean_weight, beta2, correction_root, eps, step_size, penalty, shrinkage } = step;
        let step =
            seqjepa_cpu::AdamStep { mean_weight, beta2, correction_root, eps, step_size, penalty, shrinkage };
        // The moved tensors are the last handles of their values, most likely: then nothing is copied.
        let [mut values, mut means, mut squares, gradients] =
            [values, means, squares, gradients].map(super::contiguous);
        let tensors = values.0.iter_mut().zip(&mut means.0).zip(&mut squares.0).zip(&gradients.0);
        for (((values, mean), square), gradient) in tensors {
            seqjepa_cpu::adam(
                &step,
                values.storage_mut(),
                mean.storage_mut(),
                square.storage_mut(),
                gradient.storage(),
            );
        }
        (values, means, squares)
    }
}

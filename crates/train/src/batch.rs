//! From the loader's buffers to tensors.

use burn::tensor::{Device, Tensor, TensorData};
use seqjepa_data::SequenceBatch;
use seqjepa_model::SequenceInput;

/// Copies a batch to a device.
///
/// # Shapes
///
/// - `observed`: `[batch, views, 3, height, width]`
/// - `target`: `[batch, 3, height, width]`
/// - `actions`: `[batch, views + 1, parameters]`
/// - `relative`: `[batch, views, parameters]`
#[must_use]
pub fn sequence_input(batch: &SequenceBatch, device: &Device) -> SequenceInput {
    let (samples, views) = (batch.len(), batch.views());
    let [height, width] = [batch.height(), batch.width()];
    let parameters = batch.parameter_count();
    let copy = |values: &[f32]| values.to_vec();
    SequenceInput {
        observed: Tensor::from_data(
            TensorData::new(copy(&batch.observed), [samples, views, 3, height, width]),
            device,
        ),
        target: Tensor::from_data(TensorData::new(copy(&batch.target), [samples, 3, height, width]), device),
        actions: Tensor::from_data(
            TensorData::new(copy(&batch.actions), [samples, views + 1, parameters]),
            device,
        ),
        relative: Tensor::from_data(
            TensorData::new(copy(&batch.relative), [samples, views, parameters]),
            device,
        ),
    }
}

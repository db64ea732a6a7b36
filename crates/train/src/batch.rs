//! From the loader's buffers to tensors: one batch, one trip to the device.

use burn::tensor::{Device, Tensor, TensorData};
use seqjepa_data::SequenceBatch;
use seqjepa_model::{ModelError, SequenceActions, SequenceInput};

/// Moves a batch to a device. Its buffers become the tensors' own where the device is the CPU; nothing is copied first.
///
/// # Shapes
///
/// - `observed`: `[batch, views, channels, height, width]`, the views that were rendered
/// - `target`: `[batch, channels, height, width]`, where it was rendered
/// - `actions`: `[batch, M + 1, parameters]` absolute, `[batch, M, parameters]` relative
///
/// # Errors
///
/// [`ModelError`] if the batch was made by hand and its actions do not fit together.
pub fn sequence_input(batch: SequenceBatch, device: &Device) -> Result<SequenceInput, ModelError> {
    let (samples, views, channels) = (batch.len(), batch.rendered_views(), batch.channels());
    let [height, width] = [batch.height(), batch.width()];
    let (rows, parameters) = (batch.views(), batch.parameter_count());
    let SequenceBatch { observed, target, actions, relative, .. } = batch;
    let matrix = |values, rows| {
        Tensor::<3>::from_data(TensorData::new::<f32, _>(values, [samples, rows, parameters]), device)
    };
    let target = (!target.is_empty()).then(|| {
        Tensor::from_data(TensorData::new::<f32, _>(target, [samples, channels, height, width]), device)
    });
    let shape = [samples, views, channels, height, width];
    Ok(SequenceInput {
        observed: Tensor::from_data(TensorData::new::<f32, _>(observed, shape), device),
        target,
        actions: SequenceActions::new(matrix(actions, rows + 1), matrix(relative, rows))?,
    })
}

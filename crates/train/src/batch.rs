//! From the loader's buffers to tensors: one batch, one trip to the device.

use burn::tensor::{Device, TensorData};
use seqjepa_data::augment::PixelTable;
use seqjepa_data::{ByteViews, SequenceBatch};
use seqjepa_model::{ModelError, SequenceActions, SequenceInput};
use seqjepa_nn::{host, pixels};

/// Moves a batch to a device. Its buffers become the tensors' own where the device is the CPU; nothing is copied first. Views in
/// [bytes](SequenceBatch::bytes) travel so to a GPU, and are normalised there; the values are the same bits.
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
    let SequenceBatch { observed, target, bytes, actions, relative, .. } = batch;
    let matrix = |values, rows| {
        host::send::<3>(TensorData::new::<f32, _>(values, [samples, rows, parameters]), device)
    };
    let of_observed = [samples, views, channels, height, width];
    let of_target = [samples, channels, height, width];
    let (observed, target) = match bytes {
        Some(ByteViews { observed, target, normalization }) => {
            let table = PixelTable::new(&normalization);
            let table = table.channels().as_flattened();
            let target = (!target.is_empty()).then(|| pixels::looked_up(target, table, of_target, device));
            (pixels::looked_up(observed, table, of_observed, device), target)
        }
        None => {
            let target = (!target.is_empty())
                .then(|| host::send(TensorData::new::<f32, _>(target, of_target), device));
            (host::send(TensorData::new::<f32, _>(observed, of_observed), device), target)
        }
    };
    Ok(SequenceInput {
        observed,
        target,
        actions: SequenceActions::new(matrix(actions, rows + 1), matrix(relative, rows))?,
    })
}

//! Features of a frozen model: what probes are trained on.

use burn::tensor::Device;
use seqjepa_data::SequenceLoader;
use seqjepa_model::Method;

use crate::TrainError;
use crate::batch::sequence_input;

/// The representations of one augmentation pass over a split, on the host, row by row.
#[derive(Debug, Clone, Default)]
pub struct Features {
    /// z_AGG over all observed views, `[samples, invariant_width]`.
    pub aggregate: Vec<f32>,
    /// z_1, `[samples, equivariant_width]`.
    pub first: Vec<f32>,
    /// z_2, `[samples, equivariant_width]`.
    pub second: Vec<f32>,
    /// Relative action from view 1 to view 2, `[samples, parameters]`.
    pub relative: Vec<f32>,
    /// Class of each sample.
    pub labels: Vec<u32>,
}

/// Encodes every sequence of one pass of `loader` in evaluation mode.
///
/// `method` must be on `device`, outside autodiff; nothing in it changes. `progress` is told the sequences done.
///
/// # Errors
///
/// Whatever the loader, the model or `progress` could not do.
pub fn extract_features<M: Method>(
    method: &M,
    loader: &SequenceLoader,
    pass: u64,
    device: &Device,
    mut progress: impl FnMut(usize) -> Result<(), TrainError>,
) -> Result<Features, TrainError> {
    let mut features = Features::default();
    for batch in loader.epoch(pass, 0) {
        let batch = batch?;
        let output = method.evaluation_forward(sequence_input(&batch, device))?;
        let representations = output.representations;
        for (tensor, values) in [
            (representations.aggregate, &mut features.aggregate),
            (representations.first, &mut features.first),
            (representations.second, &mut features.second),
        ] {
            let data = tensor.into_data();
            values.extend_from_slice(data.as_slice::<f32>().expect("representations are f32"));
        }
        let parameters = batch.parameter_count();
        for rows in batch.relative.chunks(batch.views() * parameters) {
            features.relative.extend_from_slice(&rows[..parameters]);
        }
        features.labels.extend_from_slice(&batch.labels);
        progress(features.labels.len())?;
    }
    Ok(features)
}

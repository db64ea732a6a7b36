//! Features of a frozen model: what probes are trained on.

use burn::tensor::Device;
use seqjepa_data::SequenceLoader;
use seqjepa_model::Method;
use seqjepa_probes::frozen::{FeatureBuffers, FeatureSet};

use crate::TrainError;
use crate::batch::sequence_input;

/// Encodes every sequence of one pass of `loader` in evaluation mode: z_AGG over all observed views, z_1, z_2, and the
/// relative action from view 1 to view 2.
///
/// `method` must be on `device`, outside autodiff; nothing in it changes. `progress` is told the sequences done.
///
/// # Errors
///
/// Whatever the loader, the model or `progress` could not do; [`TrainError::Probe`] if a feature is not finite.
pub fn extract_features<M: Method>(
    method: &M,
    loader: &SequenceLoader,
    pass: u64,
    device: &Device,
    mut progress: impl FnMut(usize) -> Result<(), TrainError>,
) -> Result<FeatureSet, TrainError> {
    let mut features = FeatureBuffers::default();
    let mut labels = Vec::new();
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
        labels.extend_from_slice(&batch.labels);
        progress(labels.len())?;
    }
    let samples = labels.len();
    features.labels = Some(labels);
    Ok(FeatureSet::new(samples, features)?)
}

//! What of a batch stays on the host.

use seqjepa_data::SequenceBatch;
use seqjepa_model::Representations;
use seqjepa_probes::ProbeError;
use seqjepa_probes::online::{AGGREGATE, FIRST, OnlineProbes, Phase, ProbeInputs, RELATIVE_ACTION, SECOND};

/// What probes learn from a batch.
#[derive(Debug)]
pub(super) struct HostTargets {
    labels: Option<Vec<u32>>,
    /// The relative action from view 1 to view 2, `[batch, parameters]`.
    relative: Vec<f32>,
    /// Indices of the samples in the data set.
    pub indices: Vec<u32>,
}

impl HostTargets {
    /// Those of a batch, which does not need its labels any more.
    pub(super) fn of(batch: &mut SequenceBatch) -> Self {
        let (views, parameters) = (batch.views(), batch.parameter_count());
        // The first of each sequence's rows.
        let rows = batch.relative.chunks(views * parameters).flat_map(|rows| &rows[..parameters]);
        Self {
            relative: rows.copied().collect(),
            labels: batch.labels.take(),
            indices: batch.indices.clone(),
        }
    }

    /// Sequences of the batch.
    pub(super) fn len(&self) -> usize {
        self.indices.len()
    }

    /// Shows the probes what a forward pass gave; in training they also learn from it. Nothing is read from the device.
    pub(super) fn show(
        &self,
        probes: &mut OnlineProbes,
        phase: Phase,
        representations: Representations,
    ) -> Result<(), ProbeError> {
        let mut inputs = ProbeInputs::new()
            .representation(AGGREGATE, representations.invariant)
            .representation(FIRST, representations.first)
            .representation(SECOND, representations.second)
            .values(RELATIVE_ACTION, &self.relative);
        if let Some(labels) = &self.labels {
            inputs = inputs.labels(labels);
        }
        probes.update(phase, &inputs)
    }
}

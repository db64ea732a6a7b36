//! A batch on the device, and what of it stays on the host.

use burn::tensor::Device;
use seqjepa_data::SequenceBatch;
use seqjepa_model::{Representations, SequenceInput};
use seqjepa_probes::ProbeError;
use seqjepa_probes::online::{AGGREGATE, FIRST, OnlineProbes, Phase, ProbeInputs, RELATIVE_ACTION, SECOND};

use crate::batch::sequence_input;
use crate::error::TrainError;

/// A batch after its one trip to the device.
#[derive(Debug)]
pub(super) struct Uploaded {
    pub input: SequenceInput,
    pub targets: HostTargets,
}

/// What probes learn from a batch.
#[derive(Debug)]
pub(super) struct HostTargets {
    labels: Option<Vec<u32>>,
    /// The relative action from view 1 to view 2, `[batch, parameters]`.
    relative: Vec<f32>,
    /// Indices of the samples in the data set.
    pub indices: Vec<u32>,
}

impl Uploaded {
    pub(super) fn new(mut batch: SequenceBatch, device: &Device) -> Result<Self, TrainError> {
        let (views, parameters) = (batch.views(), batch.parameter_count());
        // The first of each sequence's rows.
        let rows = batch.relative.chunks(views * parameters).flat_map(|rows| &rows[..parameters]);
        let targets = HostTargets {
            relative: rows.copied().collect(),
            labels: batch.labels.take(),
            indices: batch.indices.clone(),
        };
        Ok(Self { input: sequence_input(batch, device)?, targets })
    }
}

impl HostTargets {
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

//! The online evaluation on the test split.

use burn::tensor::{Device, Tensor};
use seqjepa_data::{SequenceBatch, SequenceEpoch, SequenceLoader};
use seqjepa_model::DynMethod;
use seqjepa_nn::host;
use seqjepa_probes::online::{OnlineProbes, Phase, UpdateError};
use seqjepa_probes::{Metrics, NumericError};

use super::learner::is_non_finite;
use super::micro_batches::{MicroBatch, MicroBatches, joined};
use super::targets::HostTargets;
use super::trainer::TrainerSettings;
use crate::collapse::CollapseWatch;
use crate::error::TrainError;

/// The test split, which goes in one piece: a checkpoint within it is that of its start.
#[derive(Debug)]
pub(super) struct TestPass {
    /// The method in evaluation mode.
    method: Box<dyn DynMethod>,
    /// The probes before the first batch.
    pub probes: OnlineProbes,
    batches: SequenceEpoch,
    device: Device,
    micro_batch: Option<usize>,
    done: usize,
    watch: CollapseWatch,
    /// Losses that are still on the device, with the sizes of their micro-batches.
    losses: Vec<(Tensor<1>, usize)>,
    /// Samples of the batches whose probe figures are still on the device, the first of which has this number.
    unread: (usize, Vec<Vec<u32>>),
    /// Sum of the loss over the samples so far, and their number.
    loss: (f64, f64),
}

/// What a batch of the test split holds that is not finite.
#[derive(Debug)]
pub(super) struct NotFiniteTest {
    pub what: String,
    pub batch: usize,
    pub indices: Vec<u32>,
}

/// Why a test pass could not go on.
#[derive(Debug)]
pub(super) enum TestError {
    NotFinite(NotFiniteTest),
    Other(TrainError),
}

impl<E: Into<TrainError>> From<E> for TestError {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

impl TestPass {
    pub(super) fn new(
        method: Box<dyn DynMethod>,
        probes: &OnlineProbes,
        loader: &SequenceLoader,
        epoch: u64,
        device: Device,
        settings: TrainerSettings,
    ) -> Result<Self, TrainError> {
        Ok(Self {
            watch: CollapseWatch::new(&*method, loader, settings.seed)?,
            method,
            probes: probes.clone(),
            batches: loader.epoch(epoch, 0),
            device,
            micro_batch: settings.micro_batch,
            done: 0,
            losses: Vec::new(),
            unread: (0, Vec::new()),
            loss: (0.0, 0.0),
        })
    }

    /// Batches done.
    pub(super) fn done(&self) -> usize {
        self.done
    }

    /// The next batch in evaluation mode. Its figures come back with those of `every` batches.
    pub(super) fn advance(&mut self, probes: &mut OnlineProbes, every: usize) -> Result<(), TestError> {
        let mut batch: SequenceBatch =
            self.batches.next().expect("the loader has the batches that it counts")?.into_inner();
        let targets = HostTargets::of(&mut batch);
        let mut representations = Vec::new();
        for part in MicroBatches::new(batch, self.micro_batch, &self.device) {
            let MicroBatch { input, sequences, .. } = part?;
            let watched = self.watch.wants(self.done).then(|| input.observed.clone());
            let output = self.method.evaluation_forward(input)?;
            if let Some(observed) = watched {
                self.watch.update(&*self.method, observed, &output.representations);
            }
            self.losses.push((output.loss, sequences));
            representations.push(output.representations);
        }
        targets.show(probes, Phase::Test, joined(representations))?;
        self.unread.1.push(targets.indices);
        self.done += 1;
        if self.unread.1.len() >= every { self.read(probes) } else { Ok(()) }
    }

    /// Brings back what is still on the device.
    pub(super) fn read(&mut self, probes: &mut OnlineProbes) -> Result<(), TestError> {
        let (first, indices) = std::mem::replace(&mut self.unread, (self.done, Vec::new()));
        let (losses, sizes): (Vec<_>, Vec<_>) = std::mem::take(&mut self.losses).into_iter().unzip();
        for (loss, size) in host::read_all(losses).into_iter().zip(sizes) {
            self.loss.0 += f64::from(loss[0]) * size as f64;
            self.loss.1 += size as f64;
        }
        match probes.flush() {
            // The parameters are finite; what they compute is not.
            Err(UpdateError { update, cause, .. }) if is_non_finite(&cause) => {
                Err(TestError::NotFinite(NotFiniteTest {
                    what: format!("in the test split, {cause}: the model computes what is not finite,"),
                    batch: first + update,
                    indices: indices.into_iter().nth(update).unwrap_or_default(),
                }))
            }
            result => Ok(result.map_err(|error| error.cause)?),
        }
    }

    /// Mean loss over the samples, and the collapse diagnostics.
    pub(super) fn finish(self) -> Result<(f64, Metrics), NumericError> {
        Ok((self.loss.0 / self.loss.1, self.watch.finish()?))
    }
}

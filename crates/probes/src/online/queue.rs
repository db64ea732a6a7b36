//! Figures that are still on the device.

use std::sync::Arc;

use burn::tensor::Tensor;
use seqjepa_nn::host;

use super::phase::Phase;
use super::uploads::Upload;
use crate::probe::{DeviceOutput, DeviceTargets, hits};

/// What updates gave and nobody has read yet. Cloning shares the tensors.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    updates: usize,
    entries: Vec<Entry>,
}

/// What one probe made of one batch. Small: two numbers, and a third or the predictions of a regression.
#[derive(Clone, Debug)]
struct Entry {
    /// Number of the update, counted from 0.
    update: usize,
    place: Place,
    /// The loss, `[1]`.
    loss: Tensor<1>,
    /// `[1]`: 0 if the features are finite, otherwise NaN.
    features: Tensor<1>,
    /// Classification: number of hits, `[1]`, NaN if a logit is not finite. Regression: the predictions,
    /// `[samples * outputs]`.
    score: Tensor<1>,
    samples: usize,
    /// The targets of a regression.
    targets: Option<Arc<[f32]>>,
}

/// Where figures belong.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Number of the probe in its set.
    pub(super) probe: usize,
    pub(super) phase: Phase,
    /// The probe's own step, counted from 1.
    pub(super) step: u64,
}

/// What one probe made of one batch, on the host.
#[derive(Debug)]
pub(super) struct Reading {
    /// Number of the update, counted from 0.
    pub(super) update: usize,
    pub(super) place: Place,
    pub(super) features_are_finite: bool,
    pub(super) loss: f64,
    pub(super) score: Score,
}

#[derive(Debug)]
pub(super) enum Score {
    /// NaN if a logit was not finite.
    Hits { hits: f64, samples: u64 },
    /// Predictions and targets, each `[samples, outputs]`.
    Predictions { predictions: Vec<f32>, targets: Arc<[f32]> },
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds what a probe made of the update under way.
    pub(super) fn push(&mut self, place: Place, output: DeviceOutput, upload: &Upload) {
        let features = output.features_are_finite();
        let samples = output.predictions.dims()[0];
        let (score, targets) = match &upload.targets {
            DeviceTargets::Labels(labels) => (hits(output.predictions, labels.clone()), None),
            DeviceTargets::Values(_) => (output.predictions.flatten(0, 1), Some(Arc::clone(&upload.values))),
        };
        let update = self.updates;
        self.entries.push(Entry { update, place, loss: output.loss, features, score, samples, targets });
    }

    /// Ends the update under way; one in which all probes paused counts too.
    pub(super) fn end_update(&mut self) {
        self.updates += 1;
    }

    /// Brings everything to the host in one transfer, in the order in which it came.
    pub(super) fn read(self) -> impl Iterator<Item = Reading> {
        let parts = |entry: &Entry| [entry.loss.clone(), entry.features.clone(), entry.score.clone()];
        let mut parts = host::read_all(self.entries.iter().flat_map(parts).collect()).into_iter();
        let mut next = move || parts.next().expect("every entry has three tensors");
        self.entries.into_iter().map(move |entry| {
            let (loss, features, score) = (next()[0], next()[0], next());
            let score = match entry.targets {
                None => Score::Hits { hits: f64::from(score[0]), samples: entry.samples as u64 },
                Some(targets) => Score::Predictions { predictions: score, targets },
            };
            Reading {
                update: entry.update,
                place: entry.place,
                features_are_finite: features == 0.0,
                loss: f64::from(loss),
                score,
            }
        })
    }
}

impl Reading {
    /// Whether features, loss and predictions are finite.
    pub(super) fn is_finite(&self) -> bool {
        let predictions = match &self.score {
            Score::Hits { hits, .. } => hits.is_finite(),
            Score::Predictions { predictions, .. } => predictions.iter().all(|value| value.is_finite()),
        };
        self.features_are_finite && self.loss.is_finite() && predictions
    }
}

use std::collections::BTreeMap;

use seqjepa_nn::StateDict;
use serde::{Deserialize, Serialize};

use crate::history::HistoryPosition;
use crate::metrics::MetricsRow;

/// What a run is after a batch.
///
/// In the file, tensors are named `SECTION.PATH`, the sections being `model`, `optimizer` and `probes` (with the metric
/// accumulators of the epoch under way, in f64). The metadata holds [`Progress`] and the record `R` as one YAML map, which
/// reads floats back to the last bit, under the key `seqjepa`, and under `sha256` the digest of it and of every tensor.
///
/// `R` is what whoever runs the trainer must know beside its state, as the config of the run: a map of keys of its own.
#[derive(Debug, Clone)]
pub struct Checkpoint<R = NoRecord> {
    /// Where the run stands, and how it got there.
    pub progress: Progress,
    /// What belongs to the run beside the trainer's state.
    pub record: R,
    /// Parameters and running statistics of the model.
    pub model: StateDict,
    /// State of the model's optimizer.
    pub optimizer: StateDict,
    /// Parameters and optimizer states of the online probes, and what they have scored in the epoch under way.
    pub probes: StateDict,
}

/// No record beside the trainer's state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoRecord {}

/// The part of a trainer's state that is not tensors.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Progress {
    /// Version of this project that wrote it.
    #[serde(default)]
    pub version: String,
    /// The git commit that this was built from, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Epochs done.
    pub epoch: usize,
    /// Optimizer steps done in the whole run; keys dropout and the EMA schedule.
    pub step: u64,
    /// What is done of the next epoch.
    #[serde(default)]
    pub under_way: UnderWay,
    /// Steps left out so far since their loss or gradient was not finite.
    #[serde(default)]
    pub skipped_steps: u64,
    /// Where the metrics of the epochs done end, which are kept beside the checkpoint.
    #[serde(default)]
    pub history: HistoryPosition,
    /// These metrics, in a file of format 1 or 2; later ones hold none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<MetricsRow>,
}

/// How far an epoch has come, and its figures so far that the probes do not keep.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct UnderWay {
    /// Training batches done. The test split, which follows them, has no place here: a resumed run starts it anew.
    pub train_batches: usize,
    /// Sum of the loss over the samples so far.
    pub loss_sum: f64,
    /// Sums of the loss's named terms over the samples so far, where there is more than one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub term_sums: BTreeMap<String, f64>,
    /// Samples so far.
    pub samples: u64,
    /// Steps of the epoch that were left out.
    pub skipped_steps: u64,
    /// Seconds spent on the epoch.
    pub time: f64,
    /// Seconds spent on its training batches.
    pub train_time: f64,
    /// Seconds of them spent waiting for data.
    pub data_wait: f64,
}

impl<R> Checkpoint<R> {
    /// The same state with another record.
    #[must_use]
    pub fn with_record<S>(self, record: S) -> Checkpoint<S> {
        let Self { progress, model, optimizer, probes, .. } = self;
        Checkpoint { progress, record, model, optimizer, probes }
    }

    pub(super) fn sections(&self) -> [(&'static str, &StateDict); 3] {
        [("model", &self.model), ("optimizer", &self.optimizer), ("probes", &self.probes)]
    }
}

//! Checkpoints: one SafeTensors file with every state that a run needs to go on, and the folder that keeps them.

mod file;
mod store;

use std::path::Path;

use seqjepa_nn::StateDict;
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::config::Config;
use crate::data::DataFingerprint;
use crate::metrics::MetricsRow;

pub use store::{CheckpointStore, Found};

/// What a run is after a batch.
///
/// In the file, tensors are named `SECTION.PATH`, the sections being `model`, `optimizer` and `probes` (with the metric
/// accumulators of the epoch under way, in f64). The metadata holds [`Progress`] as YAML, which reads floats back to the
/// last bit, under the key `seqjepa`, and under `sha256` the digest of it and of every tensor.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// Where the run stands, and how it got there.
    pub progress: Progress,
    /// Parameters and running statistics of the model.
    pub model: StateDict,
    /// State of the model's optimizer.
    pub optimizer: StateDict,
    /// Parameters and optimizer states of the online probes, and what they have scored in the epoch under way.
    pub probes: StateDict,
}

/// The part of a checkpoint that is not tensors.
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
    /// The metrics of the epochs done.
    pub rows: Vec<MetricsRow>,
    /// The config of the run.
    pub config: Config,
    /// The config before a change that was accepted just before this was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_config: Option<Config>,
    /// The backend that the run computed on, as its cargo feature is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    /// What the run was trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<DataFingerprint>,
    /// For a diagnostic checkpoint: why the step after it could not be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// How far an epoch has come, and its figures so far that the probes do not keep.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct UnderWay {
    /// Training batches done. The test split, which follows them, has no place here: a resumed run starts it anew.
    pub train_batches: usize,
    /// Sum of the loss over the samples so far.
    pub loss_sum: f64,
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

impl Checkpoint {
    /// Writes the file atomically: under a temporary name, synced, renamed.
    ///
    /// # Errors
    ///
    /// [`TrainError::Io`], and [`TrainError::Checkpoint`] if the metrics of more epochs than fit into the header (about
    /// 50 000) are in it; an earlier file of that name is then untouched.
    pub fn save(&self, path: &Path) -> Result<(), TrainError> {
        let bytes = file::encode(self)
            .map_err(|message| TrainError::Checkpoint { path: path.to_owned(), message })?;
        crate::storage::write_atomically(path, &bytes)
    }

    /// Reads a file that [`Checkpoint::save`] wrote, and holds it against its digest.
    ///
    /// # Errors
    ///
    /// [`TrainError::Io`] if it cannot be read, [`TrainError::Checkpoint`] if it is no such file or is damaged.
    pub fn load(path: &Path) -> Result<Self, TrainError> {
        let bytes =
            std::fs::read(path).map_err(|source| TrainError::io("read the checkpoint", path, source))?;
        file::decode(&bytes).map_err(|message| TrainError::Checkpoint { path: path.to_owned(), message })
    }

    /// SHA-256 of names, types, shapes and bytes of all tensors, in hexadecimal: two runs that agree in it agree in every
    /// bit of their state.
    #[must_use]
    pub fn digest(&self) -> String {
        file::digest("", &self.sections())
    }

    fn sections(&self) -> [(&'static str, &StateDict); 3] {
        [("model", &self.model), ("optimizer", &self.optimizer), ("probes", &self.probes)]
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use burn::tensor::TensorData;
    use safetensors::tensor::{Dtype, TensorView};

    use super::*;

    pub(super) fn checkpoint(step: u64) -> Checkpoint {
        let mut rows = vec![MetricsRow::new(1), MetricsRow::new(2)];
        rows[0].push("ep_loss", 0.125);
        Checkpoint {
            progress: Progress {
                version: "0".into(),
                commit: None,
                epoch: 2,
                step,
                under_way: UnderWay { train_batches: 3, loss_sum: 0.1 + 0.2, ..UnderWay::default() },
                skipped_steps: 0,
                rows,
                config: Config::default(),
                previous_config: None,
                backend: None,
                data: None,
                failure: None,
            },
            model: vec![("encoder.conv1.weight".into(), TensorData::new(vec![1.5_f32, -2.0], [2, 1]))],
            optimizer: vec![("x.step".into(), TensorData::new(vec![3_i64], [1]))],
            probes: vec![],
        }
    }

    #[test]
    fn a_checkpoint_reads_back() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("checkpoints/last.safetensors");
        let written = checkpoint(64);
        written.save(&path).unwrap();
        let read = Checkpoint::load(&path).unwrap();
        assert_eq!(read.model, written.model);
        assert_eq!(read.optimizer, written.optimizer);
        assert_eq!((read.progress.epoch, read.progress.step), (2, 64));
        assert_eq!(read.progress.under_way, written.progress.under_way);
        assert_eq!(read.progress.config, written.progress.config);
        assert_eq!(read.progress.rows[0].get("ep_loss"), Some(0.125));
        assert_eq!(read.digest(), written.digest());
    }

    #[test]
    fn damaged_and_foreign_files_are_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("last.safetensors");
        checkpoint(64).save(&path).unwrap();
        let bytes = fs::read(&path).unwrap();
        for length in [0, 7, 40, bytes.len() - 1] {
            fs::write(&path, &bytes[..length]).unwrap();
            let message = Checkpoint::load(&path).unwrap_err().to_string();
            assert!(message.contains("last.safetensors"), "{message}");
        }
        let view = TensorView::new(Dtype::F32, vec![1], &[0; 4]).unwrap();
        fs::write(&path, safetensors::serialize([("x", view)], None).unwrap()).unwrap();
        let message = Checkpoint::load(&path).unwrap_err().to_string();
        assert!(message.contains("not a checkpoint of this project"), "{message}");
        assert!(Checkpoint::load(&scratch.path().join("absent")).is_err());
    }

    /// Each byte of the file changed in turn: refused, or (in the spaces of the header, say) read as what was written.
    #[test]
    fn no_changed_byte_goes_unnoticed() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("last.safetensors");
        let written = checkpoint(64);
        written.save(&path).unwrap();
        let bytes = fs::read(&path).unwrap();
        let mut refused = 0;
        for place in 0..bytes.len() {
            for change in [0x01, 0x20, 0xff] {
                let mut damaged = bytes.clone();
                damaged[place] ^= change;
                match file::decode(&damaged) {
                    Err(_) => refused += 1,
                    Ok(read) => {
                        assert_eq!(read.digest(), written.digest(), "byte {place}");
                        let yaml = |progress| serde_yaml::to_string(progress).unwrap();
                        assert_eq!(yaml(&read.progress), yaml(&written.progress), "byte {place}");
                    }
                }
            }
        }
        assert!(refused > 2 * bytes.len(), "{refused} of {}", bytes.len());
    }
}

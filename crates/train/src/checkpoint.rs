//! Checkpoints: one SafeTensors file with every state that a run needs to go on.
//!
//! Tensors are named `SECTION.PATH`, the sections being `model`, `optimizer` and `probes`; the file's metadata holds,
//! as YAML under the key `seqjepa` (which reads floats back to the last bit), the resolved config, the epoch and step reached, and every row of metrics so far.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use burn::tensor::{DType, TensorData};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use seqjepa_nn::StateDict;
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::config::Config;
use crate::metrics::MetricsRow;
use crate::run_folder::write_atomically;

const METADATA_KEY: &str = "seqjepa";
const FORMAT: u32 = 1;

/// What a run is at the end of an epoch.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// Where the run stands, and how it got there.
    pub progress: Progress,
    /// Parameters and running statistics of the model.
    pub model: StateDict,
    /// State of the model's optimizer.
    pub optimizer: StateDict,
    /// Parameters and optimizer states of the online probes.
    pub probes: StateDict,
}

/// The part of a checkpoint that is not tensors.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Progress {
    /// Epochs done.
    pub epoch: usize,
    /// Optimizer steps done.
    pub step: u64,
    /// The metrics of the epochs done.
    pub rows: Vec<MetricsRow>,
    /// The config that the run was started with.
    pub config: Config,
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    version: String,
    #[serde(flatten)]
    progress: Progress,
}

impl Checkpoint {
    /// Writes the file atomically: under a temporary name, synced, renamed.
    ///
    /// # Errors
    ///
    /// [`TrainError::Io`]; an earlier file of that name is then untouched.
    pub fn save(&self, path: &Path) -> Result<(), TrainError> {
        let header = Header {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").into(),
            progress: self.progress.clone(),
        };
        let header = serde_yaml::to_string(&header).expect("a checkpoint header is plain data");
        let sections = [("model", &self.model), ("optimizer", &self.optimizer), ("probes", &self.probes)];
        let mut views = Vec::new();
        for (section, tensors) in sections {
            for (name, data) in tensors {
                let view =
                    TensorView::new(to_safetensors(data.dtype()), data.shape().to_vec(), data.as_bytes())
                        .expect("tensor data is as long as its shape says");
                views.push((format!("{section}.{name}"), view));
            }
        }
        let metadata = HashMap::from([(METADATA_KEY.to_owned(), header)]);
        let bytes =
            safetensors::serialize(views, Some(metadata)).expect("every tensor has a name of its own");
        write_atomically(path, &bytes)
    }

    /// Reads a file that [`Checkpoint::save`] wrote.
    ///
    /// # Errors
    ///
    /// [`TrainError::Io`] if it cannot be read, [`TrainError::Checkpoint`] if it is no such file or is damaged.
    pub fn load(path: &Path) -> Result<Self, TrainError> {
        let refuse = |message: String| TrainError::Checkpoint { path: path.to_owned(), message };
        let bytes = fs::read(path).map_err(|source| TrainError::io("read the checkpoint", path, source))?;
        let damaged = |error| refuse(format!("expected a whole SafeTensors file, found {error}"));
        let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(damaged)?;
        let header =
            metadata.metadata().as_ref().and_then(|metadata| metadata.get(METADATA_KEY)).ok_or_else(
                || {
                    refuse(format!(
                        "expected metadata `{METADATA_KEY}`, found none: not a checkpoint of this project"
                    ))
                },
            )?;
        let header: Header = serde_yaml::from_str(header)
            .map_err(|error| refuse(format!("its metadata does not read: {error}")))?;
        if header.format != FORMAT {
            return Err(refuse(format!("expected format {FORMAT}, found {}", header.format)));
        }
        let mut checkpoint =
            Self { progress: header.progress, model: vec![], optimizer: vec![], probes: vec![] };
        let tensors = SafeTensors::deserialize(&bytes).map_err(damaged)?;
        let mut views = tensors.tensors();
        // The reader hands them out in an order that changes from run to run.
        views.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, view) in views {
            let (section, path) = name.split_once('.').unwrap_or((&name, ""));
            let dtype = from_safetensors(view.dtype()).ok_or_else(|| {
                refuse(format!("tensor `{name}` has the unexpected type {:?}", view.dtype()))
            })?;
            let data = TensorData::from_bytes_vec(view.data().to_vec(), view.shape().to_vec(), dtype);
            let section = match section {
                "model" => &mut checkpoint.model,
                "optimizer" => &mut checkpoint.optimizer,
                "probes" => &mut checkpoint.probes,
                _ => return Err(refuse(format!("tensor `{name}` belongs to no known section"))),
            };
            section.push((path.to_owned(), data));
        }
        Ok(checkpoint)
    }
}

fn to_safetensors(dtype: DType) -> Dtype {
    match dtype {
        DType::F32 => Dtype::F32,
        DType::F64 => Dtype::F64,
        DType::I64 => Dtype::I64,
        DType::I32 => Dtype::I32,
        DType::U64 => Dtype::U64,
        other => unreachable!("no state of a run is kept as {other:?}"),
    }
}

fn from_safetensors(dtype: Dtype) -> Option<DType> {
    match dtype {
        Dtype::F32 => Some(DType::F32),
        Dtype::F64 => Some(DType::F64),
        Dtype::I64 => Some(DType::I64),
        Dtype::I32 => Some(DType::I32),
        Dtype::U64 => Some(DType::U64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        let mut row = MetricsRow::new(2);
        row.push("ep_loss", 0.125);
        Checkpoint {
            progress: Progress { epoch: 2, step: 64, rows: vec![row], config: Config::default() },
            model: vec![("encoder.conv1.weight".into(), TensorData::new(vec![1.5_f32, -2.0], [2, 1]))],
            optimizer: vec![("x.step".into(), TensorData::new(vec![3_i64], [1]))],
            probes: vec![],
        }
    }

    #[test]
    fn a_checkpoint_reads_back() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("checkpoints/last.safetensors");
        let written = checkpoint();
        written.save(&path).unwrap();
        let read = Checkpoint::load(&path).unwrap();
        assert_eq!(read.model, written.model);
        assert_eq!(read.optimizer, written.optimizer);
        assert_eq!((read.progress.epoch, read.progress.step), (2, 64));
        assert_eq!(read.progress.config, written.progress.config);
        assert_eq!(read.progress.rows[0].get("ep_loss"), Some(0.125));
    }

    #[test]
    fn damaged_and_foreign_files_are_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("last.safetensors");
        checkpoint().save(&path).unwrap();
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
}

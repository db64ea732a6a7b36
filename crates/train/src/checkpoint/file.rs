//! A checkpoint as the bytes of a SafeTensors file.

use std::collections::HashMap;
use std::path::Path;

use burn::tensor::{DType, TensorData};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use seqjepa_nn::StateDict;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::content::{Checkpoint, Progress};
use super::error::CheckpointError;
use crate::storage::{StorageError, check_nesting, write_atomically};

const HEADER_KEY: &str = "seqjepa";
const DIGEST_KEY: &str = "sha256";
/// Format 1 had neither a digest nor an epoch under way; it is still read.
const FORMAT: u32 = 2;

#[derive(Serialize)]
struct Header<'a, R> {
    format: u32,
    #[serde(flatten)]
    progress: &'a Progress,
    #[serde(flatten)]
    record: &'a R,
}

#[derive(Deserialize)]
struct ReadHeader<R> {
    format: u32,
    #[serde(flatten)]
    progress: Progress,
    #[serde(flatten)]
    record: R,
}

impl<R> Checkpoint<R> {
    /// SHA-256 of names, types, shapes and bytes of all tensors, in hexadecimal: two runs that agree in it agree in every
    /// bit of their state.
    #[must_use]
    pub fn digest(&self) -> String {
        digest("", &self.sections())
    }
}

impl<R: Serialize + DeserializeOwned> Checkpoint<R> {
    /// Writes the file atomically: under a temporary name, synced, renamed.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Storage`], and [`CheckpointError::Invalid`] if the metrics of more epochs than fit into the header (about
    /// 50 000) are in it; an earlier file of that name is then untouched.
    pub fn save(&self, path: &Path) -> Result<(), CheckpointError> {
        let bytes = encode(self).map_err(|message| CheckpointError::invalid(path, message))?;
        Ok(write_atomically(path, &bytes)?)
    }

    /// Reads a file that [`Checkpoint::save`] wrote, and holds it against its digest.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Storage`] if it cannot be read, [`CheckpointError::Invalid`] if it is no such file or is damaged.
    pub fn load(path: &Path) -> Result<Self, CheckpointError> {
        let bytes =
            std::fs::read(path).map_err(|source| StorageError::new("read the checkpoint", path, source))?;
        decode(&bytes).map_err(|message| CheckpointError::invalid(path, message))
    }
}

fn encode<R: Serialize>(checkpoint: &Checkpoint<R>) -> Result<Vec<u8>, String> {
    let header = Header { format: FORMAT, progress: &checkpoint.progress, record: &checkpoint.record };
    let header = serde_yaml::to_string(&header).expect("a checkpoint header is plain data");
    let sections = checkpoint.sections();
    let digest = digest(&header, &sections);
    let mut views = Vec::new();
    for (section, tensors) in sections {
        for (name, data) in tensors {
            let view = TensorView::new(to_safetensors(data.dtype()), data.shape().to_vec(), data.as_bytes())
                .expect("tensor data is as long as its shape says");
            views.push((format!("{section}.{name}"), view));
        }
    }
    let metadata = HashMap::from([(HEADER_KEY.to_owned(), header), (DIGEST_KEY.to_owned(), digest)]);
    // The header, with the metrics of every epoch, may be at most 100 MB.
    safetensors::serialize(views, Some(metadata)).map_err(|error| format!("it cannot be written: {error}"))
}

fn decode<R: DeserializeOwned>(bytes: &[u8]) -> Result<Checkpoint<R>, String> {
    let damaged = |error| format!("expected a whole SafeTensors file, found {error}");
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let metadata = metadata.metadata().clone().unwrap_or_default();
    let text = metadata.get(HEADER_KEY).ok_or_else(|| {
        format!("expected metadata `{HEADER_KEY}`, found none: not a checkpoint of this project")
    })?;
    check_nesting(text).map_err(|message| format!("its metadata does not read: {message}"))?;
    let header: ReadHeader<R> =
        serde_yaml::from_str(text).map_err(|error| format!("its metadata does not read: {error}"))?;
    if !(1..=FORMAT).contains(&header.format) {
        return Err(format!("expected format {FORMAT} or less, found {}", header.format));
    }
    let mut checkpoint = Checkpoint {
        progress: header.progress,
        record: header.record,
        model: vec![],
        optimizer: vec![],
        probes: vec![],
    };
    let tensors = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let mut views = tensors.tensors();
    // The reader hands them out in an order that changes from run to run.
    views.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, view) in views {
        let (section, path) = name.split_once('.').unwrap_or((&name, ""));
        let dtype = from_safetensors(view.dtype())
            .ok_or_else(|| format!("tensor `{name}` has the unexpected type {:?}", view.dtype()))?;
        let data = TensorData::from_bytes_vec(view.data().to_vec(), view.shape().to_vec(), dtype);
        let section = match section {
            "model" => &mut checkpoint.model,
            "optimizer" => &mut checkpoint.optimizer,
            "probes" => &mut checkpoint.probes,
            _ => return Err(format!("tensor `{name}` belongs to no known section")),
        };
        section.push((path.to_owned(), data));
    }
    if header.format > 1 {
        let expected = metadata.get(DIGEST_KEY).map_or("none", String::as_str);
        let found = digest(text, &checkpoint.sections());
        if expected != found {
            return Err(format!("it is damaged: expected content with SHA-256 {expected}, found {found}"));
        }
    }
    check(&checkpoint.progress)?;
    Ok(checkpoint)
}

/// Refuses what no run can have written.
fn check(progress: &Progress) -> Result<(), String> {
    let epochs: Vec<_> = progress.rows.iter().map(|row| row.epoch).collect();
    if epochs.len() != progress.epoch || epochs.iter().enumerate().any(|(at, epoch)| *epoch != at + 1) {
        return Err(format!("expected the metrics of {} epochs, found {}", progress.epoch, epochs.len()));
    }
    Ok(())
}

/// SHA-256 of the header, then of every tensor in the order of names: each part preceded by its length.
fn digest(header: &str, sections: &[(&str, &StateDict); 3]) -> String {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(header.as_bytes());
    let mut tensors: Vec<(String, &TensorData)> = Vec::new();
    for (section, entries) in sections {
        tensors.extend(entries.iter().map(|(name, data)| (format!("{section}.{name}"), data)));
    }
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, data) in tensors {
        part(name.as_bytes());
        part(data.dtype().name().as_bytes());
        let shape: Vec<u8> = data.shape().iter().flat_map(|extent| (*extent as u64).to_le_bytes()).collect();
        part(&shape);
        part(data.as_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
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
pub(super) mod tests {
    use std::fs;

    use burn::tensor::TensorData;
    use safetensors::tensor::{Dtype, TensorView};

    use super::*;
    use crate::checkpoint::{NoRecord, UnderWay};
    use crate::metrics::MetricsRow;

    pub(in crate::checkpoint) fn checkpoint(step: u64) -> Checkpoint {
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
            },
            record: NoRecord {},
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
        let read = Checkpoint::<NoRecord>::load(&path).unwrap();
        assert_eq!(read.model, written.model);
        assert_eq!(read.optimizer, written.optimizer);
        assert_eq!((read.progress.epoch, read.progress.step), (2, 64));
        assert_eq!(read.progress.under_way, written.progress.under_way);
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
            let message = Checkpoint::<NoRecord>::load(&path).unwrap_err().to_string();
            assert!(message.contains("last.safetensors"), "{message}");
        }
        let view = TensorView::new(Dtype::F32, vec![1], &[0; 4]).unwrap();
        fs::write(&path, safetensors::serialize([("x", view)], None).unwrap()).unwrap();
        let message = Checkpoint::<NoRecord>::load(&path).unwrap_err().to_string();
        assert!(message.contains("not a checkpoint of this project"), "{message}");
        assert!(Checkpoint::<NoRecord>::load(&scratch.path().join("absent")).is_err());
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
                match decode::<NoRecord>(&damaged) {
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

//! A checkpoint as the bytes of a SafeTensors file.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use burn::tensor::{DType, TensorData};
use safetensors::tensor::{Dtype, Metadata, TensorView};
use safetensors::{SafeTensorError, SafeTensors};
use seqjepa_data::regular::open_regular;
use seqjepa_nn::StateDict;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::content::{Checkpoint, Progress};
use super::error::CheckpointError;
use crate::history::History;
use crate::storage::{Folder, StorageError, abridged, check_nesting, write_atomically, yaml_words};

pub(super) const HEADER_KEY: &str = "seqjepa";
const DIGEST_KEY: &str = "sha256";
/// Format 1 had neither a digest nor an epoch under way, format 2 the metrics of all epochs; both are still read.
const FORMAT: u32 = 3;
/// The first format without the metrics themselves.
const WITHOUT_ROWS: u32 = 3;

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
    /// [`CheckpointError::Storage`], and [`CheckpointError::Invalid`] if its record does not fit into a header; an earlier file
    /// of that name is then untouched.
    pub fn save(&self, path: &Path) -> Result<(), CheckpointError> {
        let bytes = encode(self).map_err(|message| CheckpointError::invalid(path, message))?;
        Ok(write_atomically(path, &bytes)?)
    }

    /// The same in a folder that is held open.
    pub(super) fn save_in(&self, folder: &Folder, name: &str) -> Result<(), CheckpointError> {
        let refuse = |message| CheckpointError::invalid(&folder.path().join(name), message);
        Ok(folder.write(name, &encode(self).map_err(refuse)?)?)
    }

    /// Reads a file that [`Checkpoint::save`] wrote, and holds it against its digest.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Storage`] if it cannot be read or is no regular file, [`CheckpointError::Invalid`] if it is no such file
    /// or is damaged.
    pub fn load(path: &Path) -> Result<Self, CheckpointError> {
        let bytes = open_regular(path, u64::MAX)
            .and_then(|(file, length)| read_as_long_as_it_says(file, length))
            .map_err(|source| StorageError::new("read the checkpoint", path, source))?;
        decode(&bytes).map_err(|fault| fault.of(path))
    }

    /// The same in a folder that is held open.
    pub(super) fn load_in(folder: &Folder, name: &str) -> Result<Self, CheckpointError> {
        let path = folder.path().join(name);
        let file = folder.open(name, u64::MAX)?;
        let bytes = file.metadata().and_then(|data| read_as_long_as_it_says(file, data.len()));
        let bytes = bytes.map_err(|source| StorageError::new("read the checkpoint", &path, source))?;
        decode(&bytes).map_err(|fault| fault.of(&path))
    }
}

/// Why bytes are no checkpoint.
#[derive(Debug)]
enum Fault {
    /// They are something else.
    Foreign(&'static str),
    /// What was expected and found.
    Damaged(String),
}

impl Fault {
    fn of(self, path: &Path) -> CheckpointError {
        match self {
            Self::Foreign(found) => CheckpointError::Foreign { path: path.to_owned(), found },
            Self::Damaged(message) => CheckpointError::invalid(path, message),
        }
    }
}

impl From<String> for Fault {
    fn from(message: String) -> Self {
        Self::Damaged(message)
    }
}

/// What a file is that does not begin as SafeTensors does: with the length of a JSON object, and the object.
fn other_format(bytes: &[u8]) -> Option<&'static str> {
    // A zip archive, and a pickle of protocol 2 to 5.
    if bytes.starts_with(b"PK\x03\x04") || matches!(bytes, [0x80, 2..=5, ..]) && bytes.get(8) != Some(&b'{') {
        return Some("a PyTorch checkpoint");
    }
    match bytes.get(8) {
        Some(b'{') | None => None,
        Some(_) => Some("a file of another format"),
    }
}

/// Reads a whole file if its header says that it is as long as it is; else the header alone, which does not decode. A file with
/// holes is as long as somebody likes.
fn read_as_long_as_it_says(file: File, length: u64) -> io::Result<Vec<u8>> {
    /// As SafeTensors has it.
    const LONGEST_HEADER: u64 = 100_000_000;
    let mut bytes = Vec::new();
    (&file).take(8).read_to_end(&mut bytes)?;
    if let Ok(header) = <[u8; 8]>::try_from(&bytes[..]) {
        (&file).take(u64::from_le_bytes(header).min(LONGEST_HEADER)).read_to_end(&mut bytes)?;
    }
    let said = serde_json::from_slice::<Metadata>(bytes.get(8..).unwrap_or_default());
    if said.is_ok_and(|said| said.data_len() as u64 == length.saturating_sub(bytes.len() as u64)) {
        let rest = usize::try_from(length).map_err(|_| io::ErrorKind::OutOfMemory)? - bytes.len();
        bytes.try_reserve_exact(rest).map_err(|_| io::ErrorKind::OutOfMemory)?;
        file.take(rest as u64).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
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
    // The header may be at most 100 MB.
    safetensors::serialize(views, Some(metadata)).map_err(|error| format!("it cannot be written: {error}"))
}

fn decode<R: DeserializeOwned>(bytes: &[u8]) -> Result<Checkpoint<R>, Fault> {
    if let Some(found) = other_format(bytes) {
        return Err(Fault::Foreign(found));
    }
    let damaged = |error: SafeTensorError| {
        let found = match error {
            SafeTensorError::HeaderTooSmall
            | SafeTensorError::InvalidHeaderLength
            | SafeTensorError::MetadataIncompleteBuffer => {
                "one of another length than its header says: it may be cut short".to_owned()
            }
            _ => "a header that does not describe its bytes".to_owned(),
        };
        format!("expected a whole SafeTensors file, found {found}")
    };
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let metadata = metadata.metadata().clone().unwrap_or_default();
    let Some(text) = metadata.get(HEADER_KEY) else {
        return Err(Fault::Foreign("a SafeTensors file of another program"));
    };
    let unread = |found| format!("expected metadata as a run writes them, found {found}: it is damaged");
    check_nesting(text).map_err(unread)?;
    let header: ReadHeader<R> = serde_yaml::from_str(text).map_err(|error| unread(yaml_words(&error)))?;
    if !(1..=FORMAT).contains(&header.format) {
        let found = header.format;
        return Err(
            format!("expected format 1 to {FORMAT}, found {found}: it may be of a newer version").into()
        );
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
        let dtype = from_safetensors(view.dtype()).ok_or_else(|| {
            let name = abridged(&name);
            format!("tensor `{name}`: expected f32, f64, i64, i32 or u64, found {:?}", view.dtype())
        })?;
        let data = TensorData::from_bytes_vec(view.data().to_vec(), view.shape().to_vec(), dtype);
        let section = match section {
            "model" => &mut checkpoint.model,
            "optimizer" => &mut checkpoint.optimizer,
            "probes" => &mut checkpoint.probes,
            _ => {
                let name = abridged(&name);
                return Err(format!("tensor `{name}`: expected a name in model, optimizer or probes").into());
            }
        };
        section.push((path.to_owned(), data));
    }
    if header.format > 1 {
        let expected = metadata.get(DIGEST_KEY).map_or("none", String::as_str);
        let found = digest(text, &checkpoint.sections());
        if expected != found {
            let expected = abridged(expected);
            return Err(
                format!("it is damaged: expected content with SHA-256 {expected}, found {found}").into()
            );
        }
    }
    complete(&mut checkpoint.progress, header.format)?;
    Ok(checkpoint)
}

/// Refuses what no run can have written, and says of an earlier file where its metrics end.
fn complete(progress: &mut Progress, format: u32) -> Result<(), String> {
    let epoch = progress.epoch;
    if format >= WITHOUT_ROWS && progress.rows.is_empty() {
        let found = progress.history.lines;
        return if found > epoch {
            Err(format!("expected at most the metrics of {epoch} epochs, found {found}"))
        } else {
            Ok(())
        };
    }
    let epochs: Vec<_> = progress.rows.iter().map(|row| row.epoch).collect();
    if epochs.len() != epoch || epochs.iter().enumerate().any(|(at, epoch)| *epoch != at + 1) {
        return Err(format!("expected the metrics of {epoch} epochs, found {}", epochs.len()));
    }
    progress.history = History::of(&progress.rows).position();
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
    format!("{:x}", hash.finalize())
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
        rows[1].push("ep_loss", 0.125);
        Checkpoint {
            progress: Progress {
                version: "0".into(),
                commit: None,
                epoch: 2,
                step,
                under_way: UnderWay { train_batches: 3, loss_sum: 0.1 + 0.2, ..UnderWay::default() },
                skipped_steps: 0,
                history: History::of(&rows).position(),
                rows: Vec::new(),
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
        let history = read.progress.history.clone();
        assert_eq!((history.lines, history.last.unwrap().get("ep_loss")), (2, Some(0.125)));
        assert_eq!(read.digest(), written.digest());
    }

    /// A row has about 40 figures.
    #[test]
    fn a_checkpoint_does_not_grow_with_the_epochs() {
        let mut history = History::default();
        let mut lengths = Vec::new();
        for epoch in 1..=100_000 {
            let mut row = MetricsRow::new(epoch);
            for figure in 0..40 {
                row.push(format!("a_figure_of_an_epoch_{figure}"), (epoch * 40 + figure) as f64 / 3.0);
            }
            history.push(&row);
            if [1, 100_000].contains(&epoch) {
                let mut checkpoint = checkpoint(64);
                (checkpoint.progress.epoch, checkpoint.progress.history) = (epoch, history.position());
                lengths.push(encode(&checkpoint).unwrap().len());
            }
        }
        assert!(history.position().bytes > 100 << 20);
        assert!(lengths[1] < lengths[0] + 1024 && lengths[1] < 16 << 10, "{lengths:?}");
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
        assert!(
            message.ends_with(
                "expected a checkpoint of this project, found a SafeTensors file of another program"
            ),
            "{message}"
        );
        assert!(Checkpoint::<NoRecord>::load(&scratch.path().join("absent")).is_err());
    }

    /// A terabyte that takes no room on the disk.
    #[test]
    fn a_file_of_holes_is_not_read() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("last.safetensors");
        checkpoint(64).save(&path).unwrap();
        for start in [vec![], fs::read(&path).unwrap()] {
            fs::write(&path, start).unwrap();
            let file = File::options().write(true).open(&path).unwrap();
            if file.set_len(1 << 40).is_err() {
                // Not on every file system.
                file.set_len(1 << 30).unwrap();
            }
            let message = Checkpoint::<NoRecord>::load(&path).unwrap_err().to_string();
            assert!(message.contains("whole SafeTensors file"), "{message}");
        }
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

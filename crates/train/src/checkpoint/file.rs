//! A checkpoint as the bytes of a SafeTensors file.

use std::collections::HashMap;

use burn::tensor::{DType, TensorData};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use seqjepa_nn::StateDict;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Checkpoint, Progress};
use crate::fingerprint::hex;

const HEADER_KEY: &str = "seqjepa";
const DIGEST_KEY: &str = "sha256";
/// Format 1 had neither a digest nor an epoch under way; it is still read.
const FORMAT: u32 = 2;

#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    #[serde(flatten)]
    progress: Progress,
}

pub(super) fn encode(checkpoint: &Checkpoint) -> Result<Vec<u8>, String> {
    let header = Header { format: FORMAT, progress: checkpoint.progress.clone() };
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

pub(super) fn decode(bytes: &[u8]) -> Result<Checkpoint, String> {
    let damaged = |error| format!("expected a whole SafeTensors file, found {error}");
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let metadata = metadata.metadata().clone().unwrap_or_default();
    let text = metadata.get(HEADER_KEY).ok_or_else(|| {
        format!("expected metadata `{HEADER_KEY}`, found none: not a checkpoint of this project")
    })?;
    let header: Header =
        serde_yaml::from_str(text).map_err(|error| format!("its metadata does not read: {error}"))?;
    if !(1..=FORMAT).contains(&header.format) {
        return Err(format!("expected format {FORMAT} or less, found {}", header.format));
    }
    let mut checkpoint =
        Checkpoint { progress: header.progress, model: vec![], optimizer: vec![], probes: vec![] };
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
pub(super) fn digest(header: &str, sections: &[(&str, &StateDict); 3]) -> String {
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
    hex(hash)
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

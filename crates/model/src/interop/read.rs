//! Reads named tensors from a file.

use super::error::ExchangeError;
use super::pytorch;
use burn::tensor::{DType, Shape, TensorData};
use safetensors::{Dtype, SafeTensors};
use seqjepa_nn::StateDict;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Reads all tensors of a SafeTensors file or of a PyTorch checkpoint (`.pt`, `.pth`, of any version since 0.1.10, told apart by
/// content), sorted by name. Nested dictionaries and sequences of a checkpoint give dotted names, as `model.agg_token`, a pickled
/// `torch.nn.Module` those of its `state_dict()`. What is not a tensor is passed over, and so are tensors of types that Burn lacks and
/// those in other objects' attributes. Nothing in the file is executed. Strided views and shared storages come out as whole tensors,
/// booleans as bytes.
///
/// Beside the tensors, reading takes at most 1 GiB of memory, and for a pickle of n bytes about 100 n at most: of a pickle that is
/// longer than 64 MiB, or of one of more than a million objects, nothing is read.
///
/// # Errors
/// [`ExchangeError::Io`] if the file cannot be read, [`ExchangeError::Format`] if it is no regular file, neither of the two, damaged,
/// holds in SafeTensors a tensor of a type that Burn lacks, or declares far more elements than it holds.
pub fn read_tensors(path: &Path) -> Result<StateDict, ExchangeError> {
    let mut file = open(path)?;
    let mut start = Vec::new();
    let read = file.by_ref().take(9).read_to_end(&mut start);
    read.and_then(|_| file.seek(SeekFrom::Start(0)))
        .map_err(|source| ExchangeError::io("read", path, source))?;
    // SafeTensors starts with the length of its header in 8 bytes, then the header's opening brace.
    let safetensors = start.get(8) == Some(&b'{');
    let mut tensors = if safetensors { from_safetensors(path, file)? } else { pytorch::read(path, file)? };
    tensors.sort_by(|(left, _), (right, _)| left.cmp(right));
    Ok(tensors)
}

/// Opens a regular file: a pipe would keep its reader waiting, a device would never end.
fn open(path: &Path) -> Result<File, ExchangeError> {
    let refuse = |source| ExchangeError::io("open", path, source);
    if !std::fs::metadata(path).map_err(refuse)?.is_file() {
        return Err(ExchangeError::format(path, "a regular file", "another kind of file"));
    }
    File::open(path).map_err(refuse)
}

fn from_safetensors(path: &Path, mut file: File) -> Result<StateDict, ExchangeError> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|source| ExchangeError::io("read", path, source))?;
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|error| ExchangeError::format(path, "a SafeTensors file", error))?;
    file.iter()
        .map(|(name, view)| {
            let dtype = match view.dtype() {
                Dtype::F64 => DType::F64,
                Dtype::F32 => DType::F32,
                Dtype::F16 => DType::F16,
                Dtype::BF16 => DType::BF16,
                Dtype::I64 => DType::I64,
                Dtype::I32 => DType::I32,
                Dtype::I16 => DType::I16,
                Dtype::I8 => DType::I8,
                Dtype::U64 => DType::U64,
                Dtype::U32 => DType::U32,
                Dtype::U16 => DType::U16,
                Dtype::U8 | Dtype::BOOL => DType::U8,
                other => {
                    let found = format!("`{name}` of type {other:?}");
                    return Err(ExchangeError::format(path, "float or integer tensors", found));
                }
            };
            tensor(path, name, view.data().to_vec(), view.shape().to_vec(), dtype)
        })
        .collect()
}

fn tensor(
    path: &Path,
    name: &str,
    bytes: Vec<u8>,
    shape: Vec<usize>,
    dtype: DType,
) -> Result<(String, TensorData), ExchangeError> {
    let data = TensorData::try_from_bytes_vec(bytes, Shape::from(shape), dtype).map_err(|error| {
        ExchangeError::format(path, "as many bytes as the shape says", format!("`{name}`: {error}"))
    })?;
    Ok((name.to_owned(), data))
}

//! Reads named tensors from a file.

use super::error::ExchangeError;
use burn::tensor::{DType, Shape, TensorData};
use pytorch_reader::PytorchReader;
use safetensors::{Dtype, SafeTensors};
use seqjepa_nn::StateDict;
use std::io::Read;
use std::path::Path;
use zip::ZipArchive;

/// Reads all tensors of a SafeTensors file or of a PyTorch checkpoint (`.pt`, `.pth`, told apart by
/// content), sorted by name. Nested dictionaries of a checkpoint give dotted names, as `model.agg_token`;
/// what is not a tensor is passed over. Nothing in the file is executed. Strided views and shared storages come
/// out as whole tensors, booleans as bytes.
///
/// # Errors
/// [`ExchangeError::Io`] if the file cannot be read, [`ExchangeError::Format`] if it is neither of the two, is damaged,
/// holds a tensor of a type that Burn lacks, or declares far more elements than it holds.
pub fn read_tensors(path: &Path) -> Result<StateDict, ExchangeError> {
    refuse_special(path)?;
    let mut tensors = if is_safetensors(path)? { from_safetensors(path)? } else { from_pytorch(path)? };
    tensors.sort_by(|(left, _), (right, _)| left.cmp(right));
    Ok(tensors)
}

/// Refuses what is no regular file before it is opened: a pipe would be waited for, a device never ends.
fn refuse_special(path: &Path) -> Result<(), ExchangeError> {
    let metadata = std::fs::metadata(path).map_err(|source| ExchangeError::io("open", path, source))?;
    if metadata.is_file() {
        return Ok(());
    }
    let found = if metadata.is_dir() { "a folder" } else { "a pipe, socket or device" };
    Err(ExchangeError::format(path, "a regular file", found))
}

/// SafeTensors starts with the length of its header in 8 bytes, then the header's opening brace.
fn is_safetensors(path: &Path) -> Result<bool, ExchangeError> {
    let mut start = Vec::new();
    let mut file = std::fs::File::open(path).map_err(|source| ExchangeError::io("open", path, source))?;
    let read = file.by_ref().take(9).read_to_end(&mut start);
    read.map_err(|source| ExchangeError::io("read", path, source))?;
    Ok(start.get(8) == Some(&b'{'))
}

fn from_safetensors(path: &Path) -> Result<StateDict, ExchangeError> {
    let bytes = std::fs::read(path).map_err(|source| ExchangeError::io("read", path, source))?;
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

fn from_pytorch(path: &Path) -> Result<StateDict, ExchangeError> {
    check_container(path)?;
    let reader = PytorchReader::new(path)
        .map_err(|error| ExchangeError::format(path, "a SafeTensors file or a PyTorch checkpoint", error))?;
    let tensors = reader.into_tensors();
    check_size(path, tensors.values())?;
    tensors
        .into_iter()
        .map(|(name, stored)| {
            let dtype = match stored.dtype() {
                pytorch_reader::DType::F64 => DType::F64,
                pytorch_reader::DType::F32 => DType::F32,
                pytorch_reader::DType::F16 => DType::F16,
                pytorch_reader::DType::BF16 => DType::BF16,
                pytorch_reader::DType::I64 => DType::I64,
                pytorch_reader::DType::I32 => DType::I32,
                pytorch_reader::DType::I16 => DType::I16,
                pytorch_reader::DType::I8 => DType::I8,
                pytorch_reader::DType::U64 => DType::U64,
                pytorch_reader::DType::U32 => DType::U32,
                pytorch_reader::DType::U16 => DType::U16,
                pytorch_reader::DType::U8 | pytorch_reader::DType::Bool => DType::U8,
            };
            let bytes = stored.read().map_err(|source| ExchangeError::io("read", path, source))?;
            tensor(path, &name, bytes, stored.shape().to_vec(), dtype)
        })
        .collect()
}

/// Refuses what the reader would unpack to far more than the file holds: a compressed pickle of another magnitude, each
/// byte of which can become an object, and TAR, whose sparse entries are as long as they say they are. `torch.save`
/// compresses nothing, and wrote TAR only before version 0.2 (2017).
fn check_container(path: &Path) -> Result<(), ExchangeError> {
    let mut file = std::fs::File::open(path).map_err(|source| ExchangeError::io("open", path, source))?;
    let mut start = Vec::new();
    let read = file.by_ref().take(262).read_to_end(&mut start);
    read.map_err(|source| ExchangeError::io("read", path, source))?;
    if start.get(257..262) == Some(b"ustar") {
        return Err(ExchangeError::format(
            path,
            "a SafeTensors file or a PyTorch checkpoint",
            "a TAR archive",
        ));
    }
    if start.starts_with(b"PK") {
        let refuse = |error| ExchangeError::format(path, "a whole PyTorch checkpoint", error);
        let length = file.metadata().map_err(|source| ExchangeError::io("read", path, source))?.len();
        let mut archive = ZipArchive::new(&mut file).map_err(refuse)?;
        for index in 0..archive.len() {
            let entry = archive.by_index_raw(index).map_err(refuse)?;
            let (size, stored) = (entry.size(), entry.compressed_size().min(length));
            if size > stored.saturating_mul(4).saturating_add(1 << 20) {
                let found = format!("an entry of {size} bytes stored in {stored}");
                return Err(ExchangeError::format(path, "entries about as large as they are stored", found));
            }
        }
    }
    Ok(())
}

/// Refuses a file whose tensors together are far larger than itself. A view may repeat one stored element as often as
/// it says (`expand`), so that a file of a kilobyte can declare gigabytes; what `torch.save` makes of a model shares
/// a storage a few times at most.
fn check_size<'a>(
    path: &Path,
    tensors: impl Iterator<Item = &'a pytorch_reader::Tensor>,
) -> Result<(), ExchangeError> {
    let metadata = std::fs::metadata(path).map_err(|source| ExchangeError::io("read", path, source))?;
    let limit = metadata.len().saturating_mul(4).saturating_add(16 << 20);
    let declared = tensors.fold(0_u64, |sum, tensor| sum.saturating_add(tensor.byte_len() as u64));
    if declared > limit {
        let found = format!("tensors of {declared} bytes in a file of {}", metadata.len());
        return Err(ExchangeError::format(path, "tensors about as large as the file", found));
    }
    Ok(())
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

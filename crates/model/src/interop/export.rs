//! Writes named tensors to SafeTensors.

use super::error::ExchangeError;
use burn::tensor::{DType, TensorData};
use safetensors::tensor::{Dtype, TensorView};
use seqjepa_nn::{NnError, StateDict};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// Writes `tensors` to a SafeTensors file, whole or not at all.
///
/// # Errors
/// [`ExchangeError::Io`] if the file cannot be written, [`ExchangeError::Format`] for a tensor type that
/// SafeTensors lacks, [`ExchangeError::Nn`] for a name that occurs twice.
pub fn export_tensors(tensors: &StateDict, path: &Path) -> Result<(), ExchangeError> {
    let mut names = HashSet::new();
    if let Some((name, _)) = tensors.iter().find(|(name, _)| !names.insert(name.as_str())) {
        return Err(NnError::DuplicateTensor { name: name.clone() }.into());
    }
    let views = tensors
        .iter()
        .map(|(name, data)| Ok((name.as_str(), view(path, name, data)?)))
        .collect::<Result<Vec<_>, ExchangeError>>()?;
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let bytes = safetensors::serialize(views, Some(metadata))
        .map_err(|error| ExchangeError::format(path, "tensors that SafeTensors can hold", error))?;
    write_atomically(path, &bytes)
}

fn view<'a>(path: &Path, name: &str, data: &'a TensorData) -> Result<TensorView<'a>, ExchangeError> {
    let dtype = match data.dtype() {
        DType::F64 => Dtype::F64,
        DType::F32 => Dtype::F32,
        DType::F16 => Dtype::F16,
        DType::BF16 => Dtype::BF16,
        DType::I64 => Dtype::I64,
        DType::I32 => Dtype::I32,
        DType::I16 => Dtype::I16,
        DType::I8 => Dtype::I8,
        DType::U64 => Dtype::U64,
        DType::U32 => Dtype::U32,
        DType::U16 => Dtype::U16,
        DType::U8 => Dtype::U8,
        other => {
            let found = format!("`{name}` of type {other:?}");
            return Err(ExchangeError::format(path, "float or integer tensors", found));
        }
    };
    TensorView::new(dtype, data.shape().to_vec(), data.as_bytes())
        .map_err(|error| ExchangeError::format(path, "as many bytes as the shape says", error))
}

/// How the names of files that are being written begin.
const PREFIX: &str = ".seqjepa-";

/// Writes a file through a temporary one in the same folder, synchronised before it takes the name.
fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), ExchangeError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let write = || {
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        {
            // Temporary files are private by default; a checkpoint has the rights that the umask gives it.
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        remove_leftovers(folder);
        let mut file = builder.prefix(PREFIX).tempfile_in(folder)?;
        // So that nobody takes it for what a killed process has left.
        let _ = file.as_file().try_lock();
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|source| ExchangeError::io("write", path, source))
}

/// Removes the temporary files that killed processes have left; that of one that is at work is locked.
fn remove_leftovers(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let left = entry.file_name().to_string_lossy().starts_with(PREFIX)
            && entry.file_type().is_ok_and(|kind| kind.is_file())
            && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok());
        if left {
            // What cannot be removed is only litter.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_has_left_is_removed_and_what_another_writes_is_not() {
        let scratch = tempfile::tempdir().unwrap();
        let [left, held, other] =
            [".seqjepa-left", ".seqjepa-held", "other"].map(|name| scratch.path().join(name));
        for path in [&left, &held, &other] {
            std::fs::write(path, "half").unwrap();
        }
        let at_work = File::open(&held).unwrap();
        at_work.try_lock().unwrap();
        write_atomically(&scratch.path().join("model.safetensors"), b"whole").unwrap();
        assert!(!left.exists() && held.exists() && other.exists());
    }
}

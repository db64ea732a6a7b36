//! Arrays of features, written row by row into files that appear whole or not at all.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use seqjepa_train::storage::{StorageError, folder_of, make_folder, remove_leftovers, temporary};
use serde::Serialize;
use tempfile::NamedTempFile;

use super::error::EmbedError;

/// The kind of the files that features are written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeatureFormat {
    /// One SafeTensors file with all arrays.
    SafeTensors,
    /// NumPy's format, one file for each array.
    Npy,
}

impl FeatureFormat {
    /// The format that a path's ending names.
    ///
    /// # Errors
    ///
    /// [`EmbedError::Output`] for any ending but `.safetensors` and `.npy`.
    pub fn of(path: &Path) -> Result<Self, EmbedError> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("safetensors") => Ok(Self::SafeTensors),
            Some("npy") => Ok(Self::Npy),
            _ => Err(EmbedError::Output { found: path.display().to_string() }),
        }
    }
}

/// One array of features.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EmbeddedArray {
    /// `z_t`, `z_agg`, or `actions`.
    pub name: &'static str,
    /// The file that holds it, without folder; in SafeTensors under its name.
    pub file: String,
    /// Its extents; the elements are f32.
    pub shape: Vec<usize>,
}

/// A file under a temporary name, and the name that it will have.
struct Pending {
    path: PathBuf,
    file: NamedTempFile,
}

/// One array that is being filled.
struct Array {
    description: EmbeddedArray,
    /// Index of its file.
    file: usize,
    /// Where in the file its next value goes.
    position: u64,
    /// Values still to come.
    left: usize,
}

/// All files of one embedding.
pub(super) struct FeatureFiles {
    output: PathBuf,
    arrays: Vec<Array>,
    pending: Vec<Pending>,
}

impl FeatureFiles {
    /// Prepares the files of `arrays`, each with its name and shape.
    pub(super) fn create(
        output: &Path,
        format: FeatureFormat,
        arrays: Vec<(&'static str, Vec<usize>)>,
    ) -> Result<Self, StorageError> {
        // Of a process that was killed.
        remove_leftovers(folder_of(output));
        let mut files = Self { output: output.to_owned(), arrays: Vec::new(), pending: Vec::new() };
        match format {
            FeatureFormat::SafeTensors => files.create_safetensors(arrays)?,
            FeatureFormat::Npy => files.create_npy(arrays)?,
        }
        Ok(files)
    }

    fn create_safetensors(&mut self, arrays: Vec<(&'static str, Vec<usize>)>) -> Result<(), StorageError> {
        let mut end = 0;
        let tensors = arrays
            .iter()
            .map(|(name, shape)| {
                let start = end;
                end += size_of::<f32>() * shape.iter().product::<usize>();
                let info = TensorInfo { dtype: Dtype::F32, shape: shape.clone(), data_offsets: (start, end) };
                ((*name).to_owned(), info)
            })
            .collect();
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        let metadata = Metadata::new(Some(metadata), tensors).expect("the stretches follow one another");
        let mut header = serde_json::to_vec(&metadata).expect("a header is plain data");
        // As the format asks: the data start at a multiple of 8 bytes.
        header.resize(header.len().next_multiple_of(8), b' ');

        let length = (header.len() as u64).to_le_bytes();
        let data = self.add_file(self.output.clone(), &[&length, &header])?;
        for (name, shape) in arrays {
            let start = metadata.info(name).map_or(0, |info| info.data_offsets.0 as u64);
            self.add_array(name, shape, data + start);
        }
        Ok(())
    }

    fn create_npy(&mut self, arrays: Vec<(&'static str, Vec<usize>)>) -> Result<(), StorageError> {
        for (name, shape) in arrays {
            let path = self.output.with_extension(format!("{name}.npy"));
            let data = self.add_file(path, &[&npy_header(&shape)])?;
            self.add_array(name, shape, data);
        }
        Ok(())
    }

    /// Starts a file with these bytes; returns how many they are.
    fn add_file(&mut self, path: PathBuf, start: &[&[u8]]) -> Result<u64, StorageError> {
        let mut pending = Pending::new(path)?;
        pending.write(|file| start.iter().try_for_each(|bytes| file.write_all(bytes)))?;
        self.pending.push(pending);
        Ok(start.iter().map(|bytes| bytes.len() as u64).sum())
    }

    /// An array in the last file, from byte `position` on.
    fn add_array(&mut self, name: &'static str, shape: Vec<usize>, position: u64) {
        let index = self.pending.len() - 1;
        let file = self.pending[index].path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let left = shape.iter().product();
        let description = EmbeddedArray { name, file, shape };
        self.arrays.push(Array { description, file: index, position, left });
    }

    /// Appends rows to an array; nothing if there is none of this name.
    pub(super) fn push(&mut self, name: &str, values: &[f32]) -> Result<(), StorageError> {
        let Some(array) = self.arrays.iter_mut().find(|array| array.description.name == name) else {
            return Ok(());
        };
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let start = SeekFrom::Start(array.position);
        array.position += bytes.len() as u64;
        array.left -= values.len();
        self.pending[array.file].write(|file| file.seek(start).and_then(|_| file.write_all(&bytes)))
    }

    /// The arrays in order.
    pub(super) fn arrays(&self) -> Vec<EmbeddedArray> {
        self.arrays.iter().map(|array| array.description.clone()).collect()
    }

    /// Gives all files their names, the description's last.
    pub(super) fn finish(mut self, description: &impl Serialize) -> Result<(), StorageError> {
        for array in &self.arrays {
            assert_eq!(array.left, 0, "every row of {} has been pushed", array.description.name);
        }
        let mut json = Pending::new(self.output.with_extension("json"))?;
        let text = serde_json::to_vec_pretty(description).expect("a description is plain data");
        json.write(|file| file.write_all(&text))?;
        self.pending.push(json);
        for pending in &self.pending {
            let synced = pending.file.as_file().sync_all();
            synced.map_err(|source| StorageError::new("write", &pending.path, source))?;
        }
        for Pending { path, file } in self.pending {
            file.persist(&path).map_err(|error| StorageError::new("write", &path, error.error))?;
        }
        Ok(())
    }
}

/// The start of a file in NumPy's format, version 1.0, of f32 in C order; a multiple of 64 bytes long.
fn npy_header(shape: &[usize]) -> Vec<u8> {
    const PREAMBLE: usize = 10;
    let shape: String = shape.iter().map(|extent| format!("{extent}, ")).collect();
    let mut text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape}), }}");
    let length = (PREAMBLE + text.len() + 1).next_multiple_of(64) - PREAMBLE;
    text.extend(std::iter::repeat_n(' ', length - 1 - text.len()));
    text.push('\n');
    // Three extents of 20 digits each are far from the 65535 bytes that two bytes can count.
    let length = (text.len() as u16).to_le_bytes();
    [&b"\x93NUMPY\x01\x00"[..], &length, text.as_bytes()].concat()
}

impl Pending {
    fn new(path: PathBuf) -> Result<Self, StorageError> {
        let folder = folder_of(&path);
        make_folder(folder)?;
        let create = || {
            if path.is_dir() {
                return Err(io::Error::from(io::ErrorKind::IsADirectory));
            }
            let file = temporary().tempfile_in(folder)?;
            // Another process clears away only what nobody holds; a file system without locks has to do without.
            let _ = file.as_file().try_lock();
            // Temporary files are private by default; features are as readable as any other file.
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
            }
            Ok(file)
        };
        let file = create().map_err(|source| StorageError::new("write", &path, source))?;
        Ok(Self { path, file })
    }

    fn write(&mut self, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), StorageError> {
        write(self.file.as_file_mut()).map_err(|source| StorageError::new("write", &self.path, source))
    }
}

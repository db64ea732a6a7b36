//! Arrays of features, written row by row into files that appear whole or not at all.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use npyz::{NpyWriter, WriteOptions, WriterBuilder};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use seqjepa_train::storage::{Folder, NewFile, StorageError, folder_of};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmbeddedArray {
    /// `z_t`, `z_agg`, or `actions`.
    pub name: String,
    /// The file that holds it, without folder; in SafeTensors under its name.
    pub file: String,
    /// Its extents; the elements are f32.
    pub shape: Vec<usize>,
    /// SHA-256 of its values, little-endian, in hexadecimal; none in records of versions that wrote none.
    #[serde(default)]
    pub sha256: Option<String>,
}

/// One array that is being filled.
struct Array {
    description: EmbeddedArray,
    place: Place,
    digest: Sha256,
    /// Values still to come.
    left: usize,
}

/// Where the values of an array go.
enum Place {
    /// Into the file of that index, the next value at that byte.
    At { file: usize, position: u64 },
    /// Into a file of NumPy's format, which has the array alone.
    Npy { path: PathBuf, writer: Box<NpyWriter<f32, BufWriter<File>>> },
}

/// All files of one embedding.
pub(super) struct FeatureFiles {
    output: PathBuf,
    arrays: Vec<Array>,
    folder: Folder,
    pending: Vec<NewFile>,
}

impl FeatureFiles {
    /// Prepares the files of `arrays`, each with its name and shape.
    pub(super) fn create(
        output: &Path,
        format: FeatureFormat,
        arrays: Vec<(&'static str, Vec<usize>)>,
    ) -> Result<Self, StorageError> {
        let folder = Folder::at(folder_of(output));
        // Of a process that was killed.
        folder.remove_leftovers();
        let mut files = Self { output: output.to_owned(), arrays: Vec::new(), folder, pending: Vec::new() };
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
        let data = self.add_file(&self.output.clone(), &[&length, &header])?;
        for (name, shape) in arrays {
            let start = metadata.info(name).map_or(0, |info| info.data_offsets.0 as u64);
            let file = self.pending.len() - 1;
            self.add_array(name, shape, Place::At { file, position: data + start });
        }
        Ok(())
    }

    fn create_npy(&mut self, arrays: Vec<(&'static str, Vec<usize>)>) -> Result<(), StorageError> {
        for (name, shape) in arrays {
            let path = self.output.with_extension(format!("{name}.npy"));
            let fail = |source| StorageError::new("write", &path, source);
            let mut pending = self.folder.create(path.file_name().unwrap_or_default())?;
            let file = pending.as_file_mut().try_clone().map_err(fail)?;
            let extents: Vec<u64> = shape.iter().map(|extent| *extent as u64).collect();
            let options = WriteOptions::<f32>::new().default_dtype().shape(&extents);
            let writer = options.writer(BufWriter::new(file)).begin_nd().map_err(fail)?;
            self.pending.push(pending);
            self.add_array(name, shape, Place::Npy { path, writer: Box::new(writer) });
        }
        Ok(())
    }

    /// Starts a file with these bytes; returns how many they are.
    fn add_file(&mut self, path: &Path, start: &[&[u8]]) -> Result<u64, StorageError> {
        let mut pending = self.folder.create(path.file_name().unwrap_or_default())?;
        write(&mut pending, |file| start.iter().try_for_each(|bytes| file.write_all(bytes)))?;
        self.pending.push(pending);
        Ok(start.iter().map(|bytes| bytes.len() as u64).sum())
    }

    /// An array in the last file.
    fn add_array(&mut self, name: &'static str, shape: Vec<usize>, place: Place) {
        let file = self.pending[self.pending.len() - 1]
            .path()
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let left = shape.iter().product();
        let description = EmbeddedArray { name: name.to_owned(), file, shape, sha256: None };
        self.arrays.push(Array { description, place, digest: Sha256::new(), left });
    }

    /// Appends rows to an array; nothing if there is none of this name.
    pub(super) fn push(&mut self, name: &str, values: &[f32]) -> Result<(), StorageError> {
        let Some(array) = self.arrays.iter_mut().find(|array| array.description.name == name) else {
            return Ok(());
        };
        array.left -= values.len();
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        array.digest.update(&bytes);
        match &mut array.place {
            Place::At { file, position } => {
                let start = SeekFrom::Start(*position);
                *position += bytes.len() as u64;
                write(&mut self.pending[*file], |file| file.seek(start).and_then(|_| file.write_all(&bytes)))
            }
            Place::Npy { path, writer } => writer
                .extend(values.iter().copied())
                .map_err(|source| StorageError::new("write", path, source)),
        }
    }

    /// The arrays in order, with the digests of what they hold so far.
    pub(super) fn arrays(&self) -> Vec<EmbeddedArray> {
        let described = |array: &Array| EmbeddedArray {
            sha256: Some(format!("{:x}", array.digest.clone().finalize())),
            ..array.description.clone()
        };
        self.arrays.iter().map(described).collect()
    }

    /// Gives all files their names, the description's last.
    pub(super) fn finish(mut self, description: &impl Serialize) -> Result<(), StorageError> {
        for array in std::mem::take(&mut self.arrays) {
            assert_eq!(array.left, 0, "every row of {} has been pushed", array.description.name);
            if let Place::Npy { path, writer } = array.place {
                writer.finish().map_err(|source| StorageError::new("write", &path, source))?;
            }
        }
        self.add_file(
            &self.output.with_extension("json"),
            &[&serde_json::to_vec_pretty(description).expect("a description is plain data")],
        )?;
        for pending in &mut self.pending {
            write(pending, |file| file.sync_all())?;
        }
        self.pending.into_iter().try_for_each(|pending| pending.publish(true).map(|_| ()))
    }
}

fn write(pending: &mut NewFile, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), StorageError> {
    let written = write(pending.as_file_mut());
    written.map_err(|source| StorageError::new("write", pending.path(), source))
}

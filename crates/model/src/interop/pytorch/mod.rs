//! Reads what `torch.save` writes, without PyTorch and without running anything in it.
//!
//! A checkpoint is a pickle, which describes objects, with the bytes of tensors beside it: as entries of a ZIP archive (since
//! PyTorch 1.6) or one after the other in the same file (before). The pickle is walked by a machine of our own, since readers in
//! general refuse what they cannot represent, and scripts put all kinds of objects beside their tensors.

mod object;
mod pickle;
mod walk;

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use burn::tensor::{Shape, TensorData};
use seqjepa_nn::StateDict;
use zip::ZipArchive;
use zip::read::ZipReadOptions;
use zip::read::{ArchiveOffset, Config};

use self::object::{Element, Extent, Node, StoredTensor};
use self::pickle::{MAX_PICKLE, Pickle};
use super::error::ExchangeError;

/// What begins a file of PyTorch before 1.6: the number 0x1950a86a20f9469cfc6c, as protocol 2 writes it.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

const WHOLE: &str = "a whole PyTorch checkpoint";
const EITHER: &str = "a SafeTensors file or a PyTorch checkpoint";

/// All tensors of a checkpoint, in no order.
pub(super) fn read(path: &Path, mut file: File) -> Result<StateDict, ExchangeError> {
    let length = file.metadata().map_err(|source| ExchangeError::io("read", path, source))?.len();
    let mut start = Vec::new();
    let read = file.by_ref().take(512).read_to_end(&mut start);
    read.map_err(|source| ExchangeError::io("read", path, source))?;
    file.seek(SeekFrom::Start(0)).map_err(|source| ExchangeError::io("read", path, source))?;
    let reader = Reader { path, length };
    if start.starts_with(b"PK") {
        reader.zip(file)
    } else if start.windows(MAGIC.len()).take(64).any(|window| window == MAGIC) {
        reader.legacy(file)
    } else if start.get(257..262) == Some(b"ustar") {
        // Its sparse entries are as long as they say they are.
        Err(ExchangeError::format(path, EITHER, "a TAR archive, as PyTorch wrote before version 0.1.10"))
    } else {
        let found = match start.first() {
            None => "an empty file",
            Some(0x80) => "a pickle without tensors beside it; `torch.save` writes one with them",
            Some(_) => "other bytes",
        };
        Err(ExchangeError::format(path, EITHER, found))
    }
}

struct Reader<'a> {
    path: &'a Path,
    /// Bytes of the file.
    length: u64,
}

/// A tensor with the name that it is given.
type Named<'p> = (String, &'p StoredTensor);

impl Reader<'_> {
    fn refuse(&self, expected: &'static str, found: impl ToString) -> ExchangeError {
        ExchangeError::format(self.path, expected, found)
    }

    fn unreadable(&self, message: String) -> ExchangeError {
        ExchangeError::Pickle { path: self.path.to_owned(), message }
    }

    fn io(&self, source: std::io::Error) -> ExchangeError {
        ExchangeError::io("read", self.path, source)
    }

    /// What is taken out of a file at most, in bytes.
    fn limit(&self) -> u64 {
        self.length.saturating_mul(4).saturating_add(16 << 20)
    }

    fn zip(&self, file: File) -> Result<StateDict, ExchangeError> {
        // Where it looks for a start of its own, the crate takes the second entry for the first after a name of 30 bytes.
        let from_the_start = Config { archive_offset: ArchiveOffset::Known(0) };
        let mut archive =
            ZipArchive::with_config(from_the_start, file).map_err(|error| self.refuse(WHOLE, error))?;
        let names: Vec<String> = archive.file_names().flatten().map(Into::into).collect();
        let ends = |name: &str, end: &str| name == end || name.ends_with(&format!("/{end}"));
        let Some(main) = names.iter().find(|name| ends(name, "data.pkl")) else {
            return Err(self.refuse(WHOLE, "a ZIP archive without data.pkl"));
        };
        if names.iter().any(|name| ends(name, "constants.pkl")) {
            let found = "a TorchScript archive; `torch.save(module.state_dict(), ...)` writes its tensors";
            return Err(self.refuse(WHOLE, found));
        }
        let root = main.strip_suffix("data.pkl").unwrap_or_default().to_owned();
        let order = format!("{root}byteorder");
        if names.contains(&order) && self.entry(&mut archive, &order, 16)? != b"little" {
            return Err(self.refuse("little-endian numbers", "others"));
        }
        let bytes = self.entry(&mut archive, main, MAX_PICKLE as u64)?;
        let pickle = pickle::read(&bytes).map_err(|error| self.unreadable(error))?;
        let tensors = self.tensors(&pickle)?;
        let limit = self.limit();
        self.gather(&pickle, tensors, |key| self.entry(&mut archive, &format!("{root}data/{key}"), limit))
    }

    /// An entry of at most so many bytes. `torch.save` compresses nothing: what unpacks to far more than it holds is refused.
    fn entry(&self, archive: &mut ZipArchive<File>, name: &str, most: u64) -> Result<Vec<u8>, ExchangeError> {
        let refuse = |error| self.refuse(WHOLE, format!("entry {name}: {error}"));
        let absent = || self.refuse(WHOLE, format!("no entry {name}"));
        let index = archive.index_for_name(name).ok_or_else(absent)?;
        // A checksum of 0 is none: `torch.save` can be told not to compute them.
        let unchecked = archive.by_index_raw(index).map_err(refuse)?.crc32() == 0;
        let options = ZipReadOptions::new().ignore_crc32(unchecked);
        let mut entry = archive.by_index_with_options(index, options).map_err(refuse)?;
        let (size, stored) = (entry.size(), entry.compressed_size().min(self.length));
        if size > stored.saturating_mul(4).saturating_add(1 << 20) {
            let found = format!("an entry of {size} bytes stored in {stored}");
            return Err(self.refuse("entries about as large as they are stored", found));
        }
        if size > most {
            let found = format!("entry {name} of {size} bytes, above {most}");
            return Err(self.refuse("entries of a size that a model has", found));
        }
        let mut bytes = Vec::new();
        entry.by_ref().take(size + 1).read_to_end(&mut bytes).map_err(|source| self.io(source))?;
        if bytes.len() as u64 != size {
            return Err(self.refuse(WHOLE, format!("entry {name} of another length than it says")));
        }
        Ok(bytes)
    }

    /// The form before 1.6: pickles of a magic number, a version, the machine, the object and the keys of storages, then the storages,
    /// each with its length.
    fn legacy(&self, mut file: File) -> Result<StateDict, ExchangeError> {
        let mut bytes = Vec::new();
        file.by_ref().take(MAX_PICKLE as u64).read_to_end(&mut bytes).map_err(|source| self.io(source))?;
        let mut at = 0;
        let mut next = || {
            let pickle = pickle::read(&bytes[at..]).map_err(|error| self.unreadable(error))?;
            at += pickle.length;
            Ok::<_, ExchangeError>(pickle)
        };
        next()?;
        let version = next()?;
        if version.integer(version.root) != Some(1001) {
            return Err(self.refuse("version 1001 of PyTorch's form before 1.6", "another"));
        }
        next()?;
        let main = next()?;
        let keys = next()?;
        let Some(Node::Sequence(listed)) = keys.node(keys.root) else {
            return Err(self.refuse(WHOLE, "no list of storages"));
        };
        let tensors = self.tensors(&main)?;

        let mut places = HashMap::new();
        let mut place = at as u64;
        for key in listed {
            let key = keys.name(*key).ok_or_else(|| self.refuse(WHOLE, "a storage without a name"))?;
            let strange = || self.refuse(WHOLE, format!("storage `{key}`, which nothing is in"));
            let Extent { elements, size } = main.storages.get(&*key).copied().ok_or_else(strange)?;
            file.seek(SeekFrom::Start(place)).map_err(|source| self.io(source))?;
            let mut count = [0; 8];
            file.read_exact(&mut count).map_err(|_| self.refuse(WHOLE, format!("no storage `{key}`")))?;
            let size = elements.checked_mul(size);
            let end = size.and_then(|size| (place + 8).checked_add(size)).filter(|end| *end <= self.length);
            let (true, Some(size), Some(end)) = (u64::from_le_bytes(count) == elements, size, end) else {
                return Err(
                    self.refuse(WHOLE, format!("storage `{key}` of another length than it should have"))
                );
            };
            places.insert(key.into_owned(), (place + 8, size));
            place = end;
        }
        self.gather(&main, tensors, |key| {
            let absent = || self.refuse(WHOLE, format!("no storage `{key}`"));
            let (place, size) = places.get(key).ok_or_else(absent)?;
            file.seek(SeekFrom::Start(*place)).map_err(|source| self.io(source))?;
            let mut bytes = Vec::new();
            file.by_ref().take(*size).read_to_end(&mut bytes).map_err(|source| self.io(source))?;
            Ok(bytes)
        })
    }

    /// The tensors of types that there are, together not far larger than the file. A view may repeat one stored element as often as it
    /// says (`expand`), so that a file of a kilobyte can declare gigabytes; what `torch.save` makes of a model shares a storage a few
    /// times at most.
    fn tensors<'p>(&self, pickle: &'p Pickle<'_>) -> Result<Vec<Named<'p>>, ExchangeError> {
        let mut tensors = walk::tensors(pickle).map_err(|error| self.unreadable(error))?;
        tensors.retain(|(name, tensor)| {
            if tensor.element.is_none() {
                tracing::warn!(tensor = name, file = %self.path.display(), "passed over: a type that there is no tensor of");
            }
            tensor.element.is_some()
        });
        let declared = tensors
            .iter()
            .map(|(_, tensor)| bytes_of(tensor))
            .try_fold(0_u64, |sum, bytes| sum.checked_add(bytes?));
        match declared {
            Some(declared) if declared <= self.limit() => Ok(tensors),
            declared => {
                let declared = declared.map_or("more than 2^64".to_owned(), |bytes| bytes.to_string());
                let found = format!("tensors of {declared} bytes in a file of {}", self.length);
                Err(self.refuse("tensors about as large as the file", found))
            }
        }
    }

    /// Reads each storage once and takes its tensors out of it.
    fn gather(
        &self,
        pickle: &Pickle<'_>,
        mut tensors: Vec<Named<'_>>,
        mut storage: impl FnMut(&str) -> Result<Vec<u8>, ExchangeError>,
    ) -> Result<StateDict, ExchangeError> {
        tensors.sort_by(|(_, left), (_, right)| left.storage.cmp(&right.storage));
        let mut gathered = StateDict::with_capacity(tensors.len());
        let mut total = 0;
        for tensors in tensors.chunk_by(|(_, left), (_, right)| left.storage == right.storage) {
            let key = &tensors[0].1.storage;
            let bytes = storage(key)?;
            total += bytes.len() as u64;
            if total > self.limit() {
                let found =
                    format!("storages of more than {} bytes in a file of {}", self.limit(), self.length);
                return Err(self.refuse("storages about as large as the file", found));
            }
            let Extent { elements, size } = pickle.storages.get(key).copied().unwrap_or_default();
            if elements.checked_mul(size).is_none_or(|declared| declared > bytes.len() as u64) {
                let found =
                    format!("storage `{key}` of {} bytes, {elements} elements of {size}", bytes.len());
                return Err(self.refuse("storages as long as their elements", found));
            }
            for (name, tensor) in tensors {
                let element = tensor.element.expect("others were passed over");
                let values = taken(&bytes, tensor, element);
                let shape = Shape::from(tensor.shape.clone());
                let data = TensorData::try_from_bytes_vec(values, shape, element.dtype())
                    .map_err(|error| self.refuse(WHOLE, format!("`{name}`: {error}")))?;
                gathered.push((name.clone(), data));
            }
        }
        Ok(gathered)
    }
}

fn bytes_of(tensor: &StoredTensor) -> Option<u64> {
    let size = tensor.element?.size() as u64;
    // An extent of 0 may stand beside ones that overflow.
    if tensor.shape.contains(&0) {
        return Some(0);
    }
    tensor.shape.iter().try_fold(size, |product, extent| product.checked_mul(*extent as u64))
}

/// The elements of a tensor, row by row. It was seen to lie within its storage.
fn taken(storage: &[u8], tensor: &StoredTensor, element: Element) -> Vec<u8> {
    let size = element.size();
    let StoredTensor { shape, stride, offset, .. } = tensor;
    let count: usize = shape.iter().product();
    let place = |offset: u64| usize::try_from(offset).expect("it lies within memory") * size;
    let mut values = if count == 0 {
        Vec::new()
    } else if is_contiguous(shape, stride) {
        storage[place(*offset)..][..count * size].to_vec()
    } else {
        let mut values = Vec::with_capacity(count * size);
        let mut index = vec![0; shape.len()];
        let mut at = *offset;
        for _ in 0..count {
            values.extend_from_slice(&storage[place(at)..][..size]);
            for axis in (0..shape.len()).rev() {
                at += stride[axis] as u64;
                index[axis] += 1;
                if index[axis] < shape[axis] {
                    break;
                }
                at -= (shape[axis] * stride[axis]) as u64;
                index[axis] = 0;
            }
        }
        values
    };
    if element == Element::Bool {
        values.iter_mut().for_each(|value| *value = (*value).min(1));
    }
    values
}

/// Whether elements follow one another. The stride of an axis of one element says nothing.
fn is_contiguous(shape: &[usize], stride: &[usize]) -> bool {
    let mut expected = 1;
    shape.iter().zip(stride).rev().all(|(extent, stride)| {
        let follows = *extent == 1 || *stride == expected;
        expected *= extent;
        follows
    })
}

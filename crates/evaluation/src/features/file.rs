//! A file of features: named sections of rows, each with its checksum.
//!
//! The file is a magic number, the length and checksum of a JSON header, the header, and the sections' elements, four
//! bytes each, little-endian. Sections are written row by row as they are computed and read one at a time, so that
//! memory holds a batch or a section, never a whole pass.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crc32fast::Hasher;
use seqjepa_train::storage::{StorageError, folder_of, make_folder, reach, sync_folder, temporary};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

const MAGIC: &[u8; 8] = b"SEQJFT01";
const ELEMENT: usize = 4;
/// Far more than the header of the most sections takes.
const LONGEST_HEADER: u64 = 1 << 20;
/// Bytes read at a time.
const CHUNK: usize = 1 << 20;

/// A table of `rows` x `width` elements under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Section {
    pub(crate) name: String,
    pub(crate) rows: usize,
    pub(crate) width: usize,
    /// CRC-32 of the section's bytes in eight hexadecimal digits.
    checksum: String,
}

impl Section {
    pub(crate) fn new(name: impl Into<String>, rows: usize, width: usize) -> Self {
        Self { name: name.into(), rows, width, checksum: hex(0) }
    }

    pub(crate) fn bytes(&self) -> u64 {
        (self.rows * self.width * ELEMENT) as u64
    }

    fn shape(&self) -> (&str, usize, usize) {
        (&self.name, self.rows, self.width)
    }
}

fn hex(checksum: u32) -> String {
    format!("{checksum:08x}")
}

#[derive(Serialize, Deserialize)]
struct Header {
    key: String,
    sections: Vec<Section>,
}

impl Header {
    /// Magic number, length, checksum and text.
    fn bytes(&self) -> Vec<u8> {
        let text = serde_json::to_vec(self).expect("a header is plain data");
        let mut bytes = MAGIC.to_vec();
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(crc32fast::hash(&text).to_le_bytes());
        bytes.extend(text);
        bytes
    }
}

/// Where each section starts, behind a header of this length.
fn offsets(header: u64, sections: &[Section]) -> Vec<u64> {
    let mut next = header;
    let place = |section: &Section| {
        let offset = next;
        next += section.bytes();
        offset
    };
    sections.iter().map(place).collect()
}

/// A features file that is being written, under a temporary name.
pub(crate) struct FeatureWriter {
    file: NamedTempFile,
    key: String,
    sections: Vec<Open>,
}

struct Open {
    section: Section,
    /// Where the next row goes.
    next: u64,
    rows: usize,
    hasher: Hasher,
}

impl FeatureWriter {
    /// A file in `folder` for what `key` names.
    pub(crate) fn create(folder: &Path, key: &str, sections: Vec<Section>) -> Result<Self, StorageError> {
        make_folder(folder)?;
        let fail = |source| StorageError::new("write features in", folder, source);
        reach("create", folder).map_err(fail)?;
        let file = temporary().tempfile_in(folder).map_err(fail)?;
        // So that nobody takes it for what a killed process has left. A file system without locks has no such care.
        let _ = file.as_file().try_lock();
        let header = Header { key: key.into(), sections: sections.clone() };
        let starts = offsets(header.bytes().len() as u64, &sections);
        let open = |(section, next)| Open { section, next, rows: 0, hasher: Hasher::new() };
        Ok(Self { file, key: key.into(), sections: sections.into_iter().zip(starts).map(open).collect() })
    }

    /// Appends rows to the section `name`; sections that the file does not have are passed over.
    pub(crate) fn append(&mut self, name: &str, values: &[f32]) -> Result<(), StorageError> {
        self.append_bits(name, values.iter().map(|value| value.to_bits()))
    }

    /// The same for whole numbers.
    pub(crate) fn append_integers(&mut self, name: &str, values: &[u32]) -> Result<(), StorageError> {
        self.append_bits(name, values.iter().copied())
    }

    fn append_bits(
        &mut self,
        name: &str,
        values: impl ExactSizeIterator<Item = u32>,
    ) -> Result<(), StorageError> {
        let Some(open) = self.sections.iter_mut().find(|open| open.section.name == name) else {
            return Ok(());
        };
        let width = open.section.width;
        let rows = values.len() / width.max(1);
        assert!(
            rows * width == values.len() && open.rows + rows <= open.section.rows,
            "`{name}` has these rows"
        );
        let bytes: Vec<u8> = values.flat_map(u32::to_le_bytes).collect();
        open.hasher.update(&bytes);
        let (start, path) = (open.next, self.file.path().to_owned());
        let file = self.file.as_file_mut();
        (open.next, open.rows) = (start + bytes.len() as u64, open.rows + rows);
        let mut write = || {
            reach("write", &path)?;
            file.seek(SeekFrom::Start(start))?;
            file.write_all(&bytes)
        };
        write().map_err(|source| StorageError::new("write", &path, source))
    }

    /// Completes the file and gives it its name; without one it lives, nameless, as long as what is returned.
    pub(crate) fn finish(mut self, path: Option<&Path>) -> Result<FeatureFile, StorageError> {
        let close = |open: Open| {
            assert_eq!(open.rows, open.section.rows, "section `{}` is complete", open.section.name);
            Section { checksum: hex(open.hasher.finalize()), ..open.section }
        };
        let sections: Vec<_> = self.sections.drain(..).map(close).collect();
        let header = Header { key: self.key.clone(), sections };
        let bytes = header.bytes();
        let fail =
            |source| StorageError::new("write", path.unwrap_or(Path::new("temporary features")), source);
        let file = self.file.as_file_mut();
        let mut write = || {
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&bytes)
        };
        write().map_err(fail)?;
        let file = match path {
            Some(path) => {
                reach("rename", path).map_err(fail)?;
                self.file.as_file().sync_all().map_err(fail)?;
                let file = self.file.persist(path).map_err(|error| fail(error.error))?;
                let _ = file.unlock();
                sync_folder(folder_of(path), path)?;
                file
            }
            None => self.file.into_file(),
        };
        let path = path.unwrap_or(Path::new("the temporary features"));
        Ok(FeatureFile::of(path, file, header, bytes.len() as u64))
    }
}

/// A features file that is whole.
#[derive(Debug)]
pub(crate) struct FeatureFile {
    path: PathBuf,
    file: Mutex<File>,
    sections: Vec<(Section, u64)>,
}

impl FeatureFile {
    fn of(path: &Path, file: File, header: Header, length: u64) -> Self {
        let starts = offsets(length, &header.sections);
        let sections = header.sections.into_iter().zip(starts).collect();
        Self { path: path.to_owned(), file: Mutex::new(file), sections }
    }

    /// Opens the file of `key`, which has these sections, and checks every byte of it: `Err` says what is wrong with it.
    pub(crate) fn open(path: &Path, key: &str, sections: &[Section]) -> Result<Self, String> {
        let mut file = File::open(path).map_err(|error| error.to_string())?;
        let truncated = |error: io::Error| format!("it ends early ({error})");
        let mut start = [0; 20];
        file.read_exact(&mut start).map_err(truncated)?;
        if &start[..8] != MAGIC {
            return Err("it is no features file".into());
        }
        let length = u64::from_le_bytes(start[8..16].try_into().expect("eight bytes"));
        let size = file.metadata().map_err(|error| error.to_string())?.len();
        if length > size.min(LONGEST_HEADER) {
            return Err("it ends early".into());
        }
        let mut text = vec![0; length as usize];
        file.read_exact(&mut text).map_err(truncated)?;
        if crc32fast::hash(&text).to_le_bytes() != start[16..20] {
            return Err("the checksum of its header is wrong".into());
        }
        let header: Header = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
        // A header that somebody else has made says nothing of sizes that is not known already.
        if header.key != key
            || !header.sections.iter().map(Section::shape).eq(sections.iter().map(Section::shape))
        {
            return Err("it holds other features".into());
        }
        if size != 20 + length + sections.iter().map(Section::bytes).sum::<u64>() {
            return Err(format!("its length is {size} bytes, other than its header says"));
        }
        for section in &header.sections {
            let found = checksum(&mut file, section.bytes()).map_err(truncated)?;
            if hex(found) != section.checksum {
                return Err(format!("the checksum of `{}` is wrong", section.name));
            }
        }
        Ok(Self::of(path, file, header, 20 + length))
    }

    /// Rows and width of a section, if the file has it.
    pub(crate) fn shape(&self, name: &str) -> Option<[usize; 2]> {
        self.sections.iter().find(|(section, _)| section.name == name).map(|(s, _)| [s.rows, s.width])
    }

    /// All elements of a section, row-major; nothing if there is no such section.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<f32>, StorageError> {
        Ok(self.bits(name)?.into_iter().map(f32::from_bits).collect())
    }

    /// The same for whole numbers.
    pub(crate) fn read_integers(&self, name: &str) -> Result<Vec<u32>, StorageError> {
        self.bits(name)
    }

    fn bits(&self, name: &str) -> Result<Vec<u32>, StorageError> {
        let Some((section, offset)) = self.sections.iter().find(|(section, _)| section.name == name) else {
            return Ok(Vec::new());
        };
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let mut values = Vec::with_capacity(section.rows * section.width);
        let mut read = || {
            file.seek(SeekFrom::Start(*offset))?;
            stream(&mut file, section.bytes(), |bytes| {
                let element = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes"));
                values.extend(bytes.chunks_exact(ELEMENT).map(element));
            })
        };
        read().map_err(|source| StorageError::new("read", &self.path, source))?;
        Ok(values)
    }
}

fn checksum(file: &mut File, bytes: u64) -> io::Result<u32> {
    let mut hasher = Hasher::new();
    stream(file, bytes, |chunk| hasher.update(chunk))?;
    Ok(hasher.finalize())
}

fn stream(file: &mut File, bytes: u64, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK.min(bytes as usize)];
    let mut left = bytes as usize;
    while left > 0 {
        let chunk = &mut buffer[..left.min(CHUNK)];
        file.read_exact(chunk)?;
        take(chunk);
        left -= chunk.len();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sections() -> Vec<Section> {
        vec![Section::new("a", 3, 2), Section::new("labels", 3, 1)]
    }

    fn write(path: Option<&Path>, folder: &Path) -> FeatureFile {
        let mut writer = FeatureWriter::create(folder, "key", sections()).unwrap();
        for rows in [&[1.0, 2.0][..], &[3.0, 4.0, 5.0, 6.0]] {
            writer.append("a", rows).unwrap();
            writer.append("absent", rows).unwrap();
        }
        writer.append_integers("labels", &[7, 8, 9]).unwrap();
        writer.finish(path).unwrap()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("x.features");
        for file in [
            write(None, scratch.path()),
            write(Some(&path), scratch.path()),
            FeatureFile::open(&path, "key", &sections()).unwrap(),
        ] {
            assert_eq!(file.read("a").unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
            assert_eq!(file.read_integers("labels").unwrap(), [7, 8, 9]);
            assert_eq!((file.shape("a"), file.shape("absent")), (Some([3, 2]), None));
        }
        // The nameless file is gone, the other whole.
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 1);
    }

    #[test]
    fn every_damaged_byte_is_found() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("x.features");
        drop(write(Some(&path), scratch.path()));
        let whole = std::fs::read(&path).unwrap();
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 1;
            std::fs::write(&path, &bytes).unwrap();
            assert!(FeatureFile::open(&path, "key", &sections()).is_err(), "byte {place}");
        }
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(FeatureFile::open(&path, "key", &sections()).is_err(), "length {length}");
        }
        std::fs::write(&path, &whole).unwrap();
        assert!(FeatureFile::open(&path, "other", &sections()).is_err());
    }

    #[test]
    fn a_header_that_somebody_else_has_made_is_not_believed() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("x.features");
        for forged in [
            vec![Section::new("a", usize::MAX / 2, 8)],
            vec![Section::new("a", 3, 2)],
            vec![Section::new("a", 3, 2), Section::new("labels", 2, 1)],
        ] {
            let mut bytes = Header { key: "key".into(), sections: forged }.bytes();
            bytes.extend([0; 36]);
            std::fs::write(&path, bytes).unwrap();
            let problem = FeatureFile::open(&path, "key", &sections()).unwrap_err();
            assert!(problem.contains("other features"), "{problem}");
        }
        drop(write(Some(&path), scratch.path()));
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.push(0);
        std::fs::write(&path, bytes).unwrap();
        assert!(FeatureFile::open(&path, "key", &sections()).unwrap_err().contains("length"));
    }
}

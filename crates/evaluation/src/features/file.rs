//! A file of features: named sections of rows, each with its digest.
//!
//! The file is a magic number, the length and the signature of a JSON header, the header, and the sections' elements, four
//! bytes each, little-endian. The signature is by the user's own key over the header, which holds what the features are of and the
//! sections' digests: what somebody else has written is not read. Sections are written row by row as they are computed and read one at a time, so that
//! memory holds a batch or a section, never a whole pass.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use seqjepa_train::storage::{Folder, NewFile, StorageError, reach};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::user_key::UserKey;

const MAGIC: &[u8; 8] = b"SEQJFT02";
/// Magic number, length and signature.
const START: usize = 8 + 8 + 32;
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
    /// SHA-256 of the section's bytes in hexadecimal digits.
    sha256: String,
}

impl Section {
    pub(crate) fn new(name: impl Into<String>, rows: usize, width: usize) -> Self {
        Self { name: name.into(), rows, width, sha256: "0".repeat(64) }
    }

    pub(crate) fn bytes(&self) -> u64 {
        (self.rows * self.width * ELEMENT) as u64
    }

    fn shape(&self) -> (&str, usize, usize) {
        (&self.name, self.rows, self.width)
    }
}

#[derive(Serialize, Deserialize)]
struct Header {
    key: String,
    sections: Vec<Section>,
}

impl Header {
    /// Magic number, length, signature and text.
    fn bytes(&self, user: &UserKey) -> Vec<u8> {
        let text = serde_json::to_vec(self).expect("a header is plain data");
        let mut bytes = MAGIC.to_vec();
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(user.sign(&text));
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

/// Why a file of features is not read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is not there.
    Absent,
    /// It is somebody else's, or cannot be read.
    Foreign(String),
    /// It is this user's own and is not whole.
    Damaged(String),
}

/// A features file that is being written and has no name yet.
pub(crate) struct FeatureWriter {
    file: NewFile,
    user: UserKey,
    key: String,
    sections: Vec<Open>,
}

struct Open {
    section: Section,
    /// Where the next row goes.
    next: u64,
    rows: usize,
    hasher: Sha256,
}

impl FeatureWriter {
    /// A file in `folder` for what `key` names, which will have the name `name` if it is kept.
    pub(crate) fn create(
        folder: &Folder,
        name: &str,
        key: &str,
        user: &UserKey,
        sections: Vec<Section>,
    ) -> Result<Self, StorageError> {
        let file = folder.create(name)?;
        let header = Header { key: key.into(), sections: sections.clone() };
        let starts = offsets(header.bytes(user).len() as u64, &sections);
        let open = |(section, next)| Open { section, next, rows: 0, hasher: Sha256::new() };
        let sections = sections.into_iter().zip(starts).map(open).collect();
        Ok(Self { file, user: user.clone(), key: key.into(), sections })
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

    /// Completes the file and gives it its name; if it is not to be kept, it lives, nameless, as long as what is returned.
    pub(crate) fn finish(mut self, keep: bool) -> Result<FeatureFile, StorageError> {
        let close = |open: Open| {
            assert_eq!(open.rows, open.section.rows, "section `{}` is complete", open.section.name);
            Section { sha256: format!("{:x}", open.hasher.finalize()), ..open.section }
        };
        let sections: Vec<_> = self.sections.drain(..).map(close).collect();
        let header = Header { key: self.key.clone(), sections };
        let bytes = header.bytes(&self.user);
        let path = self.file.path().to_owned();
        let file = self.file.as_file_mut();
        let mut write = || {
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&bytes)
        };
        write().map_err(|source| StorageError::new("write", &path, source))?;
        let file = if keep { self.file.publish(true)? } else { self.file.into_nameless() };
        Ok(FeatureFile::of(&path, file, header, bytes.len() as u64))
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

    /// Opens the file of `key`, which has these sections, and checks every byte of it.
    pub(crate) fn open(
        folder: &Folder,
        name: &str,
        key: &str,
        user: &UserKey,
        sections: &[Section],
    ) -> Result<Self, Refused> {
        let foreign = |words: &str| Refused::Foreign(words.to_owned());
        let failed = |error: io::Error| match error.kind() {
            ErrorKind::UnexpectedEof => Refused::Damaged("it ends early".into()),
            _ => Refused::Foreign(error.to_string()),
        };
        let mut file = folder.open(name, u64::MAX).map_err(|error| match error.source.kind() {
            ErrorKind::NotFound => Refused::Absent,
            _ => Refused::Foreign(error.source.to_string()),
        })?;
        let mut start = [0; START];
        file.read_exact(&mut start).map_err(failed)?;
        if &start[..8] != MAGIC {
            return Err(foreign("it is no features file of this version"));
        }
        let length = u64::from_le_bytes(start[8..16].try_into().expect("eight bytes"));
        let size = file.metadata().map_err(failed)?.len();
        if length > size.min(LONGEST_HEADER) {
            return Err(Refused::Damaged("it ends early".into()));
        }
        let mut text = Vec::new();
        (&file).take(length).read_to_end(&mut text).map_err(failed)?;
        // Before anything in it is looked at.
        if !user.has_signed(&text, &start[16..]) {
            return Err(foreign("this user has not written it, or its header is damaged"));
        }
        let header: Header =
            serde_json::from_slice(&text).map_err(|error| Refused::Damaged(error.to_string()))?;
        if header.key != key
            || !header.sections.iter().map(Section::shape).eq(sections.iter().map(Section::shape))
        {
            return Err(foreign("it holds other features"));
        }
        if size != START as u64 + length + sections.iter().map(Section::bytes).sum::<u64>() {
            return Err(Refused::Damaged(format!("its length is {size} bytes, other than its header says")));
        }
        for section in &header.sections {
            let found = digest(&mut file, section.bytes()).map_err(failed)?;
            if found != section.sha256 {
                return Err(Refused::Damaged(format!("the digest of `{}` is wrong", section.name)));
            }
        }
        let path = folder.path().join(name);
        Ok(Self::of(&path, file, header, START as u64 + length))
    }

    /// Says that the file was needed just now: those that were not for longest are removed first.
    pub(crate) fn touch(&self) {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // Not being able to say so is no reason to stop.
        let _ = file.set_modified(std::time::SystemTime::now());
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

fn digest(file: &mut File, bytes: u64) -> io::Result<String> {
    let mut hasher = Sha256::new();
    stream(file, bytes, |chunk| hasher.update(chunk))?;
    Ok(format!("{:x}", hasher.finalize()))
}

fn stream(file: &mut File, bytes: u64, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut left = usize::try_from(bytes).map_err(|_| ErrorKind::FileTooLarge)?;
    let mut buffer = vec![0; CHUNK.min(left)];
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

    const NAME: &str = "x.features";

    fn user(scratch: &Path, name: &str) -> UserKey {
        UserKey::keep_in(&scratch.join("users").join(name)).unwrap()
    }

    fn sections() -> Vec<Section> {
        vec![Section::new("a", 3, 2), Section::new("labels", 3, 1)]
    }

    fn write(scratch: &Path, user: &UserKey, keep: bool) -> FeatureFile {
        let folder = Folder::at(scratch);
        let mut writer = FeatureWriter::create(&folder, NAME, "key", user, sections()).unwrap();
        for rows in [&[1.0, 2.0][..], &[3.0, 4.0, 5.0, 6.0]] {
            writer.append("a", rows).unwrap();
            writer.append("absent", rows).unwrap();
        }
        writer.append_integers("labels", &[7, 8, 9]).unwrap();
        writer.finish(keep).unwrap()
    }

    fn open(scratch: &Path, user: &UserKey) -> Result<FeatureFile, Refused> {
        FeatureFile::open(&Folder::at(scratch), NAME, "key", user, &sections())
    }

    #[test]
    fn what_is_written_is_read_back() {
        let scratch = tempfile::tempdir().unwrap();
        let user = user(scratch.path(), "me");
        assert_eq!(open(scratch.path(), &user).unwrap_err(), Refused::Absent);
        for file in [
            write(scratch.path(), &user, false),
            write(scratch.path(), &user, true),
            open(scratch.path(), &user).unwrap(),
        ] {
            assert_eq!(file.read("a").unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
            assert_eq!(file.read_integers("labels").unwrap(), [7, 8, 9]);
            assert_eq!((file.shape("a"), file.shape("absent")), (Some([3, 2]), None));
        }
        // The nameless file is gone, the other whole.
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 2);
    }

    #[test]
    fn every_damaged_byte_is_found() {
        let scratch = tempfile::tempdir().unwrap();
        let user = user(scratch.path(), "me");
        let path = scratch.path().join(NAME);
        drop(write(scratch.path(), &user, true));
        let whole = std::fs::read(&path).unwrap();
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 1;
            std::fs::write(&path, &bytes).unwrap();
            assert!(open(scratch.path(), &user).is_err(), "byte {place}");
        }
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(open(scratch.path(), &user).is_err(), "length {length}");
        }
        std::fs::write(&path, [&whole[..], &[0]].concat()).unwrap();
        assert!(open(scratch.path(), &user).is_err());
        std::fs::write(&path, &whole).unwrap();
        open(scratch.path(), &user).unwrap();
        assert!(FeatureFile::open(&Folder::at(scratch.path()), NAME, "other", &user, &sections()).is_err());
    }

    /// A file that somebody else has made as this project would, of any content, and headers of any length.
    #[test]
    fn what_somebody_else_has_written_is_not_believed() {
        let scratch = tempfile::tempdir().unwrap();
        let [me, other] = ["me", "other"].map(|name| user(scratch.path(), name));
        drop(write(scratch.path(), &other, true));
        open(scratch.path(), &other).unwrap();
        assert!(matches!(open(scratch.path(), &me), Err(Refused::Foreign(_))));
        let path = scratch.path().join(NAME);
        for forged in [
            vec![Section::new("a", usize::MAX / 2, 8)],
            vec![Section::new("a", 3, 2)],
            vec![Section::new("a", 3, 2), Section::new("labels", 2, 1)],
        ] {
            for user in [&me, &other] {
                let mut bytes = Header { key: "key".into(), sections: forged.clone() }.bytes(user);
                bytes.extend([0; 36]);
                std::fs::write(&path, bytes).unwrap();
                assert!(matches!(open(scratch.path(), &me), Err(Refused::Foreign(_))));
            }
        }
        for length in [0, 1, 1 << 20, 1 << 40, u64::MAX] {
            let bytes = [&MAGIC[..], &u64::to_le_bytes(length), &[0; 200]].concat();
            std::fs::write(&path, bytes).unwrap();
            assert!(open(scratch.path(), &me).is_err(), "{length}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_or_a_pipe_is_said_to_be_one() {
        let scratch = tempfile::tempdir().unwrap();
        let me = user(scratch.path(), "me");
        let path = scratch.path().join(NAME);
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        let Err(Refused::Foreign(words)) = open(scratch.path(), &me) else { panic!("opened") };
        assert!(words.contains("a link"), "{words}");
        std::fs::remove_file(&path).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let Err(Refused::Foreign(words)) = open(scratch.path(), &me) else { panic!("opened") };
        assert!(words.contains("a named pipe"), "{words}");
    }
}

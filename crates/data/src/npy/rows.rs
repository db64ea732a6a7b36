//! Arrays that are read a row at a time, as they do not fit into memory.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use npyz::Order;

use super::NPY;
use super::element::{self, Decode};
use super::header::Header;
use crate::dataset::file::open;
use crate::dataset::positioned::read_exact_at;
use crate::error::DataError;

/// The most numbers of a row: 512 MiB as f64.
const MAX_ROW: usize = 1 << 26;

/// An open file of numbers whose first dimension is the slowest; a row is what one of its indices leads to.
pub(crate) struct NpyRows {
    path: PathBuf,
    file: File,
    header: Header,
    decode: Decode<f64>,
    /// Numbers of a row.
    row: usize,
}

impl NpyRows {
    /// Opens an array of one dimension or more, and compares the file's length with its header.
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        let (mut file, length) = open(path, NPY)?;
        let header = Header::read(path, &mut file)?;
        let wrong =
            |field, expected: &str, found: String| DataError::malformed(path, 8, field, expected, found);
        let Some(decode) = element::number(&header.element) else {
            let found = header.element.to_string();
            return Err(wrong("type of the elements", "numbers (b, i, u, f)", found));
        };
        let Some(inner) = header.shape.get(1..) else {
            return Err(wrong("shape", "one dimension or more", "none".to_owned()));
        };
        if header.order != Order::C {
            let expected = "the first dimension slowest (fortran_order False)";
            return Err(wrong("order", expected, "the first dimension fastest".to_owned()));
        }
        let row = inner.iter().try_fold(1_usize, |count, &extent| count.checked_mul(extent));
        let Some(row) = row.filter(|row| *row <= MAX_ROW) else {
            let expected = format!("at most {MAX_ROW} numbers in a row");
            return Err(wrong("shape", &expected, format!("{:?}", header.shape)));
        };
        let count = header.count(path, usize::MAX)?;
        let bytes = (count as u64).saturating_mul(header.width as u64);
        if header.length.checked_add(bytes) != Some(length) {
            let expected = format!("{} bytes of header and {bytes} of {count} elements", header.length);
            return Err(DataError::FileSize { path: path.to_owned(), expected, found: length });
        }
        Ok(Self { path: path.to_owned(), file, header, decode, row })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The extents, the number of rows first.
    pub(crate) fn shape(&self) -> &[usize] {
        &self.header.shape
    }

    /// The type of the elements, as NumPy writes it: `<f4`.
    pub(crate) fn element(&self) -> String {
        self.header.element.to_string()
    }

    /// Where a number of a row is in the file, in bytes.
    pub(crate) fn offset(&self, row: usize, place: usize) -> u64 {
        let elements = row as u64 * self.row as u64 + place as u64;
        self.header.length + elements * self.header.width as u64
    }

    /// Reads row `row`, below the number of rows, into `bytes`, and gives its numbers.
    pub(crate) fn read<'a>(
        &self,
        row: usize,
        bytes: &'a mut Vec<u8>,
    ) -> Result<impl Iterator<Item = f64> + Clone + use<'a>, DataError> {
        bytes.resize(self.row * self.header.width, 0);
        let offset = self.offset(row, 0);
        read_exact_at(&self.file, bytes, offset).map_err(|error| match error.kind() {
            // It has been shortened since it was opened.
            io::ErrorKind::UnexpectedEof => DataError::Truncated {
                path: self.path.clone(),
                offset,
                expected: bytes.len() as u64,
                found: self.file.metadata().map_or(0, |metadata| metadata.len().saturating_sub(offset)),
            },
            _ => DataError::io(&self.path, "read", error),
        })?;
        Ok(bytes.chunks_exact(self.header.width).map(self.decode))
    }
}

impl std::fmt::Debug for NpyRows {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("NpyRows").field("path", &self.path).field("shape", &self.shape()).finish()
    }
}

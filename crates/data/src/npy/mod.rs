//! NumPy's files of one array, `.npy`, read as if anybody may have made them.
//!
//! Numbers of any width, sign and byte order come as `f64`, class indices as `i64`, fixed-width unicode text as [`String`]. What a
//! header declares is compared with the length of the file before memory is asked for. Arrays of Python objects, which are pickles
//! and so programs, are refused. The format: NumPy's `numpy.lib.format`, versions 1.0 to 3.0.

mod element;
mod header;
mod rows;
mod write;

pub(crate) use rows::NpyRows;

use std::io::Read;
use std::path::Path;

use npyz::{Order, TypeChar};

use crate::dataset::file::{open, try_reserve};
use crate::error::DataError;
use header::Header;

pub(crate) use write::{integer_file, number_file, string_file};

/// What a file should be, in words.
const NPY: &str = "a NumPy file (.npy)";

/// The most dimensions of an array.
const MAX_DIMENSIONS: usize = 32;

/// An array in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NpyArray<T> {
    /// Its extents; none for a single value.
    pub shape: Vec<usize>,
    /// The elements, the last dimension fastest, whichever order the file has; as many as the product of the extents.
    pub values: Vec<T>,
}

/// Reads booleans, integers or floating-point numbers of any width (16 to 64 bits for the latter) and byte order, at most `limit`
/// of them. Integers beyond 2^53 are rounded.
///
/// # Errors
/// With the path: [`DataError::Missing`], [`DataError::NotRegular`], [`DataError::Io`]; [`DataError::Malformed`] for a header that
/// is not NumPy's, and for elements of another kind; [`DataError::FileSize`] for a file that is longer or shorter than its header
/// says; [`DataError::TooLarge`] for more elements than `limit`.
pub fn read_numbers(path: &Path, limit: usize) -> Result<NpyArray<f64>, DataError> {
    let array = read(path, limit, "numbers (b, i, u, f)")?;
    let decode = element::number(&array.header.element).ok_or_else(|| array.wrong_element())?;
    array.decode(|_, bytes| Ok(decode(bytes)))
}

/// Reads a list of integers, as class indices are, at most `limit` of them.
///
/// # Errors
/// As [`read_numbers`]; also [`DataError::Malformed`] for more or fewer than one dimension, and for a value that `i64` cannot hold.
pub fn read_integers(path: &Path, limit: usize) -> Result<Vec<i64>, DataError> {
    let array = read(path, limit, "integers (i, u)")?;
    let decode = element::integer(&array.header.element).ok_or_else(|| array.wrong_element())?;
    array.decode_list(|array, bytes| {
        let value = decode(bytes);
        i64::try_from(value).map_err(|_| array.malformed("integer", "at most 2^63 - 1", value))
    })
}

/// Reads a list of text of fixed width (`<U43`), at most `limit` items, without the zeros at their ends.
///
/// # Errors
/// As [`read_numbers`]; also [`DataError::Malformed`] for more or fewer than one dimension, and for what is no unicode character.
pub fn read_strings(path: &Path, limit: usize) -> Result<Vec<String>, DataError> {
    let array = read(path, limit, "unicode text of fixed width (U)")?;
    if array.header.element.type_char() != TypeChar::UnicodeStr {
        return Err(array.wrong_element());
    }
    let code_point = element::code_point(&array.header.element);
    array.decode_list(|array, bytes| {
        let mut text = String::new();
        for bytes in bytes.chunks_exact(4) {
            let value = code_point(bytes);
            text.push(
                char::from_u32(value)
                    .ok_or_else(|| array.malformed("text", "unicode characters", format!("{value:#x}")))?,
            );
        }
        text.truncate(text.trim_end_matches('\0').len());
        Ok(text)
    })
}

/// The header and the bytes of the elements, whose number is right.
struct RawArray<'a> {
    path: &'a Path,
    /// What the elements should be.
    expected: &'static str,
    header: Header,
    bytes: Vec<u8>,
}

fn read<'a>(path: &'a Path, limit: usize, expected: &'static str) -> Result<RawArray<'a>, DataError> {
    let (mut file, length) = open(path, NPY)?;
    let header = Header::read(path, &mut file)?;
    let count = header.count(path, limit)?;
    // A header cannot say more than 10^18, nor an element more than its own width of bytes.
    let bytes = (count as u64).saturating_mul(header.width as u64);
    if header.length.checked_add(bytes) != Some(length) {
        let expected = format!("{} bytes of header and {bytes} of {count} elements", header.length);
        return Err(DataError::FileSize { path: path.to_owned(), expected, found: length });
    }
    let mut buffer = try_reserve(path, bytes)?;
    file.by_ref().take(bytes).read_to_end(&mut buffer).map_err(|error| DataError::io(path, "read", error))?;
    if buffer.len() as u64 != bytes {
        let found = buffer.len() as u64;
        let (path, offset) = (path.to_owned(), header.length);
        return Err(DataError::Truncated { path, offset, expected: bytes, found });
    }
    Ok(RawArray { path, expected, header, bytes: buffer })
}

impl RawArray<'_> {
    fn malformed(&self, field: &'static str, expected: impl Into<String>, found: impl ToString) -> DataError {
        DataError::malformed(self.path, self.header.length, field, expected, found)
    }

    fn wrong_element(&self) -> DataError {
        let found = self.header.element.to_string();
        DataError::malformed(self.path, 0, "type of the elements", self.expected, found)
    }

    /// The elements of an array of one dimension.
    fn decode_list<T>(
        self,
        decode: impl Fn(&Self, &[u8]) -> Result<T, DataError>,
    ) -> Result<Vec<T>, DataError> {
        if self.header.shape.len() != 1 {
            let found = format!("{} dimensions", self.header.shape.len());
            return Err(DataError::malformed(self.path, 0, "shape", "one dimension", found));
        }
        Ok(self.decode(decode)?.values)
    }

    fn decode<T>(
        self,
        decode: impl Fn(&Self, &[u8]) -> Result<T, DataError>,
    ) -> Result<NpyArray<T>, DataError> {
        let Header { shape, order, width, .. } = &self.header;
        let mut values = Vec::new();
        let count = self.bytes.len().checked_div(*width).unwrap_or(0);
        let too_large = |_| DataError::TooLarge {
            origin: self.path.to_owned(),
            limit: isize::MAX as u64,
            found: (count as u64).saturating_mul(size_of::<T>() as u64),
        };
        values.try_reserve_exact(count).map_err(too_large)?;
        let element = |at: usize| decode(&self, &self.bytes[at * width..][..*width]);
        if *order == Order::C || shape.len() < 2 {
            for at in 0..count {
                values.push(element(at)?);
            }
        } else {
            for at in 0..count {
                values.push(element(first_fastest(at, shape))?);
            }
        }
        Ok(NpyArray { shape: shape.clone(), values })
    }
}

/// The place in a file whose first dimension is fastest of the element at place `at` where the last is.
fn first_fastest(mut at: usize, shape: &[usize]) -> usize {
    let mut place = 0;
    let mut stride: usize = shape.iter().product();
    for extent in shape.iter().rev() {
        stride /= extent;
        place += at % extent * stride;
        at /= extent;
    }
    place
}

#[cfg(test)]
mod tests;

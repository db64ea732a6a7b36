//! The head of a file: which elements, how many, in which order.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use npyz::{DType, NpyHeader, Order, TypeStr};

use super::MAX_DIMENSIONS;
use crate::error::DataError;

/// The longest text of a header; NumPy's own limit (`max_header_size`).
const MAX_TEXT: usize = 10_000;

/// A header that was checked.
pub(super) struct Header {
    /// Bytes before the elements.
    pub(super) length: u64,
    pub(super) element: TypeStr,
    /// Bytes of an element.
    pub(super) width: usize,
    pub(super) shape: Vec<usize>,
    pub(super) order: Order,
}

impl Header {
    pub(super) fn read(path: &Path, file: &mut File) -> Result<Self, DataError> {
        let mut head = [0; 12];
        let mut have = 0;
        let mut bytes = |have: &mut usize, wanted: usize, head: &mut [u8]| -> Result<(), DataError> {
            let read = file.read_exact(&mut head[*have..wanted]);
            *have = wanted;
            read.map_err(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => {
                    DataError::malformed(path, 0, "header", "a NumPy header", "the end of the file")
                }
                _ => DataError::io(path, "read", error),
            })
        };
        bytes(&mut have, 8, &mut head)?;
        if &head[..6] != b"\x93NUMPY" {
            return Err(DataError::malformed(path, 0, "magic number", "that of NumPy's .npy", "other bytes"));
        }
        let (before, text) = match head[6..8] {
            [1, 0] => {
                bytes(&mut have, 10, &mut head)?;
                (10, usize::from(u16::from_le_bytes([head[8], head[9]])))
            }
            [2 | 3, 0] => {
                bytes(&mut have, 12, &mut head)?;
                let length = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
                (12, usize::try_from(length).unwrap_or(usize::MAX))
            }
            [major, minor] => {
                let found = format!("{major}.{minor}");
                return Err(DataError::malformed(path, 6, "version", "1.0, 2.0 or 3.0", found));
            }
            _ => unreachable!("two bytes"),
        };
        if text > MAX_TEXT {
            return Err(DataError::malformed(
                path,
                8,
                "length of the header",
                format!("at most {MAX_TEXT}"),
                text,
            ));
        }
        let mut header = head[..before].to_vec();
        header.resize(before + text, 0);
        let mut have = before;
        bytes(&mut have, before + text, &mut header)?;
        let length = header.len() as u64;
        let wrong = |expected: &str, found: &str| DataError::malformed(path, 8, "header", expected, found);
        let plain = plain(&header[before..]);
        plain.map_err(|found| wrong("type, order and shape of one array of numbers or text", found))?;
        let parsed = NpyHeader::from_reader(Cursor::new(header))
            .map_err(|error| wrong("NumPy's", &error.to_string()))?;
        if parsed.uses_pickled_array() {
            return Err(DataError::malformed(
                path,
                8,
                "type of the elements",
                "numbers or text",
                "Python objects, which are a pickle and are not read: save the array with `allow_pickle=False`",
            ));
        }
        let DType::Plain(element) = parsed.dtype() else {
            return Err(DataError::malformed(path, 8, "type of the elements", "numbers or text", "records"));
        };
        let width = element.num_bytes().filter(|&width| width > 0);
        let width = width.ok_or_else(|| {
            DataError::malformed(path, 8, "type of the elements", "a width of 1 byte or more", &element)
        })?;
        let shape =
            parsed.shape().iter().map(|&extent| usize::try_from(extent)).collect::<Result<Vec<_>, _>>();
        let shape = shape.map_err(|_| wrong("extents that fit into memory", "larger ones"))?;
        if shape.len() > MAX_DIMENSIONS {
            return Err(wrong("at most 32 dimensions", &shape.len().to_string()));
        }
        Ok(Self { length, element, width, shape, order: parsed.order() })
    }

    /// The number of elements, if it is at most `limit`.
    pub(super) fn count(&self, path: &Path, limit: usize) -> Result<usize, DataError> {
        let count = self.shape.iter().try_fold(1_usize, |count, &extent| count.checked_mul(extent));
        count.filter(|&count| count <= limit).ok_or_else(|| {
            let bytes = |count: usize| (count as u64).saturating_mul(self.width as u64);
            DataError::TooLarge {
                origin: path.to_owned(),
                limit: bytes(limit),
                found: bytes(count.unwrap_or(usize::MAX)),
            }
        })
    }
}

/// Whether the text of a header can be given to the parser, which recurses into brackets, and to the product of the extents, which
/// must not overflow: what a plain array's header never has is refused, with its name.
fn plain(text: &[u8]) -> Result<(), &'static str> {
    /// Digits of the extents and of the element's width together: their product is below 10^18.
    const MAX_DIGITS: usize = 18;
    let count = |wanted: fn(&u8) -> bool| text.iter().filter(|byte| wanted(byte)).count();
    if !text.is_ascii() || text.contains(&b'\\') {
        return Err("escapes, or characters beyond ASCII");
    }
    // A dictionary and a tuple; records have more.
    if count(|byte| b"([{".contains(byte)) > 2 {
        return Err("more brackets than those of a dictionary and a shape, as records have");
    }
    // Hexadecimal digits would not be counted.
    if count(u8::is_ascii_digit) > MAX_DIGITS || text.iter().any(|byte| b"xX".contains(byte)) {
        return Err("extents of more than 18 digits together");
    }
    Ok(())
}

//! The IDX format of MNIST and its relatives (LeCun, "The MNIST database"): unsigned bytes, plain or gzip.
//!
//! Header, big-endian: two zero bytes, the element type (8 = unsigned byte), the number of dimensions, then one `u32`
//! for each dimension. The elements follow in row-major order.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::dataset::file::{open, try_reserve};
use crate::error::DataError;

/// Most bytes one array may hold: 1 GiB, over twenty times MNIST's largest file.
const LIMIT: u64 = 1 << 30;

/// DEFLATE cannot expand a byte to more than this many (RFC 1951: 258 bytes from 2 bits, and headers).
const MAX_DEFLATE_RATIO: u64 = 1032;

/// An array of unsigned bytes.
pub(crate) struct IdxArray {
    /// Size of each dimension.
    pub dimensions: Vec<u32>,
    /// Elements in row-major order, as many as the product of the dimensions.
    pub data: Vec<u8>,
}

/// Reads an array of `rank` dimensions; gzip is recognised by the file's first bytes, whatever its name.
///
/// The size that the header declares is believed only after it was compared with the file's length; for gzip, with
/// the most that a file of that length can expand to.
pub(crate) fn read_idx(path: &Path, rank: u8) -> Result<IdxArray, DataError> {
    let (file, length) = open(path, &format!("an IDX file with {rank} dimensions, plain or gzip"))?;
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let start = reader.fill_buf().map_err(|error| DataError::io(path, "read", error))?;
    if start.starts_with(&[0x1f, 0x8b]) {
        let bound = length.saturating_mul(MAX_DEFLATE_RATIO);
        read_array(path, rank, Source::Gzip { decoder: Box::new(MultiGzDecoder::new(reader)), bound })
    } else {
        read_array(path, rank, Source::Plain { reader, length })
    }
}

enum Source {
    Plain { reader: BufReader<File>, length: u64 },
    Gzip { decoder: Box<MultiGzDecoder<BufReader<File>>>, bound: u64 },
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain { reader, .. } => reader.read(buffer),
            Self::Gzip { decoder, .. } => decoder.read(buffer),
        }
    }
}

fn read_array(path: &Path, rank: u8, mut source: Source) -> Result<IdxArray, DataError> {
    let mut header = [0; 4];
    read_header(path, &mut source, 0, &mut header)?;
    let magic = u32::from_be_bytes(header);
    let expected_magic = 0x0800 | u32::from(rank);
    if magic != expected_magic {
        let (expected, found) = (format!("{expected_magic:#010x}"), format!("{magic:#010x}"));
        return Err(DataError::malformed(path, 0, "magic number", expected, found));
    }
    let mut sizes = vec![0; 4 * usize::from(rank)];
    read_header(path, &mut source, 4, &mut sizes)?;
    let dimensions: Vec<u32> =
        sizes.chunks_exact(4).map(|size| u32::from_be_bytes([size[0], size[1], size[2], size[3]])).collect();

    let offset = 4 + sizes.len() as u64;
    let size = dimensions.iter().fold(1_u64, |product, &side| product.saturating_mul(u64::from(side)));
    if size > LIMIT {
        return Err(DataError::TooLarge { origin: path.to_owned(), limit: LIMIT, found: size });
    }
    match source {
        Source::Plain { length, .. } if length < offset + size => {
            return Err(truncated(path, offset, size, length - offset));
        }
        Source::Plain { length, .. } if length > offset + size => {
            let expected = format!("{} bytes for the dimensions {dimensions:?}", offset + size);
            return Err(DataError::FileSize { path: path.to_owned(), expected, found: length });
        }
        Source::Gzip { bound, .. } if size > bound => return Err(truncated(path, offset, size, bound)),
        _ => {}
    }

    let mut data = try_reserve(path, size)?;
    // One byte beyond the declared size, so that gzip reads and checks its trailer and extra data is noticed.
    let read = source.by_ref().take(size + 1).read_to_end(&mut data);
    match read {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(truncated(path, offset, size, data.len() as u64))
        }
        Err(error) => Err(DataError::io(path, "decompress", error)),
        Ok(_) if (data.len() as u64) < size => Err(truncated(path, offset, size, data.len() as u64)),
        Ok(_) if data.len() as u64 > size => Err(DataError::malformed(
            path,
            offset + size,
            "end of data",
            format!("{} bytes for the dimensions {dimensions:?}", offset + size),
            "more data",
        )),
        Ok(_) => Ok(IdxArray { dimensions, data }),
    }
}

fn truncated(path: &Path, offset: u64, expected: u64, found: u64) -> DataError {
    DataError::Truncated { path: path.to_owned(), offset, expected, found }
}

fn read_header(path: &Path, source: &mut Source, offset: u64, buffer: &mut [u8]) -> Result<(), DataError> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => return Err(truncated(path, offset, buffer.len() as u64, filled as u64)),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(truncated(path, offset, buffer.len() as u64, filled as u64));
            }
            Err(error) => return Err(DataError::io(path, "read", error)),
        }
    }
    Ok(())
}
